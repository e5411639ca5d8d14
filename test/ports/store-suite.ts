/** What every {@link Stores} does, real or simulated, as long as nothing fails. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AssertionError } from '../../src/base/assert.ts';
import { equalBytes } from '../../src/base/compare-bytes.ts';
import {
  type Store,
  type StoreRange,
  type Stores,
  type StoreView,
  type StoreWrite,
  storeKeyBytesMax,
} from '../../src/ports/store.ts';
import { act, ask, failure, type Harness, isPlain, type MakeHarness } from './harness.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (content: Uint8Array): string => new TextDecoder().decode(content);
const put = (key: string, value: string): StoreWrite => ({ key: bytes(key), value: bytes(value) });
const drop = (key: string): StoreWrite => ({ key: bytes(key), value: undefined });

/** Registers the suite; no store may be there in the beginning of each test. */
export function storeSuite(name: string, make: MakeHarness<Stores>): void {
  describe(`store port: ${name}`, () => {
    let world: Harness<Stores>;
    let store: Store;
    beforeEach(async () => {
      world = await make();
      store = await open('kv/1.x');
    });
    afterEach(() => world.close());

    const open = (path: string): Promise<Store> =>
      ask(world, (answer) => world.port.open(path, answer));
    const write = (...batch: StoreWrite[]): Promise<void> =>
      act(world, (done) => store.write(batch, done));
    const close = (of = store): Promise<void> => act(world, (done) => of.close(done));
    const get = (key: string, view: StoreView = store): string | undefined => {
      const found = view.get(bytes(key));
      return found && text(found);
    };
    const keys = (from?: string, to?: string, reverse = false, view: StoreView = store): string => {
      const range: StoreRange = {
        ...(from === undefined ? {} : { from: bytes(from) }),
        ...(to === undefined ? {} : { to: bytes(to) }),
        reverse,
      };
      return [...view.range(range)].map(({ key }) => text(key)).join(' ');
    };

    test('is empty at first', async () => {
      expect(get('a')).toBeUndefined();
      expect(keys()).toBe('');
      expect(keys(undefined, undefined, true)).toBe('');
      expect(keys('a', 'b', true)).toBe('');
      await close();
    });

    test('keeps what was written, also over a restart', async () => {
      await write(put('a', '1'), put('b', ''), put('c', '3'));
      await write(put('a', '2'), drop('c'), drop('none'));
      const look = (): unknown[] => [get('a'), get('b'), get('c'), keys()];
      expect(look()).toEqual(['2', '', undefined, 'a b']);
      await close();
      store = await open('kv/1.x');
      expect(look()).toEqual(['2', '', undefined, 'a b']);
      await close();
    });

    test('of two changes to a key in one batch the later counts', async () => {
      await write(put('a', '1'), drop('a'), put('b', '1'), put('b', '2'));
      expect([get('a'), get('b')]).toEqual([undefined, '2']);
      await close();
    });

    test('walks both ways, the lower bound in, the upper not', async () => {
      await write(...['b', 'a', 'aa', 'c', 'ab', 'd'].map((key) => put(key, key)));
      expect(keys()).toBe('a aa ab b c d');
      expect(keys('aa')).toBe('aa ab b c d');
      expect(keys('aaa', 'c')).toBe('ab b');
      expect(keys(undefined, 'b')).toBe('a aa ab');
      expect(keys('x')).toBe('');
      expect(keys('c', 'b')).toBe('');
      expect(keys(undefined, undefined, true)).toBe('d c b ab aa a');
      expect(keys('aa', 'c', true)).toBe('b ab aa');
      expect(keys('aaa', 'bb', true)).toBe('b ab');
      expect(keys('b', undefined, true)).toBe('d c b');
      expect(keys(undefined, '0', true)).toBe('');
      expect(keys('e', 'f', true)).toBe('');
      expect(keys('c', 'b', true)).toBe('');
      await close();
    });

    test('compares keys byte by byte, the longest too', async () => {
      const long = new Uint8Array(storeKeyBytesMax).fill(0xff);
      const made = [[0], [0, 0], [0, 1], [1], [0x7f, 0xff], [0x80], [0xff], [0xff, 0]].map((key) =>
        Uint8Array.from(key),
      );
      await write(...[long, ...made].reverse().map((key) => ({ key, value: key })));
      expect([...store.range({})].map(({ key }) => key)).toEqual([...made, long]);
      expect(store.get(long)).toEqual(long);
      expect(store.get(long.subarray(1))).toBeUndefined();
      await close();
    });

    test('refuses a key that is empty or too long', async () => {
      for (const length of [0, storeKeyBytesMax + 1]) {
        const key = new Uint8Array(length);
        expect(() => store.write([{ key, value: key }], () => {})).toThrow(AssertionError);
        expect(store.get(key)).toBeUndefined();
      }
      await close();
    });

    test('takes large values, and gives plain bytes that stay', async () => {
      const large = new Uint8Array(300_000).map((_, at) => at % 251);
      await write({ key: bytes('large'), value: large }, put('small', 'x'));
      const read = [...store.range({})].flatMap(({ key, value }) => [key, value]);
      read.push(store.get(bytes('large'))!, store.get(bytes('small'))!);
      expect(read.every(isPlain)).toBe(true);
      await write(put('large', 'y'), put('small', 'y'));
      expect(read.map((content) => content.length)).toEqual([5, 300_000, 5, 1, 300_000, 1]);
      expect(equalBytes(read[1]!, large)).toBe(true);
      expect(text(read[3]!)).toBe('x');
      await close();
    });

    test('a snapshot stays as it was', async () => {
      await write(put('a', '1'), put('b', '1'));
      const snapshot = store.snapshot();
      const walk = snapshot.range({});
      expect(text(walk.next().value!.key)).toBe('a');
      await write(put('a', '2'), put('aa', '2'), drop('b'));
      await write(put('c', '3'));
      expect([get('a', snapshot), get('b', snapshot), get('c', snapshot)]).toEqual([
        '1',
        '1',
        undefined,
      ]);
      expect(text(walk.next().value!.key)).toBe('b');
      expect(walk.next().done).toBe(true);
      expect(keys(undefined, undefined, true, snapshot)).toBe('b a');
      expect(keys()).toBe('a aa c');
      snapshot.close();
      await close();
    });

    test('a walk may be given up', async () => {
      await write(put('a', '1'), put('b', '1'));
      for (const { key } of store.range({})) {
        expect(text(key)).toBe('a');
        break;
      }
      expect(keys()).toBe('a b');
      await close();
    });

    test('batches take effect in their order, and a close waits for them', async () => {
      const ends: string[] = [];
      for (let at = 0; at < 20; at++) {
        store.write([put('last', `${at}`), put(`k${at}`, '')], (error) =>
          ends.push(`${at} ${error}`),
        );
      }
      await close();
      expect(ends).toEqual(Array.from({ length: 20 }, (_, at) => `${at} null`));
      store = await open('kv/1.x');
      expect([get('last'), keys().split(' ').length]).toEqual(['19', 21]);
      await close();
    });

    test('an empty batch is answered', async () => {
      await write();
      await close();
    });

    test('is cleared in the order of the batches', async () => {
      store.write([put('a', '1')], () => {});
      const cleared = act(world, (done) => store.clear(done));
      store.write([put('b', '1')], () => {});
      await cleared;
      await close();
      store = await open('kv/1.x');
      expect(keys()).toBe('b');
      await close();
    });

    test('knows how much it occupies', async () => {
      await write({ key: bytes('a'), value: new Uint8Array(100_000) });
      const { fileBytes, usedBytes } = store.size();
      expect(usedBytes).toBeGreaterThanOrEqual(100_000);
      expect(fileBytes).toBeGreaterThanOrEqual(usedBytes);
      expect(usedBytes).toBeLessThan(300_000);
      await close();
    });

    test('stores do not know each other, and can be removed', async () => {
      const other = await open('kv/2');
      await write(put('a', '1'));
      expect(get('a', other)).toBeUndefined();
      await close(other);
      await close();
      await act(world, (done) => world.port.remove('kv/1.x', done));
      await act(world, (done) => world.port.remove('kv/never', done));
      store = await open('kv/1.x');
      expect(keys()).toBe('');
      await close();
    });

    test('a path that leaves the root is refused', async () => {
      expect(await failure(world, (end) => world.port.open('../x', end))).toBe('invalid-config');
      expect(await failure(world, (end) => world.port.remove('a//b', end))).toBe('invalid-config');
      await close();
    });
  });
}
