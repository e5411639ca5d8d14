/** etcd's KV service: ranges, puts, deletions, transactions and compaction, translated. */
import { create } from '@bufbuild/protobuf';
import { QuorateError } from '../../base/errors.ts';
import {
  deleteRangeRequest,
  exact,
  isSerializable,
  putRequest,
  rangeRequest,
  txnRequest,
} from '../convert/requests.ts';
import {
  deleteRangeResponse,
  headerOf,
  putResponse,
  rangeResponse,
  txnResponse,
} from '../convert/responses.ts';
import * as pb from '../proto/gen/etcdserverpb/rpc_pb.ts';
import { optionsOf, reading, type ServiceHost } from './context.ts';
import { pour } from './pour.ts';
import type { Handlers } from './registry.ts';

export function keyHandlers(host: ServiceHost): Handlers<typeof pb.KV> {
  const { kv } = host;
  return {
    async range(request, call) {
      const found = optionsOf(host, call, request.serializable ? 'serve' : 'refuse');
      const known = found instanceof Promise ? await found : found;
      const options = reading(known, request.serializable);
      const response = await kv.range(rangeRequest(request), options);
      return rangeResponse(response, headerOf(kv.header(), response.revision));
    },

    rangeStream: pour(async function* (request: pb.RangeRequest, call) {
      const options = reading(await optionsOf(host, call), request.serializable);
      if (request.sortOrder !== 0 || request.sortTarget !== 0) {
        throw new QuorateError('invalid-sort-option', 'a stream is in the order of the keys');
      }
      let first = true;
      for await (const part of kv.rangeStream(rangeRequest(request), options)) {
        const whole = rangeResponse(part, headerOf(kv.header(), part.revision));
        const { kvs, more, count, header } = whole;
        const rangeResponsePart = create(pb.RangeResponseSchema, {
          kvs,
          more,
          count,
          ...(first && header !== undefined ? { header } : {}),
        });
        first = false;
        yield create(pb.RangeStreamResponseSchema, { rangeResponse: rangeResponsePart });
      }
    }),

    async put(request, call) {
      const found = optionsOf(host, call);
      const options = found instanceof Promise ? await found : found;
      const response = await kv.put(putRequest(request), options);
      return putResponse(response, headerOf(kv.header(), response.revision));
    },

    async deleteRange(request, call) {
      const found = optionsOf(host, call);
      const options = found instanceof Promise ? await found : found;
      const response = await kv.deleteRange(deleteRangeRequest(request), options);
      return deleteRangeResponse(response, headerOf(kv.header(), response.revision));
    },

    async txn(request, call) {
      const found = optionsOf(host, call);
      const known = found instanceof Promise ? await found : found;
      const options = reading(known, isSerializable(request));
      const response = await kv.txn(txnRequest(request), options);
      return txnResponse(response, headerOf(kv.header(), response.revision));
    },

    async compact({ revision, physical }, call) {
      const options = await optionsOf(host, call);
      const request = { type: 'compact', revision: exact(revision), physical } as const;
      const response = await kv.compact(request, options);
      const header = headerOf(kv.header(), response.revision);
      return create(pb.CompactionResponseSchema, { header });
    },
  };
}
