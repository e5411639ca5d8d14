import { create, fromBinary, toJson } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { WatchResponse } from '../../kv/api.ts';
import type { KeyEvent, KeyValue } from '../../mvcc/request.ts';
import * as pb from '../proto/gen/etcdserverpb/rpc_pb.ts';
import { encodeWatchResponse } from './encode.ts';
import { eventOf } from './responses.ts';
import { WatchAnswers } from './watch-answers.ts';

const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const bytes = fc.uint8Array({ maxLength: 300 });
const kv: fc.Arbitrary<KeyValue> = fc.record({
  key: bytes,
  value: bytes,
  createRevision: number,
  modRevision: number,
  version: number,
  lease: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
});
const event: fc.Arbitrary<KeyEvent> = fc.record({
  type: fc.constantFrom('put', 'delete'),
  kv,
  prevKv: fc.option(kv, { nil: undefined }),
});
const response: fc.Arbitrary<WatchResponse> = fc.record({
  revision: number,
  watchId: fc.bigInt(-1n, 2n ** 63n - 1n),
  created: fc.boolean(),
  canceled: fc.boolean(),
  cancelReason: fc.constant(undefined),
  compactRevision: number,
  fragment: fc.boolean(),
  events: fc.array(event, { maxLength: 4 }),
});
const facts = fc.record({
  clusterId: fc.bigInt(0n, 2n ** 64n - 1n),
  memberId: fc.bigInt(0n, 2n ** 64n - 1n),
  raftTerm: fc.nat(3),
  revision: number,
});

test('answers that share header and events are read by the library as what they say', () => {
  const step = fc.record({ response, facts, again: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
      let present = steps[0]?.facts;
      const answers = new WatchAnswers({ header: () => present! });
      let before: WatchResponse | undefined;
      for (const each of steps) {
        // What was told to one is told to another, of the same header or a later one.
        const told: WatchResponse =
          each.again && before !== undefined
            ? { ...before, watchId: each.response.watchId }
            : each.response;
        before = told;
        present = each.again ? present : each.facts;
        const { clusterId, memberId, raftTerm } = present!;
        const whole = create(pb.WatchResponseSchema, {
          header: create(pb.ResponseHeaderSchema, {
            clusterId,
            memberId,
            raftTerm: BigInt(raftTerm),
            revision: BigInt(told.revision),
          }),
          watchId: told.watchId,
          created: told.created,
          canceled: told.canceled,
          compactRevision: BigInt(told.compactRevision),
          fragment: told.fragment,
          events: told.events.map(eventOf),
        });
        const answer = answers.of(told);
        expect(fromBinary(pb.WatchResponseSchema, encodeWatchResponse(answer))).toEqual(whole);
        expect(toJson(pb.WatchResponseSchema, answer)).toEqual(
          toJson(pb.WatchResponseSchema, whole),
        );
      }
    }),
  );
});
