/** A typed machine by itself: commands, rollback, snapshots, hashes, changes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Change, machine, map, Refusal } from '../../src/index.ts';
import { counters, everything } from './counters.ts';
import { chunksOf, Driven } from './driven.ts';

describe('commands', () => {
  test('change the state and answer', () => {
    const driven = new Driven(counters);
    expect(driven.run('inc', { key: 1n, by: 5n })).toBe(5n);
    expect(driven.run('inc', { key: 1n, by: 2n })).toBe(7n);
    expect(driven.ask('get', 1n)).toBe(7n);
    expect(driven.ask('get', 2n)).toBeUndefined();
  });

  test('that throw change nothing, and their code travels', () => {
    const driven = new Driven(everything);
    for (const name of ['a', 'b', 'c']) driven.run('add', name);
    const before = { hash: driven.machine.hash(), snapshot: driven.snapshot() };
    const outcome = driven.outcome('addAndFail', 'd');
    expect(outcome.ok).toBe(false);
    const error = outcome.ok ? undefined : outcome.error;
    expect(error).toBeInstanceOf(Refusal);
    expect(error).toMatchObject({
      code: 'not-today',
      message: 'd must wait',
      details: { until: 7n },
    });
    const encoded = driven.machine.encodeOutcome(outcome);
    expect(driven.machine.decodeOutcome(encoded)).toEqual(outcome);
    expect(driven.machine.hash()).toBe(before.hash);
    driven.index--;
    // All but the last index is as it was.
    expect(driven.snapshot().slice(1)).toEqual(before.snapshot.slice(1));
    expect(driven.ask('names')).toEqual(['a', 'b', 'c']);
    expect(driven.ask('queue')).toEqual([1n, 2n, 3n]);
    expect(driven.ask('last')).toBe('c');
    expect(driven.ask('count')).toBe(3);
  });

  test('may throw anything', () => {
    const driven = new Driven(everything);
    const codes = [{ code: 'x' }, 'words', 7n].map((what) => driven.outcome('throwing', what));
    for (const outcome of codes) {
      expect(outcome).toMatchObject({ ok: false, error: { code: 'command-failed' } });
    }
  });

  test('cannot wait', () => {
    const waiting = machine({
      state: { values: map<string, number>() },
      commands: {
        async wait({ values }) {
          values.set('a', 1);
          await Promise.reject(new Error('nobody hears this'));
        },
      },
      queries: { size: ({ values }) => values.size },
    });
    const driven = new Driven(waiting);
    expect(driven.outcome('wait')).toMatchObject({ error: { message: 'a command cannot wait' } });
    expect(driven.ask('size')).toBe(0);
  });

  test('are refused by name: unknown ones, bad bytes, too many entries, large plain state', () => {
    const driven = new Driven(everything);
    expect(() => driven.machine.encode('nothing', 1)).toThrow('no command nothing');
    expect(driven.apply(Uint8Array.of(9, 9))).toMatchObject({
      ok: false,
      error: { code: 'malformed-message' },
    });
    for (const name of 'abcde') driven.run('add', name);
    expect(driven.outcome('add', 'f')).toMatchObject({ error: { code: 'over-quota' } });
    expect(driven.ask('count')).toBe(5);
    expect(driven.outcome('grow', 10_000)).toMatchObject({
      error: { code: 'plain-state-too-large' },
    });
    expect(driven.ask('settings')).toMatchObject({ colours: ['red'] });
  });

  test('cannot change what they got, only what they set', () => {
    const driven = new Driven(everything);
    driven.run('add', 'a');
    const { hash } = { hash: driven.machine.hash() };
    // What holds a date is given out as a copy; what can be frozen is frozen.
    expect(driven.outcome('careless', 'a')).toMatchObject({ ok: true });
    expect(driven.ask('of', 'a')).toMatchObject({ tags: ['a'] });
    const given = driven.ask('of', 'a') as { since: Date };
    given.since.setTime(0);
    const settings = driven.ask('settings') as { colours: string[] };
    settings.colours.push('blue');
    expect(driven.ask('of', 'a')).toMatchObject({ since: new Date(1_700_000_000_001) });
    expect(driven.ask('settings')).toMatchObject({ colours: ['red'] });
    expect(driven.machine.hash()).toBe(hash);

    const frozen = machine({
      state: { lists: map<string, number[]>() },
      commands: {
        begin: ({ lists }, numbers: number[]) => void lists.set('a', numbers),
        careless: ({ lists }) => lists.get('a')?.push(7),
      },
    });
    const other = new Driven(frozen);
    other.run('begin', [1]);
    expect(other.outcome('careless')).toMatchObject({ error: { code: 'command-failed' } });
  });

  test('have their input checked by a schema before they are proposed', async () => {
    const driven = new Driven(everything);
    expect(driven.run('checked', { name: ' Ada ' })).toBe('Ada is 7');
    expect(() => driven.machine.encode('checked', { name: ' ' })).toThrow(
      expect.objectContaining({
        code: 'invalid-input',
        details: { issues: [expect.objectContaining({ path: ['name'] })] },
      }),
    );
  });

  test('draw the same time, numbers and ids on every replica', () => {
    const [one, other] = [new Driven(everything), new Driven(everything)];
    const drawn = one.run('ids', 3) as { ids: string[]; dice: number[] };
    expect(other.run('ids', 3)).toEqual(drawn);
    const next = one.run('ids', 3) as typeof drawn;
    expect(new Set([...drawn.ids, ...next.ids]).size).toBe(6);
    expect([...drawn.ids, ...next.ids].toSorted()).toEqual([...drawn.ids, ...next.ids]);
    expect(next.dice).not.toEqual(drawn.dice);
    for (const id of drawn.ids) expect(id).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
  });
});

test('queries cannot write', () => {
  const driven = new Driven(everything);
  expect(() => driven.ask('sneaky')).toThrow(expect.objectContaining({ code: 'read-only' }));
  driven.run('add', 'a');
  expect(driven.ask('between', { from: 1, to: 2 })).toEqual(['a']);
  expect(driven.ask('between', { from: 2, to: 9 })).toEqual([]);
});

describe('snapshots', () => {
  test('give the same state elsewhere, however they are cut', () => {
    const driven = new Driven(everything);
    for (const name of ['a', 'b', 'c']) driven.run('add', name);
    driven.run('take');
    const chunks = driven.snapshot();
    const bytes = Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
    for (const size of [1, 7, bytes.length]) {
      const cut = [];
      for (let at = 0; at < bytes.length; at += size) cut.push(bytes.slice(at, at + size));
      const restored = new Driven(everything).restore(cut);
      expect(restored.machine.hash()).toBe(driven.machine.hash());
      expect(restored.ask('queue')).toEqual([2n, 3n]);
      expect(restored.ask('settings')).toEqual(driven.ask('settings'));
      expect(restored.run('add', 'd')).toBe(4);
    }
  });

  test('are of the moment in which they began, whatever is applied meanwhile', () => {
    const driven = new Driven(counters);
    for (let key = 0n; key < 20_000n; key++) driven.run('inc', { key, by: 1n });
    const hash = driven.machine.hash();
    const walk = driven.machine.snapshot();
    const first = walk.next().value as Uint8Array;
    for (let key = 0n; key < 20_000n; key += 3n) driven.run('inc', { key, by: 1n });
    const restored = new Driven(counters).restore([first, ...chunksOf(walk)]);
    expect(restored.machine.hash()).toBe(hash);
    expect(restored.ask('get', 9n)).toBe(1n);
    expect(driven.ask('get', 9n)).toBe(2n);
  });

  test('that are damaged or end early are refused', () => {
    const driven = new Driven(counters);
    driven.run('inc', { key: 1n, by: 1n });
    const chunks = driven.snapshot();
    expect(() => new Driven(counters).restore(chunks.slice(0, -1))).toThrow('ends early');
    const bytes = chunks.map((chunk) => chunk.slice());
    const [, entries] = bytes;
    entries![entries!.length - 1]! ^= 1;
    expect(() => new Driven(counters).restore(bytes)).toThrow();
    expect(() => new Driven(everything).restore(chunks)).toThrow('the state has values: map');
  });
});

test('replicas agree by hash whatever happened to them, and differ by it', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
  const step = fc.tuple(fc.constantFrom('add', 'addAndFail', 'take', 'snapshot'), name);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const one = new Driven(everything);
      let other = new Driven(everything);
      for (const [what, input] of steps) {
        if (what === 'snapshot') other = new Driven(everything).restore(other.snapshot());
        else expect(one.outcome(what, input)).toEqual(other.outcome(what, input));
        expect(other.machine.hash()).toBe(one.machine.hash());
      }
      expect(other.snapshot()).toEqual(one.snapshot());
      const { hash } = { hash: one.machine.hash() };
      one.run('take');
      one.outcome('add', 'z');
      if (one.ask('last') === 'z') expect(one.machine.hash()).not.toBe(hash);
    }),
    { numRuns: 60 },
  );
});

describe('changes', () => {
  test('are told by index, the last of each key', () => {
    const driven = new Driven(everything);
    driven.run('add', 'a');
    driven.outcome('addAndFail', 'b');
    driven.run('take');
    const first = driven.machine.history.after(0)!;
    expect(first).toMatchObject({ index: 1, command: 'add' });
    const parts = first.changes.map(({ part, removed }: Change) => `${part} ${removed}`);
    expect(parts.toSorted()).toEqual(
      ['byName', 'byTime', 'count', 'last', 'names', 'queue', 'settings'].map((p) => `${p} false`),
    );
    expect(driven.machine.history.after(1)).toMatchObject({
      index: 3,
      changes: [{ part: 'queue', key: 0, removed: true }],
    });
    expect(driven.machine.history.after(3)).toBeUndefined();
  });

  test("are the reader's own: writing into a key of bytes harms no state", () => {
    const blobs = machine({
      state: { values: map<Uint8Array, Uint8Array>() },
      commands: { put: ({ values }, key: Uint8Array) => void values.set(key, key) },
      queries: { has: ({ values }, key: Uint8Array) => values.has(key) },
    });
    const driven = new Driven(blobs);
    driven.run('put', Uint8Array.of(7));
    const told = () => driven.machine.history.after(0)!.changes[0] as Change;
    for (const bytes of [told().key, told().value]) (bytes as Uint8Array).fill(0);
    expect(told()).toMatchObject({ key: Uint8Array.of(7), value: Uint8Array.of(7) });
    expect(driven.ask('has', Uint8Array.of(7))).toBe(true);
  });

  test('are forgotten by name', () => {
    const small = machine({
      state: { values: map<number, number>() },
      commands: { put: ({ values }, key: number) => void values.set(key, key) },
      changesKeptMax: 3,
    });
    const driven = new Driven(small);
    for (let i = 1; i <= 10; i++) driven.run('put', i);
    expect(driven.machine.history.after(7)).toMatchObject({ index: 8 });
    expect(() => driven.machine.history.after(6)).toThrow(
      expect.objectContaining({ code: 'changes-compacted' }),
    );
    const restored = new Driven(small).restore(driven.snapshot());
    expect(() => restored.machine.history.after(9)).toThrow('behind index 10');
    expect(restored.machine.history.after(10)).toBeUndefined();
  });

  test('are told to nobody where none are kept', () => {
    const silent = machine({
      state: { values: map<number, number>() },
      commands: { put: ({ values }, key: number) => void values.set(key, key) },
      changesKeptMax: 0,
    });
    const driven = new Driven(silent);
    expect(driven.machine.history.after(0)).toBeUndefined();
    driven.run('put', 1);
    expect(() => driven.machine.history.after(0)).toThrow(
      expect.objectContaining({ code: 'changes-compacted' }),
    );
    expect(driven.machine.history.after(1)).toBeUndefined();
  });
});
