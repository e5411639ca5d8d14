import {
  create,
  type DescMessage,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fresh } from '../../../test/mvcc/actions.ts';
import { get, put } from '../../../test/mvcc/requests.ts';
import { encodedPairs } from '../../mvcc/range.ts';
import * as pb from '../proto/gen/etcdserverpb/rpc_pb.ts';
import * as mvccpb from '../proto/gen/mvccpb/kv_pb.ts';
import {
  encodeDeleteRangeResponse,
  encodePutResponse,
  encodeRangeResponse,
  encodeTxnResponse,
  encodeWatchResponse,
} from './encode.ts';
import { headerOf, keyValueOf, rangeResponse } from './responses.ts';

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

const pair = fc.tuple(fc.nat(500), fc.string({ maxLength: 40 }));
const facts = fc.record({
  clusterId: fc.bigInt(0n, 2n ** 64n - 1n),
  memberId: fc.bigInt(0n, 2n ** 64n - 1n),
  raftTerm: fc.maxSafeNat(),
  revision: fc.constant(0),
});

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

test('pairs that lie ready as bytes are sent as the objects that they stand for', () => {
  fc.assert(
    fc.property(
      facts,
      fc.array(pair, { minLength: 1, maxLength: 60 }),
      fc.nat(70),
      (of, puts, limit) => {
        const model = fresh({ pages: { keysMin: 1, bytesMax: 2 ** 20 } });
        for (const [at, value] of puts) model.apply(put(`key ${at}`, value));
        const response = model.range(get('key', { end: '\0', limit }));
        expect(encodedPairs(response)).toBeDefined();
        const header = headerOf(of, response.revision);
        const message = rangeResponse(response, header);
        const whole = create(pb.RangeResponseSchema, {
          header,
          kvs: response.kvs.map(keyValueOf),
          more: response.more,
          count: BigInt(response.count),
        });
        same(pb.RangeResponseSchema, whole, encodeRangeResponse(message));
        expect(toBinary(pb.RangeResponseSchema, message)).toEqual(
          toBinary(pb.RangeResponseSchema, whole),
        );
      },
    ),
    { numRuns: 50 },
  );
});

test('an answer without header, and an empty one', () => {
  const empty = create(pb.RangeResponseSchema, {});
  same(pb.RangeResponseSchema, empty, encodeRangeResponse(empty));
});
