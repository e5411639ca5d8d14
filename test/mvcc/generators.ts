/** Generated requests of the key-value model: few keys, so that they meet, and long ones among them. */
import fc from 'fast-check';
import type {
  Compare,
  CompareOperand,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  TxnOperation,
  TxnRequest,
} from '../../src/mvcc/request.ts';

const long = (ends: readonly number[]): Uint8Array => {
  const key = new Uint8Array(1800 + ends.length).fill(0x62);
  key.set(ends, 1800);
  return key;
};

/** Keys around the length at which they are cut, and longer ones that share their beginnings. */
export const keys: readonly Uint8Array[] = [
  ...[[0x61], [0x61, 0], [0x61, 0x61], [0x62], [0x63], [0x63, 0xff], [0xff], [0xff, 0xff]].map(
    (key) => Uint8Array.from(key),
  ),
  long([]).subarray(1),
  long([]),
  long([0]),
  long([1]),
  long([1, 1]),
  long([0x62, 0xff]),
  long(new Array(1800).fill(0x62)),
  long(new Array(1801).fill(0x62)),
  long(new Array(4000).fill(0x62)),
];

export const key = fc.constantFrom(...keys);
const none = new Uint8Array(0);
const rangeEnd = fc.oneof(
  { weight: 2, arbitrary: fc.constant(none) },
  { weight: 1, arbitrary: fc.constant(Uint8Array.of(0)) },
  { weight: 2, arbitrary: key },
);
const value = fc.nat({ max: 3 }).map((of) => new Uint8Array(of).fill(of));
export const lease = fc.bigInt({ min: 1n, max: 4n });
const revision = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.integer({ min: -1, max: 60 }) },
);
const bound = fc.oneof(
  { weight: 5, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.nat({ max: 60 }) },
);

export const range: fc.Arbitrary<RangeRequest> = fc.record({
  type: fc.constant('range'),
  key,
  rangeEnd,
  limit: fc.nat({ max: 6 }),
  revision,
  sortOrder: fc.constantFrom('none', 'ascend', 'descend'),
  sortTarget: fc.constantFrom('key', 'key', 'version', 'create', 'mod', 'value'),
  keysOnly: fc.boolean(),
  countOnly: fc.integer({ min: 0, max: 4 }).map((of) => of === 0),
  minModRevision: bound,
  maxModRevision: bound,
  minCreateRevision: bound,
  maxCreateRevision: bound,
});

export const put: fc.Arbitrary<PutRequest> = fc
  .record({ key, value, lease, prevKv: fc.boolean(), kind: fc.nat({ max: 9 }) })
  .map(({ kind, ...request }) => ({
    type: 'put',
    ...request,
    value: kind === 0 ? none : request.value,
    lease: kind % 3 === 2 ? request.lease : 0n,
    ignoreValue: kind === 0,
    ignoreLease: kind === 1,
  }));

export const deleteRange: fc.Arbitrary<DeleteRangeRequest> = fc.record({
  type: fc.constant('delete-range'),
  key,
  rangeEnd,
  prevKv: fc.boolean(),
});

const number = fc.nat({ max: 20 });
const operand: fc.Arbitrary<CompareOperand> = fc.oneof(
  fc.record({ target: fc.constant('version'), version: fc.nat({ max: 3 }) }),
  fc.record({ target: fc.constant('create'), createRevision: number }),
  fc.record({ target: fc.constant('mod'), modRevision: number }),
  fc.record({ target: fc.constant('value'), value }),
  fc.record({ target: fc.constant('lease'), lease }),
);
const compare: fc.Arbitrary<Compare> = fc.record({
  key,
  rangeEnd,
  result: fc.constantFrom('equal', 'greater', 'less', 'not-equal'),
  operand,
});

export const { txn } = fc.letrec<{ txn: TxnRequest; operation: TxnOperation }>((tie) => ({
  txn: fc.record({
    type: fc.constant('txn'),
    compare: fc.array(compare, { maxLength: 2 }),
    success: fc.array(tie('operation'), { maxLength: 4 }),
    failure: fc.array(tie('operation'), { maxLength: 3 }),
  }),
  operation: fc.oneof(
    { maxDepth: 2 },
    { weight: 3, arbitrary: put },
    { weight: 2, arbitrary: range },
    { weight: 1, arbitrary: deleteRange },
    { weight: 1, arbitrary: tie('txn') },
  ),
}));
