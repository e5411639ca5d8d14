/** Members on real ports and disks: requests, leadership, life cycle. */
import { connect } from 'node:net';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import {
  type Group,
  type Leadership,
  type Member,
  type MemberOptions,
  openMember,
  type TestCluster,
  testCluster,
} from '../../src/index.ts';
import { temporaryDirectory } from '../../src/platform/temporary-directory.ts';
import { silentLogger } from '../../src/ports/logger.ts';
import { freePorts, until } from '../processes/waiting.ts';
import { bytes, Journal, text } from './journal.ts';

const settings = { log: { segmentBytes: 2 ** 22, reserveBytes: 0, spareSegmentsMax: 0 } };
const quick = {
  tickMs: 10,
  logger: silentLogger,
  settings: { ...settings, entryBytesMax: 2 ** 20 },
} satisfies Partial<MemberOptions>;

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function folder(): Promise<string> {
  const directory = await temporaryDirectory();
  ends.push(() => directory.remove());
  return directory.path;
}

async function open(options: MemberOptions): Promise<Member> {
  const member = await openMember({ ...quick, ...options });
  ends.push(() => member.close());
  return member;
}

async function cluster(options: Partial<MemberOptions> = {}): Promise<TestCluster> {
  const opened = await testCluster({ options: { ...quick, ...options } });
  ends.push(() => opened.close());
  return opened;
}

const addressOf = ({ address }: Member): string => `${address.host}:${address.port}`;

async function leaderOf(groups: readonly Group<Journal>[]): Promise<Group<Journal>> {
  await until('a leader', () => groups.some(({ leadership }) => leadership.isLeader));
  return groups.find(({ leadership }) => leadership.isLeader)!;
}

/** The groups beside their leader. */
async function followersOf(groups: readonly Group<Journal>[]): Promise<Group<Journal>[]> {
  const leader = await leaderOf(groups);
  return groups.filter((group) => group !== leader);
}

describe('a cluster', () => {
  test('founded by three at once: each takes proposals and reads what any has written', async () => {
    const dir = await folder();
    const ports = await freePorts(3);
    const peers = ports.map((port, i) => ({ name: `m${i}`, address: `127.0.0.1:${port}` }));
    const members = await Promise.all(
      peers.map(({ name }) => open({ name, peers, dataDir: path.join(dir, name) })),
    );
    const groups = await Promise.all(members.map((member) => member.group('j', new Journal())));
    for (const [i, group] of groups.entries()) {
      expect(await group.propose(bytes(`line ${i}`))).toBe(i + 1);
      for (const other of groups) {
        expect(await other.read(({ lines }) => lines.at(-1))).toBe(`line ${i}`);
      }
    }
    await expect(groups[1]!.propose(bytes('refuse'))).rejects.toMatchObject({
      code: 'unsafe-change',
    });
    expect(members[2]!.members().map(({ name, role }) => [name, role])).toEqual([
      ['m0', 'voter'],
      ['m1', 'voter'],
      ['m2', 'voter'],
    ]);
  });

  test('keeps its word when all members restart', async () => {
    const all = await cluster();
    const groups = await all.group('j', () => new Journal());
    await groups[2]!.propose(bytes('kept'));
    for (const index of [2, 1, 0]) await all.restart(index);
    const again = await all.group('j', () => new Journal());
    for (const group of again) {
      expect(await group.read(({ lines }) => lines)).toEqual(['kept']);
    }
  });

  test('a member that is removed ends, its successor takes part', async () => {
    const all = await cluster();
    const [first, second, third] = all.members as [Member, Member, Member];
    const groups = await all.group('j', () => new Journal());
    await groups[0]!.propose(bytes('before'));
    await third.removeMember(first.id);
    expect(await first.closed).toMatchObject({ code: 'removed-member' });
    await groups[1]!.propose(bytes('after'));
    const dataDir = await folder();
    const fourth = await open({ name: 'd', dataDir, join: [addressOf(second)] });
    const group = await fourth.group('j', new Journal());
    expect(await group.read(({ lines }) => lines)).toEqual(['before', 'after']);
    expect(fourth.id).toBe(4);
    await expect(second.removeMember(99)).rejects.toMatchObject({ code: 'unknown-member' });
  });
});

