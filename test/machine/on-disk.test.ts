/** State in a store: the same as in memory, whatever happens; and what is flushed is found again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cell, list, machine, map, orderedMap, Refusal, set } from '../../src/index.ts';
import { compareKeys, type Key } from '../../src/machine/key.ts';
import { keyBytes, keyFromBytes } from '../../src/machine/key-bytes.ts';
import { NodeStores } from '../../src/platform/node-stores.ts';
import type { Store } from '../../src/ports/store.ts';
import { Driven } from './driven.ts';

const on = { on: 'disk' } as const;
const parts = (options: { on?: 'disk' }) => ({
  ordered: orderedMap<readonly Key[], string>(options),
  names: set<string>(options),
  queue: list<bigint>(options),
  last: cell(''),
  count: 0,
});
const library = (options: { on?: 'disk' }) =>
  machine({
    state: { ...parts(options), values: map<bigint, Date | string>(options) },
    commands: {
      add(state, name: string, { index, time }) {
        state.ordered.set([name, index], name);
        state.names.add(name);
        state.queue.push(BigInt(index));
        state.values.set(BigInt(index), index % 2 === 0 ? name : time);
        state.last.value = name;
        return ++state.count;
      },
      fail(state, name: string) {
        state.ordered.clear();
        state.names.delete(name);
        state.queue.shift();
        state.queue.unshift(1n, 2n);
        state.last.value = 'lost';
        state.count = 0;
        throw new Refusal('no', 'as it was');
      },
      take: ({ queue, values }) => values.delete(queue.shift() ?? 0n),
      forget({ ordered, names }, name: string) {
        for (const [key] of ordered.range({ from: [name], to: [`${name}\u0000`] })) {
          ordered.delete(key);
        }
        return names.delete(name);
      },
    },
    queries: {
      all: (state) => ({
        ordered: [...state.ordered],
        back: [...state.ordered.range({ reverse: true, limit: 3 })],
        names: [...state.names],
        queue: [...state.queue],
        values: [...state.values],
        ends: [state.ordered.first(), state.ordered.last(), state.queue.at(-1), state.queue.at(0)],
        last: state.last.value,
        count: state.count,
        sizes: [state.ordered.size, state.names.size, state.queue.length, state.values.size],
      }),
    },
  });

const inMemory = library({});
const onDisk = library(on);

let folder = '';
let stores: NodeStores;
let opened = 0;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'quorate-on-disk-'));
  stores = new NodeStores(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const open = (name = `s${opened++}`): Promise<Store> =>
  new Promise((resolve, reject) => {
    stores.open(name, (answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
  });
const close = (store: Store): Promise<void> =>
  new Promise((resolve) => store.close(() => resolve()));

async function drivenOn(store: Store): Promise<Driven> {
  const driven = new Driven(inMemory);
  driven.machine = onDisk.create({ name: 'test', store });
  driven.index = driven.machine.lastIndex;
  return driven;
}

function flush({ machine, index }: Driven): Promise<void> {
  const mark = { position: { index, term: 1 }, state: Uint8Array.of(7) };
  return new Promise((resolve, reject) => {
    machine.kept!.flush(mark, (error) => (error === null ? resolve() : reject(error)));
  });
}

describe('a machine on disk', () => {
  test('does what one in memory does; flushed, reopened and restored in between', async () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd', 'é', '\u{1f600}');
    const kinds = ['add', 'add', 'fail', 'take', 'forget', 'flush', 'reopen', 'restore'] as const;
    const step = fc.tuple(fc.constantFrom(...kinds), name);
    const steps = fc.array(step, { minLength: 10, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(steps, async (plan) => {
        const memory = new Driven(inMemory);
        let path = `p${opened++}`;
        let store = await open(path);
        let disk = await drivenOn(store);
        for (const [kind, input] of plan) {
          if (kind === 'flush') await flush(disk);
          else if (kind === 'reopen') {
            await flush(disk);
            await close(store);
            store = await open(path);
            disk = await drivenOn(store);
            expect(disk.index).toBe(memory.index);
          } else if (kind === 'restore') {
            const chunks = disk.snapshot();
            await close(store);
            path = `p${opened++}`;
            store = await open(path);
            disk = (await drivenOn(store)).restore(chunks);
            await flush(disk);
          } else expect(disk.outcome(kind, input)).toEqual(memory.outcome(kind, input));
          expect(disk.ask('all')).toEqual(memory.ask('all'));
        }
        await close(store);
      }),
      { numRuns: 12 },
    );
  });

  test('forgets what was not flushed, as a whole', async () => {
    const store = await open('forgetful');
    const driven = await drivenOn(store);
    driven.run('add', 'a');
    await flush(driven);
    const hash = driven.machine.hash();
    driven.run('add', 'b');
    expect(driven.machine.hash()).not.toBe(hash);
    await close(store);
    const again = await drivenOn(await open('forgetful'));
    expect(again.machine.hash()).toBe(hash);
    expect(again.machine.kept!.mark()).toEqual({
      position: { index: 1, term: 1 },
      state: Uint8Array.of(7),
    });
    expect(again.run('add', 'c')).toBe(2);
  });

  test('gives a snapshot of the moment, which holds nothing once it is given up', async () => {
    const store = await open('snapshot');
    const driven = await drivenOn(store);
    for (let i = 0; i < 3000; i++) driven.run('add', `name ${i}`);
    await flush(driven);
    const walk = driven.machine.snapshot();
    const chunks = [walk.next().value as Uint8Array];
    driven.run('forget', 'name 7');
    for (let i = 0; i < 100; i++) driven.run('take');
    await flush(driven);
    for (let step = walk.next(); step.done !== true; step = walk.next()) chunks.push(step.value);
    const restored = await drivenOn(await open('elsewhere'));
    restored.restore(chunks);
    await flush(restored);
    const { names, queue } = restored.ask('all') as { names: string[]; queue: bigint[] };
    expect(names).toContain('name 7');
    expect(queue[0]).toBe(1n);
    driven.machine.snapshot().return?.();
    await close(store);
  });
});

describe('keys as bytes', () => {
  const key: fc.Arbitrary<Key> = fc.letrec<{ key: Key }>((tie) => ({
    key: fc.oneof(
      { depthSize: 'small', maxDepth: 3 },
      fc.string({ unit: 'binary' }),
      fc.constantFrom('', '\u0000', 'a\u0000', 'a', '\ud800', '\uffff', '\u{10000}'),
      fc.double({ noNaN: true }).map((n) => (n === 0 ? 0 : n)),
      fc.integer(),
      fc.bigInt(),
      fc.boolean(),
      fc.uint8Array({ maxLength: 4 }),
      fc.array(tie('key'), { maxLength: 3 }),
    ),
  })).key;
  const prefix = Uint8Array.of(1);
  const order = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b);

  test('keep their order, and are read back', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        const [left, right] = [keyBytes(prefix, a, 1e6), keyBytes(prefix, b, 1e6)];
        expect(Math.sign(order(left, right))).toBe(Math.sign(compareKeys(a, b)));
        expect(keyFromBytes(left, 1)).toEqual(a);
      }),
      { numRuns: 1000 },
    );
  });

  test('are refused where they are too long', () => {
    expect(() => keyBytes(prefix, 'x'.repeat(2000), 1900)).toThrow(
      expect.objectContaining({ code: 'value-too-large' }),
    );
  });
});
