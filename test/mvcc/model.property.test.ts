/** The model against the naive one, with crashes between the commands. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { equalBytes } from '../../src/base/compare-bytes.ts';
import { QuorateError } from '../../src/base/errors.ts';
import { checkRequest } from '../../src/mvcc/check-request.ts';
import { decodeCommand, encodeCommand, type KvCommand } from '../../src/mvcc/command.ts';
import { rangeRequest } from '../../src/mvcc/make-request.ts';
import type { KeyEvent } from '../../src/mvcc/request.ts';
import { deleteRange, key, keys, lease, put, range, txn } from './generators.ts';
import { ModelWorld } from './model-world.ts';
import { NaiveModel } from './naive-model.ts';

const command: fc.Arbitrary<KvCommand> = fc.oneof(
  { weight: 10, arbitrary: put },
  { weight: 3, arbitrary: deleteRange },
  { weight: 4, arbitrary: txn },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('compact'),
      revision: fc.integer({ min: -1, max: 60 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('lease-grant'), id: lease, ttlSeconds: fc.nat(9) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('lease-revoke'), id: lease }) },
);

const step = fc.oneof(
  { weight: 20, arbitrary: fc.record({ command }) },
  { weight: 5, arbitrary: fc.record({ range }) },
  { weight: 3, arbitrary: fc.record({ sweep: fc.integer({ min: 1, max: 10 }) }) },
  { weight: 1, arbitrary: fc.record({ flush: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant('crash' as const) },
);

/** What an action answered, or the code that it was refused with. */
function result(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    if (error instanceof QuorateError) return error.code;
    throw error;
  }
}

function applyNaively(naive: NaiveModel, does: KvCommand): unknown {
  switch (does.type) {
    case 'put':
    case 'delete-range':
    case 'txn':
      checkRequest(does);
      return naive.write(does);
    case 'compact':
      naive.compact(does.revision);
      return { type: 'compact', revision: naive.revision };
    case 'lease-grant':
      naive.grant(does.id, does.ttlSeconds);
      return { ...does, revision: naive.revision };
    case 'lease-revoke':
      naive.revoke(does.id);
      return { type: 'lease-revoke', revision: naive.revision, remaining: false };
    default:
      throw new Error('not generated');
  }
}

/** The number of a generated key: comparing the keys themselves takes long. */
const name = (bytes: Uint8Array): string => `key ${keys.findIndex((of) => equalBytes(of, bytes))}`;

/** The same with all bytes as words. */
function words(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.length < 5 ? [...value].join() : name(value);
  if (Array.isArray(value)) return value.map(words);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([of, inside]) => [of, words(inside)]));
}

const told = ({ type, kv }: KeyEvent) => ({
  revision: kv.modRevision,
  key: name(kv.key),
  type,
});

function checkHistory({ model }: ModelWorld, naive: NaiveModel): void {
  const from = Math.max(model.compactRevision, 0);
  const events: KeyEvent[] = [];
  for (let next = from; next <= model.revision; ) {
    const part = model.history({
      from: next,
      to: model.revision,
      eventsMax: 3,
      recordsMax: 10,
      bytesMax: 1000,
    });
    expect(part.next).toBeGreaterThan(next);
    events.push(...part.events);
    next = part.next;
  }
  expect(events.map(told)).toEqual(naive.events.filter(({ revision }) => revision >= from));
  for (const { kv, prevKv } of events) {
    const before = kv.modRevision - 1;
    if (before < model.compactRevision) expect(prevKv).toBeUndefined();
    else expect(words(prevKv)).toEqual(words(naive.at(kv.key, before)));
  }
}

const everything = rangeRequest('\0', { end: '\0' });

test('answers as the naive model does, through crashes and compactions', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), fc.nat(), (steps, seed) => {
      const world = new ModelWorld(seed);
      const naive = new NaiveModel();
      const log: KvCommand[] = [];
      let flushing = false;
      for (const does of steps) {
        if (does === 'crash') {
          const index = world.crash();
          flushing = false;
          // The engine applies again what the store does not hold.
          for (const again of log.slice(index)) result(() => world.model.apply(again));
        } else if ('command' in does) {
          const bytes = encodeCommand(does.command);
          const { command } = decodeCommand(bytes);
          expect(words(command)).toEqual(words(does.command));
          log.push(command);
          const before = naive.events.length;
          const expected = result(() => applyNaively(naive, command));
          let events: readonly KeyEvent[] = [];
          const got = result(() => {
            const applied = world.model.apply(command);
            events = applied.events;
            return applied.outcome;
          });
          expect(words(got)).toEqual(words(expected));
          expect(events.map(told)).toEqual(naive.events.slice(before));
          expect(world.model.revision).toBe(naive.revision);
        } else if ('range' in does) {
          expect(words(result(() => world.model.range(does.range)))).toEqual(
            words(result(() => naive.range(does.range))),
          );
        } else if ('sweep' in does) world.model.compactionStep(does.sweep);
        else if (!flushing) {
          flushing = !does.flush;
          if (does.flush) world.flush(log.length);
          else
            world.startFlush(log.length, () => {
              flushing = false;
            });
        } else world.world.runFor(1);
      }
      checkHistory(world, naive);
      while (world.model.compactionStep(5));
      checkHistory(world, naive);
      for (let at = Math.max(0, naive.compactRevision); at <= naive.revision; at++) {
        const request = { ...everything, revision: at };
        expect(words(world.model.range(request))).toEqual(words(naive.range(request)));
      }
      expect([...world.model.leases()].map(({ id }) => id)).toEqual(
        [...naive.leases.keys()].sort(),
      );
      for (const id of naive.leases.keys()) {
        expect(world.model.leaseKeys(id).map(name).sort()).toEqual(
          naive.leaseKeys(id).map(name).sort(),
        );
      }
      expect(world.model.keyCount).toBe((naive.range(everything) as { count: number }).count);
    }),
    { numRuns: 150 },
  );
});

test.each([1, 2])('replicas with the same commands have the same hashes (%i)', (seed) => {
  const commands = fc.sample(command, { numRuns: 300, seed });
  const hashes = [1, 2, 3].map((which) => {
    const { model } = new ModelWorld(which);
    for (const does of commands) {
      result(() => model.apply(does));
      // How far the removal has come is each replica's own affair.
      if (which > 1) model.compactionStep(which * 7);
    }
    const hashing = model.hashKv(0);
    let hashed = hashing.step(10);
    while (hashed === undefined) hashed = hashing.step(10);
    return { hash: model.hash, hashed };
  });
  expect(hashes[1]).toEqual(hashes[0]);
  expect(hashes[2]).toEqual(hashes[0]);
});

test('a put of each key leaves exactly that key', () => {
  fc.assert(
    fc.property(fc.uniqueArray(key), (chosen) => {
      const { model } = new ModelWorld();
      const request = { type: 'put', lease: 0n, prevKv: false, ignoreValue: false } as const;
      for (const of of chosen) {
        model.apply({ ...request, ignoreLease: false, key: of, value: of.subarray(0, 4) });
      }
      const { kvs } = model.range(everything);
      expect(kvs.length).toBe(chosen.length);
      expect(new Set(kvs.map((kv) => name(kv.key)))).toEqual(new Set(chosen.map(name)));
    }),
    { numRuns: 30 },
  );
});
