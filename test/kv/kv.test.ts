/** The key-value service end to end, on three real members. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../processes/waiting.ts';
import {
  bytes,
  del,
  type KvCluster,
  kvCluster,
  put,
  range,
  text,
  txn,
  Watching,
} from './kv-cluster.ts';

let cluster: KvCluster;

beforeAll(async () => {
  cluster = await kvCluster(3);
});

afterAll(async () => {
  await cluster?.close();
});

describe('keys', () => {
  it('are written on any member and read linearizably on each', async () => {
    const [a, b, c] = cluster.kvs;
    const { revision } = await b!.put(put('keys/1', 'one'));
    for (const kv of [a!, b!, c!]) {
      const answer = await kv.range(range('keys/1'));
      expect(answer.revision).toBeGreaterThanOrEqual(revision);
      expect(answer.kvs.map(({ value }) => text(value))).toEqual(['one']);
    }
  });

  it('are read locally where that is asked for', async () => {
    await cluster.leader().put(put('keys/2', 'two'));
    const answer = await cluster.leader().range(range('keys/2'), { serializable: true });
    expect(answer.kvs).toHaveLength(1);
  });

  it('are changed by transactions, read ones taking no revision', async () => {
    const kv = cluster.leader();
    const before = await kv.put(put('keys/3', 'x'));
    const only = await kv.txn(txn([], [range('keys/3')]));
    expect(only).toMatchObject({ succeeded: true, revision: before.revision });
    const operand = { target: 'value', value: bytes('x') } as const;
    const compare = {
      key: bytes('keys/3'),
      rangeEnd: new Uint8Array(),
      result: 'equal',
      operand,
    } as const;
    const done = await kv.txn(txn([compare], [del('keys/3')], [put('keys/3', 'no')]));
    expect(done).toMatchObject({ succeeded: true, revision: before.revision + 1 });
  });

  it('stream in parts that show one revision', async () => {
    const kv = cluster.leader();
    const operations = Array.from({ length: 100 }, (_, i) => i);
    for (let batch = 0; batch < 25; batch++) {
      await kv.txn(
        txn(
          [],
          operations.map((i) => put(`many/${batch}/${i}`, 'v')),
        ),
      );
    }
    let keys = 0;
    let count = 0;
    let parts = 0;
    for await (const part of kv.rangeStream(range('many/', { end: bytes('many0') }))) {
      keys += part.kvs.length;
      count = part.count;
      parts++;
      if (parts === 1) await kv.put(put('many/0/new', 'later'));
    }
    expect({ keys, count, parts }).toEqual({ keys: 2500, count: 2500, parts: 3 });
  });

  it.each([
    ['key-not-provided', () => cluster.leader().range(range(''))],
    [
      'too-many-operations',
      () =>
        cluster.leader().txn(
          txn(
            [],
            Array.from({ length: 129 }, () => range('a')),
          ),
        ),
    ],
    ['request-too-large', () => cluster.leader().put(put('large', 'x'.repeat(1_572_900)))],
    ['future-revision', () => cluster.leader().range(range('a', { revision: 1_000_000 }))],
    ['lease-not-found', () => cluster.leader().put(put('a', 'b', { lease: 77n }))],
    ['lease-not-found', () => cluster.leader().leaseRevoke(77n)],
    [
      'lease-ttl-too-large',
      () => cluster.leader().leaseGrant({ id: 0n, ttlSeconds: 9_000_000_001 }),
    ],
    ['member-not-found', () => cluster.leader().memberRemove(1n)],
    ['not-leader', () => cluster.kvs.find((kv) => !kv.isLeader)!.moveLeader(1n)],
    ['bad-leader-transferee', () => cluster.leader().moveLeader(1n)],
    ['election-leader-missing', () => cluster.leader().resign(undefined)],
    ['election-no-leader', () => cluster.leader().leader(bytes('nobody'))],
  ])('are refused as %s', async (code, act) => {
    await expect(act()).rejects.toMatchObject({ code });
  });
});

describe('watches', () => {
  it('tell of the past and the present, in order and once', async () => {
    const kv = cluster.kvs[2]!;
    const first = await kv.put(put('w/1', 'a'));
    await kv.put(put('w/2', 'b'));
    const watching = new Watching(kv).create('w/', {
      rangeEnd: bytes('w0'),
      startRevision: first.revision,
    });
    await watching.until(({ events }) => events.length === 2);
    await kv.deleteRange(del('w/1'));
    await watching.until(({ events }) => events.length === 3);
    const at = first.revision;
    expect(watching.events).toEqual([
      `put w/1=a@${at}`,
      `put w/2=b@${at + 1}`,
      `delete w/1=@${at + 2}`,
    ]);
    watching.stream.close();
  });

  it('catch up from history when a slow client reads again, with nothing kept for it', async () => {
    const kv = cluster.kvs[0]!;
    const watching = new Watching(kv).create('slow');
    await watching.until(({ responses }) => responses.length === 1);
    watching.open = false;
    for (let i = 0; i < 50; i++) await kv.put(put('slow', String(i)));
    expect(watching.events).toHaveLength(1);
    watching.open = true;
    watching.stream.resume();
    await watching.until(({ events }) => events.length === 50);
    expect(watching.events.map((event) => /=(\d+)@/.exec(event)?.[1])).toEqual(
      Array.from({ length: 50 }, (_, i) => String(i)),
    );
    watching.stream.close();
  });

  it('end as compacted: created first, then canceled with the revision', async () => {
    const kv = cluster.leader();
    for (let i = 0; i < 5; i++) await kv.put(put('c', String(i)));
    const { revision } = await kv.put(put('c', 'last'));
    await kv.compact({ type: 'compact', revision, physical: true });
    const watching = new Watching(kv).create('c', { startRevision: revision - 2 });
    await watching.until(({ responses }) => responses.length === 2);
    expect(watching.responses).toMatchObject([
      { created: true, canceled: false, watchId: 0n },
      { created: false, canceled: true, compactRevision: revision, revision: 0 },
    ]);
    await expect(kv.range(range('c', { revision: revision - 1 }))).rejects.toMatchObject({
      code: 'compacted',
    });
    await expect(kv.compact({ type: 'compact', revision, physical: false })).rejects.toMatchObject({
      code: 'compacted',
    });
  });

  it('answer progress for the stream, and refuse a negative start and an empty range', async () => {
    const kv = cluster.leader();
    const { revision } = await kv.put(put('p', '1'));
    const watching = new Watching(kv).create('p').create('q', { startRevision: -1 });
    watching
      .create('r', { rangeEnd: bytes('q') })
      .create('s')
      .stream.progress();
    await watching.until(({ responses }) => responses.length === 5);
    expect(watching.responses).toMatchObject([
      { created: true, watchId: 0n },
      {
        created: true,
        canceled: true,
        watchId: -1n,
        cancelReason: { code: 'negative-watch-revision' },
      },
      {
        created: true,
        canceled: true,
        watchId: -1n,
        cancelReason: { code: 'empty-watch-range' },
      },
      { created: true, watchId: 1n },
      { watchId: -1n, revision, events: [] },
    ]);
  });
});

describe('leases', () => {
  it('end when their time is up, with their keys', async () => {
    const [a, b] = cluster.kvs;
    const { id, ttlSeconds } = await a!.leaseGrant({ id: 0n, ttlSeconds: 0 });
    expect(ttlSeconds).toBe(1);
    await b!.put(put('leased', 'x', { lease: id }));
    const status = await b!.leaseTimeToLive({ id, keys: true });
    expect(status).toMatchObject({ id, grantedTtlSeconds: 1, keys: [bytes('leased')] });
    const watching = new Watching(b!).create('leased', { prevKv: true });
    await watching.until(({ events }) => events.length === 1);
    expect(watching.responses.at(-1)?.events[0]).toMatchObject({
      type: 'delete',
      prevKv: { lease: id, value: bytes('x') },
    });
    await expect(a!.leaseTimeToLive({ id, keys: false })).resolves.toMatchObject({
      ttlSeconds: -1,
    });
    await expect(a!.leaseKeepAlive(id)).resolves.toEqual({ id, ttlSeconds: 0 });
  });

  it('live on while they are kept alive through a follower', async () => {
    const follower = cluster.kvs.find((kv) => !kv.isLeader)!;
    const { id } = await follower.leaseGrant({ id: 4711n, ttlSeconds: 3 });
    const endMs = performance.now() + 4500;
    await until('enough of keeping alive', async () => {
      await expect(follower.leaseKeepAlive(id)).resolves.toEqual({ id, ttlSeconds: 3 });
      return performance.now() >= endMs;
    });
    expect(await follower.leases()).toContain(4711n);
    await expect(follower.leaseGrant({ id, ttlSeconds: 5 })).rejects.toMatchObject({
      code: 'lease-exists',
    });
    await follower.leaseRevoke(id);
    expect(await follower.leases()).not.toContain(4711n);
  });
});

describe('locks and elections', () => {
  it('are held by one after the other, with growing fencing tokens', async () => {
    const [a, b] = cluster.kvs;
    const first = await a!.leaseGrant({ id: 0n, ttlSeconds: 60 });
    const second = await b!.leaseGrant({ id: 0n, ttlSeconds: 60 });
    const held = await a!.lock({ name: bytes('lock'), lease: first.id });
    expect(text(held.key)).toBe(`lock/${first.id.toString(16)}`);
    let got = false;
    const waiting = b!.lock({ name: bytes('lock'), lease: second.id }).then((answer) => {
      got = true;
      return answer;
    });
    await until(
      'both to queue',
      async () => (await a!.range(range('lock/', { end: bytes('lock0') }))).count === 2,
    );
    expect(got).toBe(false);
    await a!.unlock(held.key);
    expect((await waiting).fencingToken).toBeGreaterThan(held.fencingToken);
    await b!.unlock((await waiting).key);
  });

  it('elect, proclaim, and are observed', async () => {
    const [a, b, c] = cluster.kvs;
    const lease = await a!.leaseGrant({ id: 0n, ttlSeconds: 60 });
    const end = new AbortController();
    const seen: string[] = [];
    const observing = (async () => {
      for await (const { kv } of c!.observe(bytes('e'), { signal: end.signal }))
        seen.push(text(kv.value));
    })();
    const { leader } = await a!.campaign({ name: bytes('e'), lease: lease.id, value: bytes('a1') });
    await a!.proclaim({ leader, value: bytes('a2') });
    expect(text((await b!.leader(bytes('e'))).kv.value)).toBe('a2');
    await until('a2', () => seen.includes('a2'));
    await a!.resign(leader);
    await expect(a!.proclaim({ leader, value: bytes('a3') })).rejects.toMatchObject({
      code: 'election-not-leader',
    });
    end.abort();
    await expect(observing).rejects.toMatchObject({ code: 'request-canceled' });
  });
});

describe('members', () => {
  it('are listed with ids of 64 bits, and announced without counting', async () => {
    const kv = cluster.leader();
    await until('names', async () => (await kv.memberList()).every(({ name }) => name !== ''));
    const members = await kv.memberList({ linearizable: true });
    expect(members.map(({ name }) => name).sort()).toEqual(['a', 'b', 'c']);
    expect(members.some(({ id }) => id === kv.memberId)).toBe(true);
    const { member } = await kv.memberAdd({ peerUrls: ['http://127.0.0.1:9'], isLearner: false });
    await expect(
      kv.memberAdd({ peerUrls: ['http://127.0.0.1:9'], isLearner: false }),
    ).rejects.toMatchObject({ code: 'peer-urls-exist' });
    await expect(kv.memberAdd({ peerUrls: ['nonsense'], isLearner: false })).rejects.toMatchObject({
      code: 'invalid-peer-urls',
    });
    expect(await kv.memberList()).toHaveLength(4);
    await kv.memberRemove(member.id);
    expect(await kv.memberList()).toHaveLength(3);
  });

  it('lead in turn when asked to', async () => {
    const before = cluster.leader();
    const next = cluster.kvs.find((kv) => kv !== before)!;
    await before.moveLeader(next.memberId);
    await until('the next to lead', () => next.isLeader);
    const [a, b, c] = await Promise.all(cluster.kvs.map((kv) => kv.hashKv(0)));
    expect(a).toEqual(b);
    expect(b).toEqual(c);
  });
});
