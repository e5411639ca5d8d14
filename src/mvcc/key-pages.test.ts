import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fresh } from '../../test/mvcc/actions.ts';
import { bytes, del, get, grant, put, txn } from '../../test/mvcc/requests.ts';
import type { Model } from './model.ts';
import { encodedPairs } from './range.ts';
import type { RangeRequest, TxnOperation } from './request.ts';

/** Enough keys that buckets are split. */
const keyCount = 700;
const nameOf = (at: number): string => `k${String(at).padStart(4, '0')}`;
const key = fc.nat(keyCount - 1).map(nameOf);
const value = fc.nat(40).map((length) => 'v'.repeat(length));

type Write = Exclude<TxnOperation, RangeRequest>;

const write: fc.Arbitrary<Write> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(key, value).map(([at, to]) => put(at, to)) },
  { weight: 1, arbitrary: fc.tuple(key, value).map(([at, to]) => put(at, to, { lease: 7n })) },
  { weight: 2, arbitrary: key.map((at) => del(at)) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.nat(keyCount), fc.nat(60))
      .map(([at, n]) => del(nameOf(at), nameOf(at + n))),
  },
);

/** What was read, straight from the store: a snapshot has no pages. */
function walked(model: Model, request: RangeRequest): unknown {
  const snapshot = model.snapshot();
  try {
    return snapshot.range(request);
  } finally {
    snapshot.close();
  }
}

const step = fc.oneof(
  { weight: 3, arbitrary: fc.array(write, { minLength: 1, maxLength: 60 }) },
  {
    weight: 2,
    arbitrary: fc.record({
      from: key,
      to: fc.option(key),
      limit: fc.constantFrom(0, 0, 1, 40, 300),
    }),
  },
);

test('a range from pages is the range of a walk, whatever was changed between', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.nat(2), (steps, room) => {
      const pages = { keysMin: 1, bytesMax: [1, 20_000, 2 ** 20][room]! };
      const model = fresh({ pages });
      model.apply(grant(7n));
      for (let at = 0; at < keyCount; at += 2) model.apply(put(nameOf(at), 'first'));
      for (const each of steps) {
        if (Array.isArray(each)) {
          for (const command of each) model.apply(command);
          continue;
        }
        const { from, to, limit } = each;
        const request = get(from, { end: to ?? '\0', limit });
        expect(model.range(request)).toEqual(walked(model, request));
      }
    }),
    { numRuns: 40 },
  );
});

test('inside a transaction a range sees the writes before it, and nobody sees a refused one', () => {
  const model = fresh({ pages: { keysMin: 1, bytesMax: 2 ** 20 } });
  for (const name of ['a', 'b', 'c']) model.apply(put(name, '1'));
  const all = get('a', { end: 'z' });
  const valuesOf = (kvs: readonly { value: Uint8Array }[]): string[] =>
    kvs.map((kv) => new TextDecoder().decode(kv.value));
  expect(valuesOf(model.range(all).kvs)).toEqual(['1', '1', '1']);
  const { outcome } = model.apply(txn([put('b', '2'), del('c'), all]));
  const inside = outcome.type === 'txn' ? outcome.responses[2] : undefined;
  expect(inside?.type === 'range' && valuesOf(inside.kvs)).toEqual(['1', '2']);
  expect(() => model.apply(txn([put('a', '3'), put('b', '3', { lease: 9n })]))).toThrow();
  expect(valuesOf(model.range(all).kvs)).toEqual(['1', '2']);
});

test('few keys are walked, and values too large for a page too', () => {
  const few = fresh({});
  for (let at = 0; at < 40; at++) few.apply(put(nameOf(at), 'v'));
  expect(encodedPairs(few.range(get('k', { end: 'l', limit: 31 })))).toBeUndefined();
  expect(encodedPairs(few.range(get('k', { end: 'l', limit: 32 })))).toBeDefined();
  const large = fresh({});
  for (let at = 0; at < 40; at++) {
    large.apply({ ...put(nameOf(at)), value: new Uint8Array(30_000).fill(at) });
  }
  const request = get('k', { end: 'l' });
  expect(encodedPairs(large.range(request))).toBeUndefined();
  expect(large.range(request).kvs.map((kv) => kv.value[29_999])).toEqual([...Array(40).keys()]);
  for (let at = 0; at < 40; at++) large.apply(put(nameOf(at), 'small'));
  expect(encodedPairs(large.range(request))).toBeDefined();
  expect(large.range(request)).toEqual(walked(large, request));
});

test('keys and numbers of every size are found again', () => {
  const model = fresh({ pages: { keysMin: 1, bytesMax: 2 ** 20 } });
  model.apply(grant(-1n));
  for (const length of [1, 126, 127, 128, 129, 1799, 1801, 17_000]) {
    model.apply({ ...put('x'), key: bytes('x'.repeat(length)), value: bytes('y'.repeat(length)) });
    model.apply({ ...put('z', 'last', { lease: -1n }) });
    const request = get('x', { end: '\0' });
    expect(model.range(request)).toEqual(walked(model, request));
  }
});
