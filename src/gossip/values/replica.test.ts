/**
 * The promise of shared values: the same winner everywhere, whatever the order of arrival, however
 * often messages are doubled, and whichever are lost.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../base/seeded-random.ts';
import { decodeValue, encodeValue } from './codec.ts';
import { compareEntries, type Entry } from './entry.ts';
import { decodeMessage, encodeMessage } from './message.ts';
import { type Outgoing, ValuesReplica } from './replica.ts';
import { ValuesStore } from './store.ts';

const limits = { entriesMax: 1_000, bytesMax: 1_000_000, tombstoneMs: 60_000 };
const key = { collection: 'm:test', key: 'k' };

/** A handful of replicas and the messages under way between them; time is set by hand. */
class World {
  readonly random: SeededRandom;
  readonly replicas = new Map<string, ValuesReplica>();
  readonly wallMs = new Map<string, number>();
  readonly compared: string[] = [];
  readonly lossPercent: number;
  #underWay: Outgoing[] = [];
  /** Members that currently cannot talk to each other have different numbers here. */
  readonly side = new Map<string, number>();

  constructor(names: readonly string[], seed: number, lossPercent = 0, overrides = {}) {
    this.random = new SeededRandom(seed);
    this.lossPercent = lossPercent;
    for (const name of names) {
      this.wallMs.set(name, 1_000_000);
      this.side.set(name, 0);
      const replica = new ValuesReplica({
        ...limits,
        name,
        random: this.random.fork(),
        wallMs: () => this.wallMs.get(name)!,
        driftMaxMs: 300_000,
        packetBytesMax: 300,
        fanout: 3,
        retransmitMult: 4,
        peers: () => names.filter((other) => other !== name),
        onChange: () => {},
        onCompared: () => this.compared.push(name),
        ...overrides,
      });
      this.replicas.set(name, replica);
    }
  }

  get(name: string): ValuesReplica {
    return this.replicas.get(name)!;
  }

  read(name: string, from = key): unknown {
    const entry = this.get(name).store.get(from);
    return entry?.value === undefined ? undefined : decodeValue(entry.value);
  }

  send(from: string, outgoing: readonly Outgoing[]): void {
    for (const message of outgoing) {
      if (this.side.get(from) !== this.side.get(message.to)) continue;
      if (this.random.below(100) < this.lossPercent) continue;
      this.#underWay.push(message);
      if (this.random.below(10) === 0) this.#underWay.push(message);
    }
  }

  /** Delivers all that is under way, and its answers, in random order. */
  deliver(): void {
    while (this.#underWay.length > 0) {
      const [message] = this.#underWay.splice(this.random.below(this.#underWay.length), 1);
      this.send(message!.to, this.get(message!.to).receive(message!.bytes));
    }
  }

  gossipRound(): void {
    for (const [name, replica] of this.replicas) this.send(name, replica.gossip());
    this.deliver();
  }

  compareRound(): void {
    for (const [name, replica] of this.replicas) this.send(name, replica.compare());
    this.deliver();
  }

  /** Whether all stores say the same about everything. */
  agree(): boolean {
    const views = [...this.replicas.values()].map((replica) =>
      replica.store.bucketHashes(1_000_000).join(),
    );
    return new Set(views).size === 1;
  }
}

const entries = fc.array(
  fc.record({
    collection: fc.constantFrom('m:a', 'v:b'),
    key: fc.constantFrom('x', 'y', '__proto__'),
    stamp: fc.record({
      wallMs: fc.integer({ min: 999_990, max: 1_000_000 }),
      counter: fc.nat({ max: 2 }),
      writer: fc.constantFrom('a', 'b'),
    }),
    // Equal stamps with different contents are in on purpose: a writer may have lost its clock.
    value: fc.option(fc.uint8Array({ maxLength: 2 }), { nil: undefined }),
  }),
  { maxLength: 40 },
);

