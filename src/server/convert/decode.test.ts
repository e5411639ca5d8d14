import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as pb from '../proto/gen/etcdserverpb/rpc_pb.ts';
import {
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeRangeRequest,
  decodeTxnRequest,
} from './decode.ts';

const bytes = fc.uint8Array({ maxLength: 300 });
const usual = fc.oneof(fc.constant(0n), fc.bigInt(0n, 2n ** 49n - 1n), fc.bigInt(0n, 300n));
const flags = { serializable: fc.boolean(), keysOnly: fc.boolean(), countOnly: fc.boolean() };
const put = fc.record({
  key: bytes,
  value: bytes,
  lease: usual,
  prevKv: fc.boolean(),
  ignoreValue: fc.boolean(),
  ignoreLease: fc.boolean(),
});
const range = fc.record({
  key: bytes,
  rangeEnd: bytes,
  limit: usual,
  revision: usual,
  sortOrder: fc.constantFrom(0 as const, 1 as const, 2 as const),
  sortTarget: fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const, 4 as const),
  ...flags,
});

const deletion = fc.record({ key: bytes, rangeEnd: bytes, prevKv: fc.boolean() });
const operation = fc.oneof(
  put.map((value) => ({ request: { case: 'requestPut' as const, value } })),
  range.map((value) => ({ request: { case: 'requestRange' as const, value } })),
  deletion.map((value) => ({ request: { case: 'requestDeleteRange' as const, value } })),
);
const numbers = fc.constantFrom('version', 'createRevision', 'modRevision', 'lease');
const compare = fc.record({
  result: fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const),
  target: fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const, 4 as const),
  key: bytes,
  rangeEnd: bytes,
  targetUnion: fc.oneof(
    fc.constant({ case: undefined }),
    bytes.map((value) => ({ case: 'value' as const, value })),
    fc.tuple(numbers, usual).map(([kind, value]) => ({ case: kind as 'version', value })),
  ),
});
const txn = fc.record({
  compare: fc.array(compare, { maxLength: 3 }),
  success: fc.array(operation, { maxLength: 4 }),
  failure: fc.array(operation, { maxLength: 4 }),
});

test('so are deletions and transactions', () => {
  fc.assert(
    fc.property(deletion, txn, (ofDeletion, ofTxn) => {
      const aDeletion = create(pb.DeleteRangeRequestSchema, ofDeletion);
      const deletionBytes = toBinary(pb.DeleteRangeRequestSchema, aDeletion);
      expect(decodeDeleteRangeRequest(deletionBytes)).toEqual(aDeletion);
      const aTxn = create(pb.TxnRequestSchema, ofTxn);
      expect(decodeTxnRequest(toBinary(pb.TxnRequestSchema, aTxn))).toEqual(aTxn);
    }),
  );
});

test('transactions inside others, and operations without content, are unusual', () => {
  const inner = { request: { case: 'requestTxn' as const, value: {} } };
  for (const success of [[inner], [{}]]) {
    const outer = create(pb.TxnRequestSchema, { success });
    expect(decodeTxnRequest(toBinary(pb.TxnRequestSchema, outer))).toBeUndefined();
  }
});

test('what the library writes is read by hand as the same message', () => {
  fc.assert(
    fc.property(put, range, (ofPut, ofRange) => {
      const aPut = create(pb.PutRequestSchema, ofPut);
      expect(decodePutRequest(toBinary(pb.PutRequestSchema, aPut))).toEqual(aPut);
      const aRange = create(pb.RangeRequestSchema, ofRange);
      expect(decodeRangeRequest(toBinary(pb.RangeRequestSchema, aRange))).toEqual(aRange);
    }),
  );
});

test('any bytes at all are left to the library, or read as it reads them', () => {
  const field = fc
    .tuple(fc.constantFrom(10, 18, 24, 32, 40, 48, 56, 64, 72, 80), fc.uint8Array({ maxLength: 9 }))
    .map(([tag, rest]) => [tag, ...rest]);
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.array(field, { maxLength: 6 }).map((all) => Uint8Array.from(all.flat())),
  );
  // Messages inside a message, cut and spoiled.
  const spoiled = fc
    .tuple(txn, fc.nat(), fc.nat(255), fc.boolean())
    .map(([ofTxn, place, byte, cut]) => {
      const whole = toBinary(pb.TxnRequestSchema, create(pb.TxnRequestSchema, ofTxn));
      if (whole.length === 0) return whole;
      const at = place % whole.length;
      if (cut) return whole.subarray(0, at);
      whole[at] = byte;
      return whole;
    });
  fc.assert(
    fc.property(fc.oneof(hostile, spoiled), (input) => {
      const aPut = decodePutRequest(input);
      if (aPut !== undefined) expect(aPut).toEqual(fromBinary(pb.PutRequestSchema, input));
      const aRange = decodeRangeRequest(input);
      if (aRange !== undefined) expect(aRange).toEqual(fromBinary(pb.RangeRequestSchema, input));
      const aDeletion = decodeDeleteRangeRequest(input);
      if (aDeletion !== undefined) {
        expect(aDeletion).toEqual(fromBinary(pb.DeleteRangeRequestSchema, input));
      }
      const aTxn = decodeTxnRequest(input);
      if (aTxn !== undefined) expect(aTxn).toEqual(fromBinary(pb.TxnRequestSchema, input));
    }),
    { numRuns: 2_000 },
  );
});

test('negative and huge numbers, and bounds on revisions, are unusual', () => {
  const lease = create(pb.PutRequestSchema, { lease: -1n });
  expect(decodePutRequest(toBinary(pb.PutRequestSchema, lease))).toBeUndefined();
  const huge = create(pb.RangeRequestSchema, { limit: 2n ** 62n });
  expect(decodeRangeRequest(toBinary(pb.RangeRequestSchema, huge))).toBeUndefined();
  const bounded = create(pb.RangeRequestSchema, { minModRevision: 5n });
  expect(decodeRangeRequest(toBinary(pb.RangeRequestSchema, bounded))).toBeUndefined();
});
