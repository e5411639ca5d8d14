/** Compaction, leases, alarms, history, and what may not take long however much there is. */
import { describe, expect, test } from 'vitest';
import { apply, found, fresh, refusal } from '../../test/mvcc/actions.ts';
import { ModelWorld } from '../../test/mvcc/model-world.ts';
import { all, del, get, grant, put, show, text, txn } from '../../test/mvcc/requests.ts';
import type { KvCommand } from './command.ts';
import { revokedKeysMax } from './model.ts';

describe('compaction', () => {
  test('the compacted revision can be read, those below cannot', () => {
    const model = fresh();
    apply(model, put('a', '1'), put('a', '2'), put('a', '3'), { type: 'compact', revision: 3 });
    for (let step = 0; step < 5; step++) {
      expect(found(model, get('a', { revision: 3 }))).toEqual(['a=2@3.2']);
      expect(refusal(() => model.range(get('a', { revision: 2 })))).toBe('compacted');
      model.compactionStep(1);
    }
    expect(model.compacting).toBe(false);
    const compact = (revision: number): string =>
      refusal(() => model.apply({ type: 'compact', revision }));
    expect([compact(3), compact(5), compact(4)]).toEqual([
      'compacted',
      'future-revision',
      'nothing',
    ]);
  });

  test('a key deleted long ago leaves nothing behind', () => {
    const world = new ModelWorld();
    for (const key of ['a', 'b'.repeat(5000)]) {
      apply(world.model, put(key), put(key), del(key), put('z'));
    }
    world.flush(1);
    apply(world.model, { type: 'compact', revision: world.model.revision });
    while (world.model.compactionStep(1));
    world.model.save();
    const rest = [...world.store.range({})].map(({ key }) => key[0]!.toString(16));
    expect(rest).toEqual(['1', '10', '30', 'f0']);
  });

  test('goes on after a restart', () => {
    const world = new ModelWorld();
    for (let at = 0; at < 50; at++) apply(world.model, put('a'), put('b'), del('b'));
    apply(world.model, { type: 'compact', revision: 151 });
    world.model.compactionStep(20);
    world.flush(1);
    world.crash();
    expect([world.model.compacting, world.model.compactRevision]).toEqual([true, 151]);
    while (world.model.compactionStep(20));
    const records = [...world.store.range({ from: Uint8Array.of(0xf0) })];
    expect(records.length).toBe(2);
  });

  test('a deletion at its revision is still told', () => {
    const model = fresh();
    apply(model, put('a', '1'), del('a'), put('b'), { type: 'compact', revision: 3 });
    while (model.compactionStep(1));
    const { events } = model.history({
      from: 3,
      to: 9,
      eventsMax: 9,
      recordsMax: 9,
      bytesMax: 9e9,
    });
    expect(events.map(({ type, kv, prevKv }) => [type, kv.modRevision, prevKv])).toEqual([
      ['delete', 3, undefined],
      ['put', 4, undefined],
    ]);
    const early = () => model.history({ from: 2, to: 9, eventsMax: 9, recordsMax: 9, bytesMax: 9 });
    expect(refusal(early)).toBe('compacted');
  });
});