describe('merging', () => {
  test('gives the same store for every order of arrival and any number of repeats', () => {
    fc.assert(
      fc.property(entries, fc.infiniteStream(fc.nat()), (list, choices) => {
        const ordered = new ValuesStore(limits);
        for (const entry of list) ordered.merge(entry, 1_000_000);
        const shuffled = new ValuesStore(limits);
        const left = [...list, ...list.slice(0, 5)];
        while (left.length > 0) {
          const [entry] = left.splice((choices.next().value as number) % left.length, 1);
          shuffled.merge(entry!, 1_000_000);
        }
        expect(shuffled.bucketHashes(1_000_000)).toEqual(ordered.bucketHashes(1_000_000));
        expect(shuffled.byteCount).toBe(ordered.byteCount);
        expect(shuffled.entryCount).toBe(ordered.entryCount);
        for (const entry of list) {
          const winner = ordered.get(entry)!;
          expect(compareEntries(entry, winner)).toBeLessThanOrEqual(0);
          expect(compareEntries(shuffled.get(entry)!, winner)).toBe(0);
        }
      }),
    );
  });

  test('the order of entries is total', () => {
    fc.assert(
      fc.property(entries, (list) => {
        const keyed: Entry[] = list.map((entry) => ({ ...entry, ...key }));
        const sorted = [...keyed].sort(compareEntries);
        for (let index = 1; index < sorted.length; index++) {
          expect(compareEntries(sorted[index - 1]!, sorted[index]!)).toBeLessThanOrEqual(0);
        }
        for (const a of keyed) {
          for (const b of keyed) {
            expect(Math.sign(compareEntries(a, b))).toBe(-Math.sign(compareEntries(b, a)) + 0);
          }
        }
      }),
    );
  });

  test('messages come back as they were', () => {
    fc.assert(
      fc.property(entries, (list) => {
        const signed = {
          from: 'a',
          message: { type: 'exchange', round: 7, entries: list, wanted: list.map(() => key) },
        } as const;
        expect(decodeMessage(encodeMessage(signed))).toEqual(signed);
      }),
    );
  });
});

