/** Versions of a machine, by hand: what is active is in the log, and nobody guesses. */
import { describe, expect, test } from 'vitest';
import { machine, map } from '../../src/index.ts';
import { encodeEntry } from '../../src/machine/command-wire.ts';
import { Driven } from './driven.ts';
import { bookOne, bookTwo, bookTwoAlone } from './versions.ts';

const activate = (version: number) => encodeEntry({ type: 'activate', version });
const add = { name: 'a', by: 5 };

describe('a machine of version 2', () => {
  test('behaves like version 1 until the log says otherwise, then all change over', () => {
    const [one, two] = [new Driven(bookOne), new Driven(bookTwo)];
    const bytes = one.machine.encode('add', add) as Uint8Array;
    expect(one.apply(bytes)).toEqual({ ok: true, value: 'one: 5' });
    expect(two.apply(bytes)).toEqual({ ok: true, value: 'one: 5' });
    expect(two.machine.activeVersion).toBe(1);
    expect(two.machine.hash()).toBe(one.machine.hash());
    // What version 2 proposes of the commands that version 1 has is understood by both.
    const fromTwo = two.machine.encode('add', add) as Uint8Array;
    expect(one.apply(fromTwo)).toEqual(two.apply(fromTwo));
    // What is new waits, by name, on both.
    const isNew = two.machine.encode('double', 'a') as Uint8Array;
    for (const each of [one, two]) {
      expect(each.apply(isNew)).toMatchObject({ error: { code: 'version-not-active' } });
    }
    expect(() => two.ask('total')).toThrow(expect.objectContaining({ code: 'version-not-active' }));
    expect(two.ask('amount', 'a')).toBe(10);

    expect(two.apply(activate(2))).toEqual({ ok: true, value: 2 });
    expect(two.ask('total')).toBe(10);
    expect(two.apply(isNew)).toMatchObject({ ok: true });
    expect(two.ask('total')).toBe(20);
    expect(() => one.apply(activate(2))).toThrow(
      expect.objectContaining({ code: 'machine-too-old' }),
    );
  });

  test('refuses what an old caller means otherwise', () => {
    const two = new Driven(bookTwo);
    two.run('add', add);
    two.apply(activate(2));
    const old = new Driven(bookOne).machine.encode('forget', 'a') as Uint8Array;
    expect(two.apply(old)).toMatchObject({ ok: false, error: { code: 'machine-too-old' } });
    expect(two.apply(new Driven(bookOne).machine.encode('add', add) as Uint8Array)).toEqual({
      ok: true,
      value: 'two: 10',
    });
    expect(two.run('forget', { name: 'a', why: 'test' })).toBe(true);
    expect(two.ask('total')).toBe(0);
  });

  test('takes over a snapshot of version 1, and a snapshot of its own', () => {
    const one = new Driven(bookOne);
    one.run('add', add);
    const two = new Driven(bookTwo).restore(one.snapshot());
    expect(two.machine.activeVersion).toBe(1);
    two.apply(activate(2));
    expect(two.ask('total')).toBe(5);
    const again = new Driven(bookTwo).restore(two.snapshot());
    expect(again.machine.activeVersion).toBe(2);
    expect(again.machine.hash()).toBe(two.machine.hash());
    expect(() => new Driven(bookOne).restore(two.snapshot())).toThrow(
      expect.objectContaining({ code: 'machine-too-old' }),
    );
    const alone = new Driven(bookTwoAlone).restore(two.snapshot());
    expect(alone.ask('total')).toBe(5);
    expect(() => new Driven(bookTwoAlone).restore(one.snapshot())).toThrow(
      expect.objectContaining({ code: 'machine-too-new' }),
    );
  });

  test('stays with version 1, everywhere, if its migration fails', () => {
    const failing = machine({
      version: 2,
      from: bookOne,
      migrate(before) {
        before.amounts.set('half done', 1);
        throw new Error('not like this');
      },
      state: { amounts: map<string, number>() },
      commands: { add: () => 'two' },
    });
    const driven = new Driven(failing);
    driven.run('add', add);
    const hash = driven.machine.hash();
    expect(driven.apply(activate(2))).toMatchObject({ ok: false });
    expect(driven.machine.activeVersion).toBe(1);
    expect(driven.machine.hash()).toBe(hash);
    expect(driven.run('add', add)).toBe('one: 10');
  });

  test('has its plain values back if a migration fails that wrote into them', () => {
    const named = machine({
      state: { names: [] as string[], counts: map<string, number>() },
      commands: {
        add({ names, counts }, name: string) {
          names.push(name);
          counts.set(name, names.length);
          return names.join();
        },
      },
    });
    const failing = machine({
      version: 2,
      from: named,
      migrate(before) {
        before.names.push('half done');
        before.counts.clear();
        throw new Error('not like this');
      },
      state: { names: [] as string[] },
      commands: { add: () => 'two' },
    });
    const driven = new Driven(failing);
    driven.run('add', 'a');
    const hash = driven.machine.hash();
    expect(driven.apply(activate(2))).toMatchObject({ ok: false });
    expect(driven.machine.hash()).toBe(hash);
    expect(driven.run('add', 'b')).toBe('a,b');
  });

  test('must follow the one before', () => {
    const init = { state: {}, commands: {}, from: bookTwo };
    expect(() => machine({ ...init, version: 2 })).toThrow('does not follow');
    expect(() => machine({ ...init, from: undefined as never, version: 0 })).toThrow('from 1');
  });
});
