/** What implementers of etcd's API get wrong about reading and writing keys, one test each. */
import { describe, expect, test } from 'vitest';
import { apply, found, fresh, refusal } from '../../test/mvcc/actions.ts';
import { all, bytes, compare, del, get, grant, put, text, txn } from '../../test/mvcc/requests.ts';
import type { KvCommand } from './command.ts';
import type { RangeRequest, TxnOperation } from './request.ts';

describe('revisions', () => {
  test('the first is 1, the first write makes 2', () => {
    const model = fresh();
    expect(model.range(all()).revision).toBe(1);
    expect(model.apply(put('a')).outcome.revision).toBe(2);
    expect(model.revision).toBe(2);
  });

  test('deleting nothing raises none, nor does a transaction that writes nothing', () => {
    const model = fresh();
    apply(model, put('a'));
    expect(model.apply(del('x', '\0')).outcome).toMatchObject({ deleted: 0, revision: 2 });
    expect(model.apply(txn([get('a')])).outcome.revision).toBe(2);
  });

  test('all writes of a transaction share one', () => {
    const model = fresh();
    const { outcome, events } = model.apply(txn([put('b'), get('b'), put('a'), del('c')]));
    expect(outcome).toMatchObject({ revision: 2 });
    expect(events.map(({ kv }) => [text(kv.key), kv.modRevision])).toEqual([
      ['b', 2],
      ['a', 2],
    ]);
  });
});

describe('range', () => {
  const model = fresh();
  apply(model, put('a', '3'), put('b', '2'), put('c', '1'), put('b', '2'), put('d', '0'), del('d'));

  test('an empty key is refused, an inverted range is empty', () => {
    expect(refusal(() => model.range(get('', { end: '\0' })))).toBe('key-not-provided');
    expect(model.range(get('c', { end: 'a' }))).toMatchObject({ kvs: [], count: 0 });
  });

  test('a zero byte ends no range', () => {
    expect(found(model, get('b', { end: '\0' }))).toEqual(['b=2@5.2', 'c=1@4.1']);
  });

  test('the count ignores limit and bounds, more is decided behind them', () => {
    expect(model.range(all({ limit: 1 }))).toMatchObject({ count: 3, more: true });
    expect(model.range(all({ limit: 1, minModRevision: 5 }))).toMatchObject({
      count: 3,
      more: false,
    });
    expect(model.range(all({ countOnly: true }))).toMatchObject({ count: 3, kvs: [], more: false });
    expect(model.range(get('a', { minModRevision: 5 }))).toMatchObject({ count: 1, kvs: [] });
  });

  test('another target than the key sorts upwards without being told', () => {
    const order = (fields: Parameters<typeof all>[0]): string =>
      model
        .range(all(fields))
        .kvs.map(({ key }) => text(key))
        .join('');
    expect(order({ sortTarget: 'value' })).toBe('cba');
    expect(order({ sortTarget: 'mod' })).toBe('acb');
    expect(order({ sortTarget: 'version' })).toBe('acb');
    expect(order({ sortTarget: 'create', sortOrder: 'descend', limit: 2 })).toBe('cb');
    expect(order({ sortOrder: 'descend', limit: 2 })).toBe('cb');
    expect(order({ sortTarget: 'value', sortOrder: 'ascend', keysOnly: true, limit: 1 })).toBe('c');
  });

  test('without an order the limit cuts before the target sorts, as in etcd', () => {
    const request = all({ sortTarget: 'value', limit: 1 });
    expect(found(model, request)).toEqual(['b=2@5.2']);
    expect(found(model, { ...request, maxModRevision: 9 })).toEqual(['c=1@4.1']);
  });

  test('unknown orders are refused', () => {
    for (const wrong of [{ sortTarget: 'x' }, { sortOrder: 'x' }]) {
      const request = { ...all(), ...wrong } as RangeRequest;
      expect(refusal(() => model.range(request))).toBe('invalid-sort-option');
    }
  });

  test('earlier revisions are read as they were, the header tells the present one', () => {
    expect(found(model, all({ revision: 3 }))).toEqual(['a=3@2.1', 'b=2@3.1']);
    expect(model.range(all({ revision: 6 }))).toMatchObject({ count: 4, revision: 7 });
    expect(model.range(all({ revision: 3, limit: 1 }))).toMatchObject({ count: 2, more: true });
    expect(found(model, all({ revision: -1 }))).toHaveLength(3);
    expect(refusal(() => model.range(all({ revision: 8 })))).toBe('future-revision');
  });
});

describe('put', () => {
  test('what is left as it was must be there', () => {
    const model = fresh();
    expect(refusal(() => model.apply(put('a', '', { ignoreValue: true })))).toBe('key-not-found');
    expect(refusal(() => model.apply(put('a', 'x', { ignoreLease: true })))).toBe('key-not-found');
    apply(model, grant(1n), put('a', '1', { lease: 1n }));
    apply(
      model,
      put('a', '', { ignoreValue: true, lease: 1n }),
      put('a', '2', { ignoreLease: true }),
    );
    expect(model.range(get('a')).kvs[0]).toMatchObject({
      value: bytes('2'),
      lease: 1n,
      version: 3,
    });
    expect(model.revision).toBe(4);
  });

  test('contradictions are refused', () => {
    const model = fresh();
    expect(refusal(() => model.apply(put('')))).toBe('key-not-provided');
    expect(refusal(() => model.apply(put('a', 'x', { ignoreValue: true })))).toBe('value-provided');
    const both = put('a', '', { ignoreLease: true, lease: 1n });
    expect(refusal(() => model.apply(both))).toBe('lease-provided');
  });

  test('without a lease it detaches the old one', () => {
    const model = fresh();
    apply(model, grant(1n), grant(2n), put('a', '', { lease: 1n }), put('b', '', { lease: 1n }));
    apply(model, put('a'), put('b', '', { lease: 2n }));
    expect([model.leaseKeys(1n), model.leaseKeys(2n)]).toEqual([[], [bytes('b')]]);
    apply(model, { type: 'lease-revoke', id: 1n });
    expect(model.keyCount).toBe(2);
  });

  test('answers what was there before', () => {
    const model = fresh();
    apply(model, put('a', '1'));
    const { outcome, events } = model.apply(put('a', '2', { prevKv: true }));
    expect(outcome).toMatchObject({ prevKv: { value: bytes('1'), version: 1 } });
    expect(events[0]!.prevKv).toMatchObject({ value: bytes('1') });
    expect(model.apply(del('a', '', true)).outcome).toMatchObject({
      deleted: 1,
      prevKvs: [{ value: bytes('2') }],
    });
    const again = model.apply(put('a', '3', { prevKv: true }));
    expect([again.outcome, again.events[0]!.prevKv]).toMatchObject([
      { prevKv: undefined },
      undefined,
    ]);
  });
});