describe('requests', () => {
  test('a signal gives up waiting; what was proposed may have taken effect', async () => {
    const all = await cluster();
    const groups = await all.group('j', () => new Journal());
    const [follower] = await followersOf(groups);
    const controller = new AbortController();
    const proposed = follower!.propose(bytes('given up'), { signal: controller.signal });
    controller.abort();
    await expect(proposed).rejects.toMatchObject({ code: 'aborted', maybeApplied: true });
    const early = follower!.propose(bytes('never'), { signal: AbortSignal.abort() });
    await expect(early).rejects.toMatchObject({ code: 'aborted', maybeApplied: false });
    expect(await follower!.read(({ lines }) => lines)).not.toContain('never');
  });

  test('without a majority: in no log, or maybe applied; and reads time out', async () => {
    const all = await cluster();
    const groups = await all.group('j', () => new Journal());
    const leader = await leaderOf(groups);
    const kept = groups.indexOf(leader);
    await Promise.all(all.members.filter((_, i) => i !== kept).map((member) => member.close()));
    // Whether the leader has noticed already that it is alone decides which of the two it is.
    const failed: { code: string; maybeApplied: boolean } = await leader
      .propose(bytes('lonely'), { timeoutMs: 300 })
      .then(
        () => expect.unreachable(),
        (error) => error as never,
      );
    expect([failed.code, failed.maybeApplied]).toSatisfy(([code, maybe]: [string, boolean]) =>
      maybe ? code === 'timeout' : code === 'no-leader',
    );
    await expect(leader.readIndex({ timeoutMs: 200 })).rejects.toMatchObject({ code: 'timeout' });
  });

  test('a required term fences out who has led before', async () => {
    const all = await cluster();
    const groups = await all.group('j', () => new Journal());
    const leader = await leaderOf(groups);
    const { term: requiredTerm } = leader.leadership;
    await leader.propose(bytes('mine'), { requiredTerm });
    await leader.transferLeadership();
    // Together with one that requires nothing, and goes through.
    const [fenced, free] = await Promise.allSettled([
      leader.propose(bytes('stale'), { requiredTerm }),
      leader.propose(bytes('free')),
    ]);
    expect(fenced).toMatchObject({ status: 'rejected', reason: { code: 'stale-term' } });
    expect(free.status).toBe('fulfilled');
    expect(await leader.read(({ lines }) => lines)).toEqual(['mine', 'free']);
  });

  test('calls go to the leader, whoever asks, outside the log', async () => {
    const all = await cluster();
    const groups = await all.group('j', () => new Journal());
    for (const [i, group] of groups.entries()) {
      group.onLeaderCall((payload) => bytes(`${text(payload)} to ${i}`));
    }
    const leader = groups.indexOf(await leaderOf(groups));
    await until('all to know it', () => groups.every((group) => group.leadership.leader !== 0));
    for (const group of groups) {
      expect(text(await group.callLeader(bytes('hello')))).toBe(`hello to ${leader}`);
    }
    groups[leader]!.onLeaderCall(() => Promise.reject(new Error('not today')));
    await expect(groups[(leader + 1) % 3]!.callLeader(bytes('x'))).rejects.toMatchObject({
      code: 'peer-failed',
    });
  });
});

describe('leadership', () => {
  test('is told as it changes, and handed to who is named', async () => {
    const all = await cluster();
    const groups = await all.group('j', () => new Journal());
    const leader = await leaderOf(groups);
    const [target] = await followersOf(groups);
    const id = all.members[groups.indexOf(target!)]!.id;
    const told: Leadership[] = [];
    const stop = target!.onLeadership((leadership) => told.push(leadership));
    expect(told).toHaveLength(1);
    expect(await leader.transferLeadership(id)).toBe(id);
    await until('the news', () => told.at(-1)!.isLeader);
    stop();
    expect(target!.leadership).toMatchObject({ isLeader: true, leader: id, role: 'leader' });
    expect(told.at(-1)!.term).toBeGreaterThan(told[0]!.term);
    await expect(target!.transferLeadership(99)).rejects.toMatchObject({ code: 'not-a-voter' });
  });

  test('is handed over by a member that closes, before it ends', async () => {
    const all = await cluster();
    const groups = await all.group('j', () => new Journal());
    const leader = await leaderOf(groups);
    const rest = await followersOf(groups);
    const { term } = leader.leadership;
    await all.members[groups.indexOf(leader)]!.close();
    await until('a later term', () => rest.some(({ leadership }) => leadership.term > term));
    expect(await rest[0]!.propose(bytes('goes on'))).toBe(1);
  });
});

