/** What users do with npm's etcd3, against any server of etcd's protocol. */
import { Etcd3, type IOptions, isRecoverableError } from 'etcd3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../processes/waiting.ts';

/** Describes the suite; `options` names where the server is, once it runs. */
export function etcd3Suite(name: string, options: () => IOptions): void {
  describe(name, () => {
    let client: Etcd3;
    beforeAll(() => {
      client = new Etcd3(options());
    });
    afterAll(async () => {
      await client.delete().all();
      client.close();
    });

    test('puts, gets, deletions and their builders', async () => {
      await client.put('foo1').value('bar1');
      await client.put('foo2').value(Buffer.from('bar2'));
      await client.put('foo3').value('{"deep":[1]}');
      expect(await client.get('foo1').string()).toBe('bar1');
      expect(await client.get('foo2').buffer()).toEqual(Buffer.from('bar2'));
      expect(await client.get('foo3').json()).toEqual({ deep: [1] });
      expect(await client.get('nothing')).toBeNull();
      expect(await client.get('foo1').exists()).toBe(true);
      expect(await client.getAll().prefix('foo').strings()).toMatchObject({ foo1: 'bar1' });
      expect(await client.getAll().prefix('foo').keys()).toEqual(['foo1', 'foo2', 'foo3']);
      expect(await client.getAll().prefix('foo').count()).toBe(3);
      const descending = client.getAll().prefix('foo').sort('Key', 'Descend').limit(2);
      expect(await descending.keys()).toEqual(['foo3', 'foo2']);
      const before = await client.get('foo1').exec();
      await client.put('foo1').value('later');
      const revision = before.kvs[0]!.mod_revision;
      expect(await client.get('foo1').revision(revision).string()).toBe('bar1');
      const previous = await client.put('foo1').value('last').getPrevious();
      expect(previous?.value.toString()).toBe('later');
      await client.put('foo1').touch();
      expect(await client.get('foo1').string()).toBe('last');
      const removed = await client.delete().prefix('foo').getPrevious();
      expect(removed.map(({ key }) => key.toString())).toEqual(['foo1', 'foo2', 'foo3']);
      expect(await client.delete().key('foo1')).toMatchObject({ deleted: '0' });
    });

    test('transactions by comparison, and software transactions that retry', async () => {
      await client.put('count').value(1);
      const won = await client
        .if('count', 'Value', '==', 1)
        .then(client.put('count').value(2), client.get('count'))
        .else(client.get('count'))
        .commit();
      expect(won.succeeded).toBe(true);
      expect(won.responses[1]?.response_range?.kvs[0]?.value.toString()).toBe('2');
      const lost = await client.if('count', 'Version', '==', 99).then().else().commit();
      expect(lost.succeeded).toBe(false);
      await Promise.all(
        Array.from({ length: 5 }, () =>
          client.stm({ retries: 50 }).transact(async (transaction) => {
            const value = await transaction.get('count').number();
            await transaction.put('count').value(value! + 1);
          }),
        ),
      );
      expect(await client.get('count').number()).toBe(7);
    });

    test('watchers: a key, a prefix, from a revision, cancelled', async () => {
      const events: string[] = [];
      const watcher = await client.watch().prefix('w/').withPreviousKV().create();
      watcher.on('put', (kv, previous) => {
        events.push(`put ${kv.key} ${kv.value} was ${previous?.value ?? 'nothing'}`);
      });
      watcher.on('delete', (kv, previous) => {
        events.push(`delete ${kv.key} was ${previous?.value}`);
      });
      const first = await client.put('w/1').value('a');
      await client.put('elsewhere').value('x');
      await client.put('w/1').value('b');
      await client.delete().key('w/1');
      await until('three events', () => events.length === 3);
      expect(events).toEqual(['put w/1 a was nothing', 'put w/1 b was a', 'delete w/1 was b']);
      const past: string[] = [];
      const other = await client.watch().key('w/1').startRevision(first.header.revision).create();
      other.on('put', ({ value }) => past.push(value.toString()));
      other.on('delete', () => past.push('gone'));
      await until('the past', () => past.length === 3);
      expect(past).toEqual(['a', 'b', 'gone']);
      await watcher.cancel();
      await client.put('w/2').value('c');
      await client.put('w/1').value('d');
      await until('the last', () => past.length === 4);
      expect(events).toHaveLength(3);
      await other.cancel();
    });

    test('leases: keys that go with them, keep-alive, time to live, revocation', async () => {
      const lease = client.lease(60);
      await lease.put('leased').value('x');
      expect(await client.get('leased').string()).toBe('x');
      const id = await lease.grant();
      const { TTL } = await client.leaseClient.leaseTimeToLive({ ID: id, keys: true });
      expect(Number(TTL)).toBeGreaterThan(50);
      await lease.keepaliveOnce();
      await lease.revoke();
      expect(await client.get('leased')).toBeNull();
      const gone = client.lease(60);
      await gone.grant();
      const lost = new Promise((resolve) => gone.on('lost', resolve));
      await client.leaseClient.leaseRevoke({ ID: await gone.grant() });
      await expect(gone.put('never').value('x')).rejects.toThrow(/lease/i);
      gone.release();
      void lost;
    });

    test('locks exclude each other', async () => {
      const lock = client.lock('mutex').ttl(10);
      await lock.acquire();
      await expect(client.lock('mutex').acquire()).rejects.toThrow();
      await lock.release();
      expect(await client.lock('mutex').do(async () => 'held')).toBe('held');
    });

    test('elections: one leader, then the next', async () => {
      const election = client.election('singleton', 10);
      const other = client.election('singleton', 10);
      const first = election.campaign('first');
      await new Promise((resolve) => first.once('elected', resolve));
      expect(await election.leader()).toBe('first');
      const observer = await other.observe();
      const second = other.campaign('second');
      const elected = new Promise((resolve) => second.once('elected', resolve));
      await first.resign();
      await elected;
      await until('the second to be seen', () => observer.leader() === 'second');
      await observer.cancel();
      await second.resign();
    });

    test('errors keep their kinds', async () => {
      const error = await client
        .lease(60)
        .put('')
        .value('x')
        .exec()
        .catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Error);
      expect(isRecoverableError(error as Error)).toBe(false);
      await expect(client.get('a').revision(1_000_000).string()).rejects.toThrow(/future revision/);
    });

    test('a namespace prefixes what it does', async () => {
      const inner = client.namespace('space/');
      await inner.put('k').value('v');
      expect(await client.get('space/k').string()).toBe('v');
      expect(await inner.getAll().strings()).toEqual({ k: 'v' });
    });

    test('maintenance and cluster', async () => {
      const status = await client.maintenance.status();
      expect(status.version).toMatch(/^3\.\d+\.\d+$/);
      const { members } = await client.cluster.memberList({});
      expect(members.length).toBeGreaterThan(0);
    });
  });
}