describe('leases', () => {
  test('are granted once, and longer than 9,000,000,000 s never', () => {
    const model = fresh();
    apply(model, grant(-5n, 7));
    expect(refusal(() => model.apply(grant(-5n)))).toBe('lease-exists');
    expect(refusal(() => model.apply(grant(6n, 9_000_000_001)))).toBe('lease-ttl-too-large');
    expect(refusal(() => model.apply({ type: 'lease-revoke', id: 6n }))).toBe('lease-not-found');
    expect(refusal(() => model.apply(put('a', '', { lease: 6n })))).toBe('lease-not-found');
    expect(model.lease(-5n)).toMatchObject({ ttlSeconds: 7, remainingSeconds: 0 });
    const leases = [{ id: -5n, remainingSeconds: 3 }];
    apply(model, {
      type: 'lease-checkpoint',
      leases: [...leases, { id: 9n, remainingSeconds: 1 }],
    });
    expect([...model.leases()]).toMatchObject(leases);
    expect(model.revision).toBe(1);
  });

  test('a revocation deletes the keys in their order, in one transaction', () => {
    const model = fresh();
    const long = 'b'.repeat(3000);
    apply(model, grant(1n), ...['c', long, 'a'].map((key) => put(key, '', { lease: 1n })));
    const { events, outcome } = model.apply({ type: 'lease-revoke', id: 1n });
    expect(outcome).toMatchObject({ revision: 5, remaining: false });
    expect(events.map(({ kv }) => text(kv.key))).toEqual(['a', long, 'c']);
    expect(events.every(({ type, kv }) => type === 'delete' && kv.modRevision === 5)).toBe(true);
    expect(model.lease(1n)).toBeUndefined();
  });

  test('one with very many keys is revoked in parts', () => {
    const model = fresh();
    apply(model, grant(1n));
    const count = revokedKeysMax + 10;
    for (let at = 0; at < count; at++) apply(model, put(`k${at}`, '', { lease: 1n }));
    const first = model.apply({ type: 'lease-revoke', id: 1n });
    expect(first.outcome).toMatchObject({ remaining: true });
    expect(first.events.length).toBe(revokedKeysMax);
    expect(model.lease(1n)).toBeUndefined();
    expect([...model.leases()]).toMatchObject([{ id: 1n, revoking: true }]);
    expect(refusal(() => model.apply(put('new', '', { lease: 1n })))).toBe('lease-not-found');
    expect(refusal(() => model.apply(grant(1n)))).toBe('lease-exists');
    const second = model.apply({ type: 'lease-revoke', id: 1n });
    expect(second.outcome).toMatchObject({ remaining: false });
    expect([second.events.length, model.keyCount]).toEqual([10, 0]);
    expect([...model.leases()]).toEqual([]);
  });
});

describe('alarms', () => {
  const alarm = (action: 'activate' | 'deactivate', of: 'no-space' | 'corrupt'): KvCommand => ({
    type: 'alarm',
    action,
    memberId: 2n ** 63n + 1n,
    alarm: of,
  });

  test('without space nothing is put or granted, but deleted and compacted', () => {
    const model = fresh();
    apply(model, put('a'), put('a'), alarm('activate', 'no-space'), alarm('activate', 'no-space'));
    expect(model.alarms.length).toBe(1);
    const refused = [put('a'), grant(1n), txn([], [put('a')]), txn([txn([put('a')])])];
    for (const command of refused) expect(refusal(() => model.apply(command))).toBe('no-space');
    apply(model, txn([get('a'), del('a')]), { type: 'compact', revision: 4 });
    expect(model.apply(alarm('deactivate', 'no-space')).outcome).toMatchObject({
      alarms: [{ memberId: 2n ** 63n + 1n }],
    });
    expect(model.apply(alarm('deactivate', 'no-space')).outcome).toMatchObject({ alarms: [] });
    apply(model, put('a'));
  });

  test('a corrupt cluster refuses everything, after a restart too', () => {
    const world = new ModelWorld();
    apply(world.model, put('a'), alarm('activate', 'corrupt'));
    world.flush(1);
    world.crash();
    expect(refusal(() => world.model.range(get('a')))).toBe('corrupt-cluster');
    expect(refusal(() => world.model.apply(del('a')))).toBe('corrupt-cluster');
    apply(world.model, alarm('deactivate', 'corrupt'));
    expect(found(world.model, get('a'))).toEqual(['a=@2.1']);
  });
});