describe('the listener', () => {
  test('also serves what is not a member', async () => {
    const dataDir = await folder();
    const member = await open({
      name: 'a',
      dataDir,
      service: (stream) => {
        stream.subscribe({
          received: (what) => {
            stream.write([bytes(`echo ${text(what)}`)]);
            stream.end();
          },
          drained: () => {},
          ended: () => {},
          closed: () => {},
        });
      },
    });
    const heard = await new Promise<string>((resolve, reject) => {
      const socket = connect(member.address.port, member.address.host, () => socket.write('{}\n'));
      let all = '';
      socket.on('data', (data) => {
        all += data.toString();
      });
      socket.once('end', () => resolve(all));
      socket.once('error', reject);
    });
    expect(heard).toBe('echo {}\n');
  });

  test('lets nobody in who does not know the secret, or whose name is taken', async () => {
    const dir = await folder();
    const a = await open({ name: 'a', dataDir: `${dir}/a`, secret: 'open sesame' });
    const join = [addressOf(a)];
    const joined = (name: string, secret: string, at = name) =>
      open({ name, dataDir: path.join(dir, at), join, secret });
    await expect(joined('b', 'open barley')).rejects.toMatchObject({ code: 'wrong-secret' });
    const b = await joined('b', 'open sesame', 'b2');
    expect(b.id).toBe(2);
    await expect(joined('b', 'open sesame', 'b3')).rejects.toMatchObject({ code: 'name-taken' });
  });
});

describe('a directory', () => {
  test('belongs to one member at a time, and is free once that has closed', async () => {
    const dataDir = await folder();
    const first = await open({ name: 'a', dataDir });
    await expect(open({ name: 'a', dataDir })).rejects.toMatchObject({ code: 'directory-locked' });
    await first.close();
    await first.close();
    expect(() => first.members()).toThrow('closed');
    await open({ name: 'a', dataDir });
  });

  test('that was wiped does not come back under the old id', async () => {
    const dir = await folder();
    const ports = await freePorts(3);
    const peers = ports.map((port, i) => ({ name: `m${i}`, address: `127.0.0.1:${port}` }));
    const refusals: unknown[] = [];
    const logger = { ...silentLogger, warn: (facts: object) => refusals.push(facts) };
    const members = await Promise.all(
      peers.map(({ name }) => open({ name, peers, dataDir: `${dir}/${name}` })),
    );
    const groups = await Promise.all(members.map((member) => member.group('j', new Journal())));
    await groups[0]!.propose(bytes('kept'));
    const incarnated = () => members[0]!.engine.system.state.members;
    await until('all incarnations', () =>
      incarnated().every(({ incarnation }) => incarnation !== undefined),
    );
    await members[2]!.close();
    const wiped = await open({ name: 'm2', peers, dataDir: `${dir}/wiped`, logger });
    await until('the refusal', () => JSON.stringify(refusals).includes('wrong-incarnation'));
    await groups[1]!.propose(bytes('without it'));
    // It must not vote: it has forgotten what it once told the others.
    expect(await wiped.closed).toMatchObject({ code: 'wrong-incarnation' });
    // Its own directory is still welcome.
    const back = await open({ name: 'm2', peers, dataDir: `${dir}/m2` });
    const group = await back.group('j', new Journal());
    expect(await group.read(({ lines }) => lines)).toEqual(['kept', 'without it']);
  });

  test('is let go when opening is given up', async () => {
    const dataDir = await folder();
    const [port] = await freePorts(1);
    const controller = new AbortController();
    const { signal } = controller;
    const opening = open({ name: 'a', dataDir, join: [`127.0.0.1:${port}`], signal });
    controller.abort();
    await expect(opening).rejects.toThrow();
    await open({ name: 'a', dataDir });
  });
});

describe('a snapshot', () => {
  test('is made, and sent to a member that was away for longer than the log is kept', async () => {
    const all = await cluster({
      settings: { ...quick.settings, snapshotAfterBytes: 50_000, keptEntries: 10 },
    });
    const groups = await all.group('j', () => new Journal());
    await all.members[2]!.close();
    const line = 'x'.repeat(1000);
    const count = 300;
    for (let n = 0; n < count; n += 50) {
      const writes = Array.from({ length: 50 }, (_, i) =>
        groups[0]!.propose(bytes(line + (n + i))),
      );
      await Promise.all(writes);
    }
    await all.restart(2);
    const machine = new Journal();
    const group = await all.members[2]!.group('j', machine);
    expect(await group.read(({ lines }) => lines.length)).toBe(count);
    expect(machine.restored).toBeGreaterThan(0);
    expect(new Set(machine.lines).size).toBe(count);
  });
});
