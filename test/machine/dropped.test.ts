/** Collections on disk that a later version has no more: their entries go, and never come back. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { machine, map, openMember, Refusal } from '../../src/index.ts';
import { encodeEntry } from '../../src/machine/command-wire.ts';
import type { TypedMachine } from '../../src/machine/typed-machine.ts';
import { NodeStores } from '../../src/platform/node-stores.ts';
import type { Store } from '../../src/ports/store.ts';
import { until } from '../processes/waiting.ts';

const numbers = () => map<number, string>({ on: 'disk' });
const one = machine({
  state: { old: numbers(), kept: numbers() },
  commands: {
    fill({ old, kept }, count: number) {
      for (let n = 0; n < count; n++) old.set(n, 'x'.repeat(100));
      kept.set(count, 'kept');
    },
  },
});
const two = machine({
  version: 2,
  from: one,
  state: { kept: numbers() },
  commands: { touch: ({ kept }) => void kept.set(-1, 'touched') },
});
const refusing = machine({
  version: 2,
  from: one,
  migrate(before) {
    before.old.clear();
    throw new Refusal('no', 'not now');
  },
  state: { kept: numbers() },
  commands: { touch: ({ kept }) => void kept.set(-1, 'touched') },
});
const three = machine({
  version: 3,
  from: two,
  state: { old: numbers(), kept: numbers() },
  commands: { put: ({ old }, key: number) => void old.set(key, 'new') },
  queries: { old: ({ old }) => [...old.entries()], size: ({ old }) => old.size },
});

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'quorate-dropped-'));
  ends.push(async () => rmSync(made, { recursive: true, force: true }));
  return made;
}

async function openStore(root: string): Promise<Store> {
  const store = await new Promise<Store>((resolve, reject) => {
    new NodeStores(root).open('s', (each) =>
      each instanceof Error ? reject(each) : resolve(each),
    );
  });
  return store;
}

const close = (store: Store): Promise<void> =>
  new Promise((resolve) => store.close(() => resolve()));

/** How many entries the store has that are a table's. */
function entriesOf(store: Store): number {
  let count = 0;
  for (const _ of store.range({ from: Uint8Array.of(1), to: Uint8Array.of(2) })) count++;
  return count;
}

function flush(typed: TypedMachine, index: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const mark = { position: { index, term: 1 }, state: new Uint8Array(0) };
    typed.kept!.flush(mark, (error) => (error === null ? resolve() : reject(error)));
  });
}

const at = (index: number) => ({ index, term: 1, timeMs: 0 });
const activate = (version: number) => encodeEntry({ type: 'activate', version });

test('entries of what a version dropped are removed flush by flush, also across restarts', async () => {
  const root = folder();
  let store = await openStore(root);
  const first = three.create({ store });
  first.apply(
    one.create({ store: await openStore(folder()) }).encode('fill', 5000) as Uint8Array,
    at(1),
  );
  await flush(first, 1);
  expect(entriesOf(store)).toBe(5001);
  const hash = first.hash();
  const outcome = refusing.create({ store: await openStore(folder()) });
  expect(outcome.kept!.pressure()).toBe('little');

  expect(first.apply(activate(2), at(2)).ok).toBe(true);
  expect(first.hash()).not.toBe(hash);
  expect(first.kept!.pressure()).toBe('much');
  await flush(first, 2);
  expect(entriesOf(store)).toBe(3001);
  await close(store);

  // What is left to do is known after a restart, and a new table of the old name begins empty.
  store = await openStore(root);
  const second = three.create({ store });
  expect(second.apply(activate(3), at(3)).ok).toBe(true);
  expect(second.ask('size', undefined)).toBe(0);
  expect(second.ask('old', undefined)).toEqual([]);
  second.apply(second.encode('put', 7) as Uint8Array, at(4));
  for (let index = 4; second.kept!.pressure() === 'much' && index < 10; index++) {
    await flush(second, index);
  }
  expect(second.kept!.pressure()).toBe('little');
  await flush(second, 10);
  expect(entriesOf(store)).toBe(2);
  await close(store);
  store = await openStore(root);
  const third = three.create({ store });
  expect(third.ask('old', undefined)).toEqual([[7, 'new']]);
  expect(third.hash()).toBe(second.hash());

  // Who has it by a snapshot is in the same state.
  const elsewhere = await openStore(folder());
  const copy = three.create({ store: elsewhere });
  const restore = copy.restore();
  const walk = third.snapshot();
  for (let step = walk.next(); step.done !== true; step = walk.next()) restore.chunk(step.value);
  restore.finish();
  expect(copy.hash()).toBe(third.hash());
  expect(copy.ask('old', undefined)).toEqual([[7, 'new']]);
  await flush(copy, 10);
  await close(elsewhere);
  await close(store);
});

test('a migration that fails drops nothing', async () => {
  const store = await openStore(folder());
  const typed = refusing.create({ store });
  const other = await openStore(folder());
  typed.apply(one.create({ store: other }).encode('fill', 10) as Uint8Array, at(1));
  const hash = typed.hash();
  expect(typed.apply(activate(2), at(2)).ok).toBe(false);
  expect(typed.hash()).toBe(hash);
  expect(typed.kept!.pressure()).toBe('little');
  await flush(typed, 2);
  expect(entriesOf(store)).toBe(11);
  await close(other);
  await close(store);
});

test('a member gets rid of it by itself', async () => {
  const dataDir = folder();
  const settings = { log: { segmentBytes: 65_536, batchBytesMax: 16_384, reserveBytes: 0 } };
  const options = { name: 'a', dataDir, tickMs: 10, settings };
  const before = await openMember(options);
  const filled = await before.group('g', one);
  for (let n = 0; n < 3; n++) await filled.commands.fill(5000);
  await before.close();
  const member = await openMember(options);
  ends.push(() => member.close());
  const group = await member.group('g', two);
  await until('version 2', () => group.machine.activeVersion === 2);
  await until('the old entries to go', () => group.machine.kept!.pressure() === 'little');
  expect(entriesOf(group.machine.kept!.store as unknown as Store)).toBe(1);
});