test('history never splits a revision', () => {
  const model = fresh();
  apply(model, txn([put('a'), put('b'), put('c')]), put('d'), txn([put('a'), del('b')]));
  const part = (from: number, limits: object) =>
    model.history({ from, to: 9, eventsMax: 9, recordsMax: 9, bytesMax: 9e9, ...limits });
  const size = ({ events, next }: ReturnType<typeof part>) => [events.length, next];
  expect(size(part(2, { eventsMax: 1 }))).toEqual([3, 3]);
  expect(size(part(2, { recordsMax: 4 }))).toEqual([4, 4]);
  expect(size(part(2, { bytesMax: 1 }))).toEqual([3, 3]);
  expect(size(part(2, {}))).toEqual([6, 5]);
  const onlyB = part(2, { interest: (key: Uint8Array) => (text(key) === 'b' ? 1 : 0) });
  expect(onlyB.events.map(({ type, prevKv }) => [type, prevKv?.modRevision])).toEqual([
    ['put', undefined],
    ['delete', 2],
  ]);
  expect(size(part(5, {}))).toEqual([0, 5]);
});

test('what a key was is found quickly however often it has changed since', () => {
  const world = new ModelWorld();
  for (let at = 0; at < 3000; at++) apply(world.model, put('hot', `${at}`));
  let reads = 0;
  const view = world.store;
  const { get: original } = view;
  view.get = function counted(key: Uint8Array) {
    reads++;
    return original.call(this, key);
  };
  for (let at = 0; at < 3000; at += 97) {
    reads = 0;
    expect(found(world.model, get('hot', { revision: at + 2 }))).toEqual([
      `hot=${at}@${at + 2}.${at + 1}`,
    ]);
    expect(reads).toBeLessThan(60);
  }
});

test('the count of a range takes no walk over it', () => {
  const world = new ModelWorld();
  const key = (at: number): string => `k${`${at}`.padStart(5, '0')}`;
  for (let at = 0; at < 5000; at++) apply(world.model, put(key((at * 7) % 5000)));
  for (let at = 0; at < 5000; at += 3) apply(world.model, del(key(at)));
  world.flush(1);
  world.crash();
  const { model } = world;
  const left = (from: number, to: number): number =>
    Array.from({ length: to - from }, (_, at) => from + at).filter((at) => at % 3 !== 0).length;
  for (const [from, to] of [
    [0, 5000],
    [17, 4017],
    [100, 101],
    [250, 260],
    [1, 4999],
  ] as const) {
    const range = { end: key(to) };
    expect(model.range(get(key(from), { ...range, countOnly: true })).count).toBe(left(from, to));
    expect(model.range(get(key(from), { ...range, limit: 1 })).count).toBe(left(from, to));
    const { revision } = model;
    apply(model, put(`${key(from)}x`));
    const then = { ...range, countOnly: true, revision };
    expect(model.range(get(key(from), then)).count).toBe(left(from, to));
    apply(model, del(`${key(from)}x`));
  }
  let walked = 0;
  const { store } = world;
  const { range } = store;
  store.range = function* counted(of) {
    for (const pair of range.call(this, of)) {
      walked++;
      yield pair;
    }
  };
  model.range(get(key(100), { end: key(4900), countOnly: true }));
  expect(walked).toBeLessThan(500);
});

test('a snapshot of the model stays as it was', () => {
  const world = new ModelWorld();
  apply(world.model, grant(3n), put('a', '1'), put('b', '1'));
  world.flush(1);
  const snapshot = world.model.snapshot();
  apply(world.model, put('a', '2'), del('b'), { type: 'compact', revision: 5 });
  while (world.model.compactionStep(9));
  world.flush(2);
  expect(snapshot.range(all()).kvs.map(show)).toEqual(['a=1@2.1', 'b=1@3.1']);
  expect(snapshot.range(all({ revision: 2 })).count).toBe(1);
  expect([...snapshot.records()].map(({ revision }) => revision.main)).toEqual([2, 3]);
  expect([...snapshot.leases()]).toMatchObject([{ id: 3n }]);
  snapshot.close();
});