/** Users and roles: it turns access control on and off, so nothing else may use the server. */
export function etcd3AccessSuite(name: string, options: () => IOptions): void {
  test(name, async () => {
    const plain = new Etcd3(options());
    const [root, role] = [plain.user('root'), plain.role('reader')];
    await plain.role('root').create();
    await root.create('secret');
    await root.addRole('root');
    await role.create();
    await role.grant({ permission: 'Read', range: plain.range({ prefix: 'open/' }) });
    await plain.user('ann').create('hers');
    await plain.user('ann').addRole('reader');
    expect(await role.permissions()).toMatchObject([{ permission: 'Read' }]);
    await plain.auth.authEnable();
    const asRoot = new Etcd3({ ...options(), auth: { username: 'root', password: 'secret' } });
    const asAnn = new Etcd3({ ...options(), auth: { username: 'ann', password: 'hers' } });
    const wrong = new Etcd3({ ...options(), auth: { username: 'ann', password: 'his' } });
    try {
      await asRoot.put('open/a').value('1');
      await asRoot.put('closed/a').value('2');
      expect(await asAnn.get('open/a').string()).toBe('1');
      await expect(asAnn.get('closed/a').string()).rejects.toThrow(/permission denied/);
      await expect(asAnn.put('open/a').value('x').exec()).rejects.toThrow(/permission denied/);
      await expect(wrong.get('open/a').string()).rejects.toThrow(/authentication failed/);
      await expect(plain.get('open/a').string()).rejects.toThrow(/user name is empty/);
      await asRoot.user('ann').removeRole('reader');
      await expect(asAnn.get('open/a').string()).rejects.toThrow(/permission denied/);
    } finally {
      await asRoot.auth.authDisable();
      await plain.user('ann').delete();
      await plain.user('root').delete();
      await plain.role('reader').delete();
      await plain.role('root').delete();
      for (const client of [plain, asRoot, asAnn, wrong]) client.close();
    }
  });
}