describe('transactions', () => {
  const many = (count: number): TxnOperation[] =>
    Array.from({ length: count }, (_, at) => put(`k${at}`));

  test('have at most 128 of each kind; those inside get what is left', () => {
    const model = fresh();
    const outcome = (request: TxnOperation): string =>
      refusal(() => model.apply(request as KvCommand));
    expect(outcome(txn(many(128)))).toBe('nothing');
    expect(outcome(txn(many(129)))).toBe('too-many-operations');
    expect(outcome(txn([], many(129)))).toBe('too-many-operations');
    expect(outcome(txn([...many(99), txn([get('a')])]))).toBe('nothing');
    expect(outcome(txn([...many(126), txn([get('a'), get('b')])]))).toBe('too-many-operations');
    const other = compare('a', 'equal', { target: 'version', version: 0 });
    expect(outcome(txn([], [], ...new Array(129).fill(other)))).toBe('too-many-operations');
  });

  test.each([
    ['a key put twice', [put('a'), put('a')]],
    ['put and deleted', [put('a'), del('a')]],
    ['deleted in a range and put', [del('0', 'b'), put('a')]],
    ['deleted to the end of all keys and put', [del('0', '\0'), put('a')]],
    ['put again inside', [put('a'), txn([put('a')])]],
    ['put inside two', [txn([put('a')]), txn([], [put('a')])]],
    ['deleted before, put inside', [del('a'), txn([put('a')])]],
    ['deleted inside, put behind', [txn([del('a')]), put('a')]],
  ])('%s is a duplicate', (_, operations) => {
    expect(refusal(() => fresh().apply(txn(operations)))).toBe('duplicate-key');
  });

  test.each([
    ['in then and in else', [txn([put('a')], [put('a')])]],
    ['deleted twice', [del('a', 'c'), del('b', 'd')]],
    ['in a range that ends before it', [del('0', 'a'), put('a')]],
  ])('%s is none', (_, operations) => {
    expect(refusal(() => fresh().apply(txn(operations)))).toBe('nothing');
  });

  test('a missing key has no value to compare, and 0 for all else', () => {
    const model = fresh();
    apply(model, put('b', 'x'));
    const holds = (...compares: ReturnType<typeof compare>[]): boolean =>
      (model.apply(txn([], [], ...compares)).outcome as { succeeded: boolean }).succeeded;
    expect(holds(compare('a', 'not-equal', { target: 'value', value: bytes('x') }))).toBe(false);
    expect(holds(compare('a', 'equal', { target: 'version', version: 0 }))).toBe(true);
    expect(holds(compare('a', 'less', { target: 'mod', modRevision: 1 }))).toBe(true);
    expect(holds(compare('a', 'equal', { target: 'lease', lease: 0n }))).toBe(true);
    expect(holds(compare('b', 'greater', { target: 'create', createRevision: 1 }))).toBe(true);
  });

  test('a comparison of a range must hold for every key', () => {
    const model = fresh();
    apply(model, put('a', '1'), put('b', '1'), put('c', '2'));
    const holds = (end: string): unknown =>
      model.apply(txn([], [], compare('a', 'equal', { target: 'value', value: bytes('1') }, end)))
        .outcome;
    expect([holds('c'), holds('\0')]).toMatchObject([{ succeeded: true }, { succeeded: false }]);
  });

  test('comparisons inside look at the state before, reads at the writes before them', () => {
    const model = fresh();
    const inner = txn(
      [put('b', 'there')],
      [put('b', 'absent')],
      compare('a', 'greater', { target: 'version', version: 0 }),
    );
    const { outcome } = model.apply(txn([put('a', '1'), get('a'), inner, all({ revision: 1 })]));
    expect(found(model, get('b'))).toEqual(['b=absent@2.1']);
    expect(outcome).toMatchObject({
      responses: [
        { revision: 2 },
        { revision: 2, count: 1 },
        { revision: 0, succeeded: false },
        { revision: 2, count: 0 },
      ],
    });
  });

  test('are checked in full before the first write', () => {
    const model = fresh();
    apply(model, put('x'), put('x'), { type: 'compact', revision: 3 });
    const before = model.hash;
    for (const [code, last] of [
      ['lease-not-found', put('b', '', { lease: 9n })],
      ['key-not-found', put('b', '', { ignoreValue: true })],
      ['future-revision', get('x', { revision: 4 })],
      ['compacted', get('x', { revision: 2 })],
    ] as const) {
      expect(refusal(() => model.apply(txn([put('a'), txn([last])])))).toBe(code);
      expect([model.revision, model.hash, model.keyCount]).toEqual([3, before, 1]);
    }
  });
});
