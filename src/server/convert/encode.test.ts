import { create, type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as pb from '../proto/gen/etcdserverpb/rpc_pb.ts';
import * as mvccpb from '../proto/gen/mvccpb/kv_pb.ts';
import {
  encodeDeleteRangeResponse,
  encodePutResponse,
  encodeRangeResponse,
  encodeTxnResponse,
  encodeWatchResponse,
} from './encode.ts';

const signed = fc.oneof(
  fc.constant(0n),
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  fc.bigInt(0n, 300n),
);
const unsigned = fc.oneof(fc.constant(0n), fc.bigInt(0n, 2n ** 64n - 1n));
const bytes = fc.uint8Array({ maxLength: 300 });
const header = fc
  .record({ clusterId: unsigned, memberId: unsigned, revision: signed, raftTerm: unsigned })
  .map((init) => create(pb.ResponseHeaderSchema, init));
const kv = fc
  .record({
    key: bytes,
    value: bytes,
    createRevision: signed,
    modRevision: signed,
    version: signed,
    lease: signed,
  })
  .map((init) => create(mvccpb.KeyValueSchema, init));
const event = fc
  .record({
    type: fc.constantFrom(0 as const, 1 as const),
    kv,
    prevKv: fc.option(kv, { nil: undefined }),
  })
  .map(({ prevKv, ...init }) =>
    create(mvccpb.EventSchema, { ...init, ...(prevKv === undefined ? {} : { prevKv }) }),
  );

function same<Schema extends DescMessage>(
  schema: Schema,
  message: MessageShape<Schema>,
  encoded: Uint8Array,
): void {
  expect(fromBinary(schema, encoded)).toEqual(message);
}

test('what is written by hand is read by the library as the same message', () => {
  fc.assert(
    fc.property(
      header,
      fc.array(kv, { maxLength: 5 }),
      fc.boolean(),
      signed,
      (of, kvs, more, count) => {
        const range = create(pb.RangeResponseSchema, { header: of, kvs, more, count });
        same(pb.RangeResponseSchema, range, encodeRangeResponse(range));
        const deletion = create(pb.DeleteRangeResponseSchema, {
          header: of,
          deleted: count,
          prevKvs: kvs,
        });
        same(pb.DeleteRangeResponseSchema, deletion, encodeDeleteRangeResponse(deletion));
        const [prevKv] = kvs;
        const put = create(pb.PutResponseSchema, {
          header: of,
          ...(prevKv === undefined ? {} : { prevKv }),
        });
        same(pb.PutResponseSchema, put, encodePutResponse(put));
      },
    ),
  );
  fc.assert(
    fc.property(
      fc.record({
        header,
        watchId: signed,
        created: fc.boolean(),
        canceled: fc.boolean(),
        compactRevision: signed,
        cancelReason: fc.string({ unit: 'binary' }),
        fragment: fc.boolean(),
        events: fc.array(event, { maxLength: 5 }),
      }),
      (init) => {
        const response = create(pb.WatchResponseSchema, init);
        same(pb.WatchResponseSchema, response, encodeWatchResponse(response));
      },
    ),
  );
});

test('so are the answers of transactions, with others inside them', () => {
  const inner = fc
    .tuple(fc.option(header, { nil: undefined }), fc.array(kv, { maxLength: 3 }), signed)
    .map(([of, kvs, count]) => {
      const [prevKv] = kvs;
      const some = of === undefined ? {} : { header: of };
      const put = { ...some, ...(prevKv === undefined ? {} : { prevKv }) };
      return [
        { response: { case: 'responseRange' as const, value: { ...some, kvs, count } } },
        { response: { case: 'responsePut' as const, value: put } },
        {
          response: {
            case: 'responseDeleteRange' as const,
            value: { ...some, deleted: count, prevKvs: kvs },
          },
        },
        {},
      ];
    });
  fc.assert(
    fc.property(header, fc.boolean(), inner, inner, (of, succeeded, first, second) => {
      const nested = { response: { case: 'responseTxn' as const, value: { responses: second } } };
      const init = { header: of, succeeded, responses: [...first, nested] };
      const txn = create(pb.TxnResponseSchema, init);
      same(pb.TxnResponseSchema, txn, encodeTxnResponse(txn));
    }),
  );
});

test('an answer without header, and an empty one', () => {
  const empty = create(pb.RangeResponseSchema, {});
  same(pb.RangeResponseSchema, empty, encodeRangeResponse(empty));
});