describe('a cluster', () => {
  test('ends with one winner after loss, doubling, reordering, skewed clocks and partitions', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const step = fc.record({
      at: fc.constantFrom(...names),
      key: fc.constantFrom('x', 'y', 'z'),
      value: fc.option(fc.nat(), { nil: undefined }),
      do: fc.constantFrom('write', 'write', 'gossip', 'compare', 'split', 'heal', 'skew'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(), (steps, seed) => {
        // Tombstones must outlive the skew between clocks: a day against minutes, in earnest.
        const world = new World(names, seed, 30, { tombstoneMs: 3_600_000 });
        for (const { at, key: name, value, do: what } of steps) {
          if (what === 'write') {
            const bytes = value === undefined ? undefined : encodeValue(value);
            world.get(at).write({ collection: 'm:test', key: name }, bytes);
          } else if (what === 'gossip') world.gossipRound();
          else if (what === 'compare') world.compareRound();
          else if (what === 'split') world.side.set(at, world.random.below(2));
          else if (what === 'skew') world.wallMs.set(at, 1_000_000 + world.random.below(200_000));
          else for (const each of names) world.side.set(each, 0);
        }
        for (const each of names) world.side.set(each, 0);
        let rounds = 0;
        while (!world.agree() && rounds < 300) {
          world.compareRound();
          rounds++;
        }
        expect(world.agree()).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  test('a write reaches 50 members by rumour alone within a few rounds', () => {
    const names = Array.from({ length: 50 }, (_, index) => `member-${index}`);
    const world = new World(names, 1);
    world.get('member-0').write(key, encodeValue('news'));
    let rounds = 0;
    for (; rounds < 20 && !names.every((name) => world.read(name) === 'news'); rounds++) {
      world.gossipRound();
    }
    expect(rounds).toBeLessThan(10);
    // Each member stops by itself.
    while (world.get('member-7').spreading > 0 && rounds++ < 100) world.gossipRound();
    expect(world.get('member-7').spreading).toBe(0);
  });

  test('a member that overwrites what it has read wins, however slow its clock is', () => {
    const world = new World(['fast', 'slow'], 1);
    world.wallMs.set('fast', 1_200_000);
    world.get('fast').write(key, encodeValue(1));
    world.gossipRound();
    world.get('slow').write(key, encodeValue(2));
    world.compareRound();
    expect([world.read('fast'), world.read('slow')]).toEqual([2, 2]);
  });

  test('stamps further ahead than the drift allowed are refused and counted', () => {
    const world = new World(['sane', 'mad'], 1);
    world.wallMs.set('mad', 4_000_000_000);
    world.get('mad').write(key, encodeValue('from the future'));
    world.gossipRound();
    expect(world.read('sane')).toBeUndefined();
    expect(world.get('sane').counts.fromTheFuture).toBeGreaterThan(0);
  });

  test('a value larger than a packet travels too', () => {
    const world = new World(['a', 'b'], 1);
    const large = 'x'.repeat(5_000);
    world.get('a').write(key, encodeValue(large));
    world.get('a').write({ ...key, key: 'small' }, encodeValue('s'));
    for (let round = 0; round < 3; round++) world.gossipRound();
    expect(world.read('b')).toBe(large);
    expect(world.read('b', { ...key, key: 'small' })).toBe('s');
  });

  test('a joiner pulls everything in one comparison, and learns that it has', () => {
    const world = new World(['old', 'new'], 3);
    for (let index = 0; index < 500; index++) {
      world.get('old').write({ ...key, key: `key-${index}` }, encodeValue(index));
    }
    world.send('new', world.get('new').compare('old'));
    world.deliver();
    expect(world.get('new').store.entryCount).toBe(500);
    expect(world.compared).toContain('new');
    // A store caught up in bulk is no news to be spread again.
    expect(world.get('new').spreading).toBe(0);
    expect(world.agree()).toBe(true);
  });
});

describe('tombstones', () => {
  test('keep a deleted key deleted, and are reaped everywhere without coming back', () => {
    const world = new World(['a', 'b', 'c'], 5);
    world.get('a').write(key, encodeValue(1));
    for (let round = 0; round < 5; round++) world.gossipRound();
    world.get('b').write(key, undefined);
    world.side.set('c', 1);
    for (let round = 0; round < 5; round++) world.gossipRound();
    world.side.set('c', 0);
    for (let round = 0; round < 10; round++) world.compareRound();
    expect(world.read('c')).toBeUndefined();
    for (const name of world.replicas.keys()) world.wallMs.set(name, 1_070_000);
    expect(world.get('a').reap()).toBe(1);
    // One member has reaped and another has not: they agree all the same, and nothing comes back.
    for (let round = 0; round < 10; round++) world.compareRound();
    expect(world.get('a').store.entryCount).toBe(0);
    for (const replica of world.replicas.values()) replica.reap();
    expect([...world.replicas.values()].map((replica) => replica.store.entryCount)).toEqual([
      0, 0, 0,
    ]);
  });
});

describe('bounds', () => {
  test('own writes stop at the limit, others may fill a quarter more, and deleting makes room', () => {
    const world = new World(['a', 'b', 'c'], 7, 0, { entriesMax: 100 });
    const fill = (name: string): void => {
      for (let index = 0; index < 100; index++) {
        world.get(name).write({ ...key, key: `${name}-${index}` }, encodeValue(index));
      }
    };
    fill('a');
    fill('b');
    expect(() => world.get('a').write(key, encodeValue(1))).toThrow(
      expect.objectContaining({ code: 'gossip-values-full' }),
    );
    world.send('a', world.get('a').compare('b'));
    world.deliver();
    expect(world.get('a').store.entryCount).toBe(125);
    expect(world.get('a').counts.overLimit).toBeGreaterThanOrEqual(75);
    world.get('a').write({ ...key, key: 'a-0' }, undefined);
    expect(world.get('a').store.get({ ...key, key: 'a-0' })?.value).toBeUndefined();
  });

  test('any bytes are taken in or counted as malformed, and change nothing', () => {
    const world = new World(['a', 'b'], 9);
    world.get('a').write(key, encodeValue('kept'));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(5), (bytes, code) => {
        world.get('a').receive(Uint8Array.of(1, code, 1, 98, ...bytes));
      }),
      { numRuns: 2_000 },
    );
    expect(world.get('a').counts.malformed).toBeGreaterThan(500);
    expect(world.read('a')).toBe('kept');
  });
});
