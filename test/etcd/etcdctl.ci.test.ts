/** Debian's etcdctl 3.4 against three members of `quorate serve` in three processes. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts, until } from '../processes/waiting.ts';
import { EtcdProcess, hasEtcd, newDirectory } from './etcd-process.ts';
import { Etcdctl } from './etcdctl.ts';
import { etcdctlAccessSuite, etcdctlSuite } from './etcdctl-suite.ts';
import { QuorateCluster } from './quorate-process.ts';

const certificate = (name: string): string =>
  join(import.meta.dirname, `../ports/certificates/${name}.pem`);

const suite = (): void => {
  let cluster: QuorateCluster;
  let ctl: Etcdctl;
  beforeAll(async () => {
    cluster = await QuorateCluster.start(3);
    ctl = new Etcdctl(cluster.endpoints);
  });
  afterAll(() => cluster?.stop());

  /** Where the leader is, among the members. */
  async function leader(): Promise<number> {
    const all = JSON.parse(await ctl.run('endpoint', 'status', '-w', 'json'));
    type Found = { Status: { leader: number; header: { member_id: number } } };
    return all.findIndex(({ Status }: Found) => Status.leader === Status.header.member_id);
  }

  etcdctlSuite('with one endpoint', () => new Etcdctl([cluster.endpoints[1]!]));
  etcdctlAccessSuite('access, with all endpoints', () => ctl);

  test('all members answer alike: status, health, hashes', async () => {
    await ctl.run('put', 'same', 'everywhere');
    expect(await ctl.run('endpoint', 'health')).not.toContain('unhealthy');
    const hashes = async () => {
      const found = JSON.parse(await ctl.run('endpoint', 'hashkv', '-w', 'json'));
      return found.map(({ HashKV }: { HashKV: { hash: number } }) => HashKV.hash);
    };
    await until('the same hash everywhere', async () => new Set(await hashes()).size === 1);
    for (const endpoint of cluster.endpoints) {
      const value = await new Etcdctl([endpoint]).run('get', 'same', '--print-value-only');
      expect(value).toBe('everywhere\n');
    }
    expect(await ctl.run('check', 'datascale', '--help')).toContain('datascale');
  });

  test('move-leader', async () => {
    const from = await leader();
    const to = (from + 1) % 3;
    const all = JSON.parse(await ctl.run('endpoint', 'status', '-w', 'json', '--hex'));
    const id = BigInt(all[to].Status.header.member_id);
    const list = await ctl.run('member', 'list');
    const hex = list
      .split('\n')
      .find((line) => line.includes(`m${to + 1},`))!
      .split(',')[0]!;
    expect(id).toBeGreaterThan(0n);
    const at = new Etcdctl([cluster.endpoints[from]!]);
    expect(await at.run('move-leader', hex)).toContain('Leadership transferred');
    await until('the new leader', async () => (await leader()) === to);
    expect(await at.fail('move-leader', hex)).toContain('no leader endpoint given');
  });

  test('member add as learner, start, promote, update, remove', async () => {
    const [client, peer, third] = (await freePorts(3)) as [number, number, number];
    const peerUrl = `http://127.0.0.1:${peer}`;
    const other = `http://127.0.0.1:${third}`;
    const notInSync = 'etcdserver: can only promote a learner member which is in sync with leader';
    await ctl.run('put', 'same', 'everywhere');
    const added = await ctl.run('member', 'add', 'm4', '--learner', `--peer-urls=${peerUrl}`);
    const [, id] = /Member +([0-9a-f]+) added to cluster/.exec(added)!;
    expect(await ctl.run('member', 'list')).toContain(`${id}, unstarted, , ${peerUrl}, , true`);
    const again = await ctl.fail('member', 'add', 'm5', `--peer-urls=${peerUrl}`);
    expect(again).toContain('Peer URLs already exists');
    expect(await ctl.fail('member', 'add', 'm5', '--learner', `--peer-urls=${other}`)).toContain(
      'etcdserver: too many learner members in cluster',
    );
    expect(await ctl.fail('member', 'promote', id!)).toContain(notInSync);
    await cluster.join('m4', { client, peer }).ready();
    const fourth = new Etcdctl([`127.0.0.1:${client}`]);
    const line = `${id}, started, m4, ${peerUrl}, http://127.0.0.1:${client}`;
    await until('it in the list', async () => (await ctl.run('member', 'list')).includes(line));

    // It follows, and serves what may be behind; nothing but a promotion changes that.
    await until('the learner to follow', async () => {
      return (await fourth.run('get', 'same', '--consistency=s')) === 'same\neverywhere\n';
    });
    expect(await fourth.run('endpoint', 'status')).toMatch(/, false, true, \d+, \d+, \d+,/);
    for (const refused of [
      ['get', 'same'],
      ['put', 'same', 'x'],
      ['member', 'list'],
      ['lease', 'grant', '10'],
      ['compact', '1'],
    ]) {
      expect(await fourth.fail(...refused)).toContain('etcdserver: rpc not supported for learner');
    }
    const watch = await fourth.try(['watch', 'same']);
    expect(watch.err).toContain('etcdserver: rpc not supported for learner');
    const saved = join(cluster.directory, 'learner.db');
    expect(await fourth.run('snapshot', 'save', saved)).toContain('Snapshot saved at');
    const at = new Etcdctl([cluster.endpoints[await leader()]!]);
    expect(await at.fail('move-leader', id!)).toContain('bad leader transferee');
    expect(await ctl.run('member', 'list')).toContain(`${line}, true`);

    await until('the promotion', async () => {
      const { code, err } = await ctl.try(['member', 'promote', id!]);
      if (code !== 0) expect(err).toContain(notInSync);
      return code === 0;
    });
    expect(await ctl.run('member', 'list')).toContain(`${line}, false`);
    expect(await ctl.fail('member', 'promote', id!)).toContain('can only promote a learner member');
    // At once, though some members may not have heard of the promotion yet.
    const from = new Etcdctl([cluster.endpoints[await leader()]!]);
    expect(await from.run('move-leader', id!)).toContain('Leadership transferred');
    expect(await fourth.run('get', 'same', '--print-value-only')).toBe('everywhere\n');
    const updated = await ctl.run('member', 'update', id!, `--peer-urls=${peerUrl}`);
    // Its ids are padded with spaces where they begin with zeros.
    expect(updated).toMatch(new RegExp(`Member +${id} updated`));
    expect(await ctl.run('member', 'remove', id!)).toMatch(new RegExp(`Member +${id} removed`));
    await until('the member to end', () => !cluster.members[3]!.running);
    expect(await ctl.run('member', 'list')).not.toContain(id);
    expect(await ctl.fail('member', 'remove', id!)).toContain('etcdserver: member not found');
    cluster.members.pop();
  });

  test('member add as voter, start: it votes by itself', async () => {
    const [client, peer] = (await freePorts(2)) as [number, number];
    const peerUrl = `http://127.0.0.1:${peer}`;
    const added = await ctl.run('member', 'add', 'm5', `--peer-urls=${peerUrl}`);
    const [, id] = /Member +([0-9a-f]+) added to cluster/.exec(added)!;
    expect(added).toContain('ETCD_INITIAL_CLUSTER_STATE="existing"');
    await cluster.join('m5', { client, peer }).ready();
    const fifth = new Etcdctl([`127.0.0.1:${client}`]);
    expect(await fifth.run('put', 'fifth', 'x')).toBe('OK\n');
    expect(await fifth.run('endpoint', 'status')).toMatch(/, false, false, \d+, \d+, \d+,/);
    expect(await ctl.fail('member', 'promote', id!)).toContain('can only promote a learner member');
    const from = new Etcdctl([cluster.endpoints[await leader()]!]);
    expect(await from.run('move-leader', id!)).toContain('Leadership transferred');
    await ctl.run('member', 'remove', id!);
    await until('the member to end', () => !cluster.members[3]!.running);
    cluster.members.pop();
  });

  test('alarm', async () => {
    expect(await ctl.run('alarm', 'list')).toBe('');
    expect(await ctl.run('alarm', 'disarm')).toBe('');
  });

  test('snapshot save, status and restore into a real etcd: keys, revisions, leases', async () => {
    const directory = newDirectory();
    const file = join(directory, 'snapshot.db');
    const [, lease] = /^lease ([0-9a-f]+)/.exec(await ctl.run('lease', 'grant', '3000'))!;
    await ctl.run('put', 'kept', 'first');
    await ctl.run('put', 'kept', 'second', `--lease=${lease}`);
    const found = JSON.parse(await ctl.run('get', 'kept', '-w', 'json'));
    const one = new Etcdctl([cluster.endpoints[0]!]);
    expect(await one.run('snapshot', 'save', file)).toContain('Snapshot saved at');
    const status = JSON.parse(await one.run('snapshot', 'status', file, '-w', 'json'));
    expect(status.revision).toBe(found.header.revision);
    expect(status.totalKey).toBeGreaterThan(0);
    const peer = 'http://127.0.0.1:1';
    await one.run(
      ...['snapshot', 'restore', file, '--data-dir', join(directory, 'data'), '--name', 'real'],
      ...['--initial-cluster', `real=${peer}`, '--initial-advertise-peer-urls', peer],
    );
    const etcd = await EtcdProcess.start(directory, ['--force-new-cluster']);
    try {
      const real = new Etcdctl([etcd.endpoint]);
      const there = JSON.parse(await real.run('get', 'kept', '-w', 'json'));
      expect(there.kvs).toEqual(found.kvs);
      const past = found.kvs[0].mod_revision - 1;
      expect(await real.run('get', 'kept', `--rev=${past}`, '--print-value-only')).toBe('first\n');
      expect(await real.run('lease', 'timetolive', lease!, '--keys')).toContain(
        'attached keys([kept])',
      );
    } finally {
      await etcd.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  });

  test('make-mirror, to a real etcd and from one', async () => {
    const etcd = await EtcdProcess.start();
    const real = new Etcdctl([etcd.endpoint]);
    try {
      await ctl.run('put', 'out/1', 'a');
      const out = ctl.follow('make-mirror', '--prefix=out/', etcd.endpoint);
      await until('the key there', async () => (await real.run('get', 'out/1')) === 'out/1\na\n');
      await ctl.run('put', 'out/2', 'b');
      await until('the next', async () => (await real.run('get', 'out/2')) === 'out/2\nb\n');
      await out.stop();
      await real.run('put', 'in/1', 'c');
      const back = real.follow('make-mirror', '--prefix=in/', cluster.endpoints[2]!);
      await until('the key here', async () => (await ctl.run('get', 'in/1')) === 'in/1\nc\n');
      await real.run('del', 'in/1');
      await until('it to go', async () => (await ctl.run('get', 'in/1')) === '');
      await back.stop();
    } finally {
      await etcd.stop();
    }
  });

  test('a member that is killed comes back, and the others go on meanwhile', async () => {
    const killed = await leader();
    await cluster.members[killed]!.stop('SIGKILL');
    const rest = new Etcdctl(cluster.endpoints.filter((_, i) => i !== killed));
    await until('a write', async () => (await rest.try(['put', 'after', 'death'])).code === 0);
    await cluster.members[killed]!.restart();
    const own = new Etcdctl([cluster.endpoints[killed]!]);
    expect(await own.run('get', 'after', '--print-value-only')).toBe('death\n');
    expect(await cluster.members[killed]!.stop()).toBe(0);
    await cluster.members[killed]!.restart();
  });

  test('without a majority writes time out, and what a member has can be read', async () => {
    const [first, ...others] = cluster.members;
    await ctl.run('put', 'here', 'still');
    const alone = new Etcdctl([first!.endpoint], ['--command-timeout=30s']);
    await until('it here', async () => {
      return (await alone.run('get', 'here', '--consistency=s')) === 'here\nstill\n';
    });
    await Promise.all(others.map((member) => member.stop('SIGKILL')));
    expect(await alone.run('get', 'here', '--consistency=s')).toBe('here\nstill\n');
    expect(await alone.fail('put', 'here', 'x')).toContain('etcdserver: request timed out');
    await Promise.all(others.map((member) => member.restart()));
    expect(await ctl.run('put', 'here', 'again')).toBe('OK\n');
  });

  test('TLS with certificates of both sides', async () => {
    const secure = await QuorateCluster.start(1, [
      ...['--cert-file', certificate('server'), '--key-file', certificate('server-key')],
      ...['--trusted-ca-file', certificate('authority'), '--client-cert-auth'],
    ]);
    try {
      const url = `https://${secure.endpoints[0]}`;
      const authority = `--cacert=${certificate('authority')}`;
      const identity = [
        `--cert=${certificate('client')}`,
        `--key=${certificate('client-key')}`,
      ] as const;
      const allowed = new Etcdctl([url], [authority, ...identity]);
      expect(await allowed.run('put', 'secret', 'x')).toBe('OK\n');
      expect(await allowed.run('get', 'secret')).toBe('secret\nx\n');
      const nobody = new Etcdctl([url], [authority, '--dial-timeout=1s', '--command-timeout=2s']);
      expect((await nobody.try(['get', 'secret'])).code).not.toBe(0);
    } finally {
      await secure.stop();
    }
  });
};

if (hasEtcd()) describe('etcdctl', suite);
else {
  test('etcdctl', (context) => {
    context.skip(true, 'needs the Debian packages etcd-server and etcd-client');
  });
}
