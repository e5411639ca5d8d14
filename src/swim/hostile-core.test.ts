/** A member among liars: whatever comes, it neither throws nor grows beyond its limits. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../base/seeded-random.ts';
import { GossipCore } from './gossip-core.ts';
import { lanSettings } from './presets.ts';
import {
  encodeAck,
  encodeAlive,
  encodeDead,
  encodeIndirectPing,
  encodeNack,
  encodePing,
  encodePushPull,
  encodeSuspect,
  encodeUser,
  wireStates,
} from './wire/messages.ts';
import { encodeCompound } from './wire/packet.ts';
import {
  encodeJoin,
  encodeKeyRequest,
  encodeLeave,
  encodeQuery,
  encodeQueryResponse,
  encodeRelay,
  encodeSerfState,
  encodeUserEvent,
} from './wire/serf-messages.ts';

const name = fc.constantFrom('self', 'a', 'b', 'c', 'd', '__proto__', '', 'ü'.repeat(60));
const uint32 = fc.oneof(fc.nat(5), fc.constantFrom(0xffff_ffff, 0xffff_fffe), fc.nat());
const time = fc.oneof(fc.nat(5), fc.nat(2_000), fc.constantFrom(Number.MAX_SAFE_INTEGER));
const bytes = fc.uint8Array({ maxLength: 40 });
const address = fc.record({
  host: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3', '::1', '192.0.2.7'),
  port: fc.constantFrom(0, 1, 7946, 65_535),
});
const versions = fc.constantFrom(
  Uint8Array.of(1, 5, 2, 2, 5, 5),
  Uint8Array.of(1, 2, 2, 2, 5, 4),
  Uint8Array.of(0, 0, 0),
  new Uint8Array(0),
);
const source = fc.option(fc.record({ address, name }), { nil: undefined });
const withSource = <T extends object>(record: fc.Arbitrary<T>) =>
  fc
    .tuple(record, source)
    .map(([fields, given]) => (given ? { ...fields, source: given } : fields));
const accusation = fc.record({ incarnation: uint32, node: name, from: name });
const alive = fc.record({ incarnation: uint32, node: name, address, meta: bytes, versions });

const serf = fc.oneof(
  fc.record({ lamportTime: time, node: name, prune: fc.boolean() }).map(encodeLeave),
  fc.record({ lamportTime: time, node: name }).map(encodeJoin),
  fc
    .record({ lamportTime: time, name, payload: bytes, coalesce: fc.boolean() })
    .map(encodeUserEvent),
  fc
    .record({
      lamportTime: time,
      id: uint32,
      address,
      sourceNode: name,
      filters: fc.constantFrom([], [{ kind: 'tag' as const, tag: 'x', expression: '((' }]),
      flags: fc.nat(3),
      relayFactor: fc.nat(255),
      timeoutMs: fc.constantFrom(0, 100, 9e9),
      name: fc.constantFrom(
        'load',
        '_serf_ping',
        '_serf_conflict',
        '_serf_use-key',
        '_serf_list-keys',
      ),
      payload: fc.oneof(bytes, fc.constantFrom(encodeKeyRequest(new Uint8Array(16)))),
    })
    .map(encodeQuery),
  fc
    .record({ lamportTime: time, id: uint32, from: name, flags: fc.nat(3), payload: bytes })
    .map(encodeQueryResponse),
  fc.record({ address, name, inner: bytes }).map(encodeRelay),
  bytes,
);

const message = fc.oneof(
  withSource(fc.record({ sequence: uint32, node: name })).map(encodePing),
  withSource(fc.record({ sequence: uint32, target: address, node: name, nack: fc.boolean() })).map(
    encodeIndirectPing,
  ),
  fc.record({ sequence: uint32, payload: fc.option(bytes, { nil: undefined }) }).map(encodeAck),
  uint32.map(encodeNack),
  accusation.map(encodeSuspect),
  accusation.map(encodeDead),
  alive.map(encodeAlive),
  serf.map(encodeUser),
  bytes,
);
const packet = fc.oneof(message, fc.array(message, { maxLength: 6 }).map(encodeCompound));
const state = fc
  .record({
    lamportTime: time,
    statusTimes: fc.dictionary(name, time).map((times) => new Map(Object.entries(times))),
    leftMembers: fc.array(name, { maxLength: 4 }),
    eventTime: time,
    events: fc.array(fc.record({ lamportTime: time, name, payload: bytes }), { maxLength: 4 }),
    queryTime: time,
    shared: fc.option(bytes, { nil: undefined }),
  })
  .map(encodeSerfState);
const stream = fc.oneof(
  fc
    .record({
      join: fc.boolean(),
      nodes: fc.array(
        fc
          .record({ name, address, meta: bytes, incarnation: uint32, versions })
          .chain((node) => fc.constantFrom(...wireStates).map((of) => ({ ...node, state: of }))),
        { maxLength: 6 },
      ),
      userState: fc.oneof(state, bytes),
    })
    .map(encodePushPull),
  message,
);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('packet' as const), bytes: packet }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('stream' as const), bytes: stream }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(20_000) }) },
);

describe('a member among liars', () => {
  it('goes on, within its limits', () => {
    const settings = {
      ...lanSettings,
      membersMax: 4,
      broadcastsMax: 16,
      recentIntentsMax: 3,
      queriesMax: 2,
    };
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, leaves) => {
        let nowMs = 0;
        const core = new GossipCore({
          name: 'self',
          address: { host: '10.0.0.1', port: 7946 },
          settings,
          random: new SeededRandom(1),
          nowMs,
        });
        let incarnation = core.incarnation;
        let accepted = -1;
        for (const [index, action] of steps.entries()) {
          if (leaves && index === 40) core.handle({ type: 'leave', request: 1 }, nowMs);
          if (action.kind === 'packet') {
            const from = { host: '10.0.0.2', port: 7946 };
            core.handle({ type: 'packet', from, bytes: action.bytes }, nowMs);
          } else if (action.kind === 'stream') {
            accepted += 2;
            const from = { host: '10.0.0.3', port: 50_000 };
            core.handle({ type: 'stream-accepted', stream: accepted, from }, nowMs);
            core.handle({ type: 'stream-data', stream: accepted, bytes: action.bytes }, nowMs);
          } else {
            const endMs = nowMs + action.ms;
            for (let wakes = 0; core.wakeAtMs <= endMs; wakes++) {
              expect(wakes).toBeLessThan(5_000);
              nowMs = Math.max(nowMs, core.wakeAtMs);
              core.handle({ type: 'wake' }, nowMs);
            }
            nowMs = endMs;
          }
          expect(core.incarnation).toBeGreaterThanOrEqual(incarnation);
          incarnation = core.incarnation;
          const { memberQueue, intentQueue, queryQueue, eventQueue } = core.statistics();
          for (const length of [memberQueue, intentQueue, queryQueue, eventQueue]) {
            expect(length).toBeLessThanOrEqual(16);
          }
          expect(core.members().length).toBeLessThanOrEqual(5);
          for (const time of Object.values(core.lamportTimes)) {
            expect(Number.isSafeInteger(time)).toBe(true);
          }
        }
      }),
      { numRuns: 400 },
    );
  });
});
