import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareKeys, type Key } from './key.ts';
import { absent, PageTree } from './page-tree.ts';

/** The plain model: a Map, sorted where order matters. */
function sorted(model: ReadonlyMap<Key, number>): [Key, number][] {
  return [...model].sort(([a], [b]) => compareKeys(a, b));
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant('set' as const), fc.nat(700), fc.nat()) },
  { weight: 5, arbitrary: fc.tuple(fc.constant('delete' as const), fc.nat(700), fc.nat()) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('freeze' as const), fc.nat(700), fc.nat()) },
);

describe('a page tree', () => {
  test('is a sorted map, and frozen views stay as they were', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 400, maxLength: 1500 }), (steps) => {
        const tree = new PageTree<number>();
        const model = new Map<Key, number>();
        const views: { view: ReturnType<typeof tree.freeze>; entries: [Key, number][] }[] = [];
        for (const [kind, key, value] of steps) {
          const before = model.has(key) ? model.get(key)! : absent;
          if (kind === 'set') {
            expect(tree.set(key, value)).toBe(before);
            model.set(key, value);
          } else if (kind === 'delete') {
            expect(tree.delete(key)).toBe(before);
            model.delete(key);
          } else views.push({ view: tree.freeze(), entries: sorted(model) });
          expect(tree.size).toBe(model.size);
        }
        const entries = sorted(model);
        expect([...tree.entries()]).toEqual(entries);
        expect([...tree.entries({ reverse: true })]).toEqual(entries.toReversed());
        const within = entries.filter(([key]) => (key as number) >= 100 && (key as number) < 300);
        expect([...tree.entries({ from: 100, to: 300 })]).toEqual(within);
        expect([...tree.entries({ from: 100, to: 300, reverse: true })]).toEqual(
          within.toReversed(),
        );
        expect(tree.first()).toEqual(entries[0]);
        expect(tree.last()).toEqual(entries.at(-1));
        for (const { view, entries: then } of views) {
          expect([...view.entries()]).toEqual(then);
          expect(view.size).toBe(then.length);
        }
        const [oldest] = views;
        if (oldest !== undefined) {
          tree.revert(oldest.view);
          tree.set(-1, 1);
          expect([...tree.entries()]).toEqual([[-1, 1], ...oldest.entries]);
          expect([...oldest.view.entries()]).toEqual(oldest.entries);
        }
      }),
      { numRuns: 15 },
    );
  });

  test('grows and shrinks by thousands, from either end', () => {
    const tree = new PageTree<number>();
    for (let i = 0; i < 20_000; i++) tree.set(i, i);
    for (let i = 0; i < 20_000; i += 2) expect(tree.delete(i)).toBe(i);
    expect(tree.size).toBe(10_000);
    expect(tree.get(9_999)).toBe(9_999);
    expect(tree.get(9_998)).toBe(absent);
    for (let i = 19_999; i > 0; i -= 2) tree.delete(i);
    expect(tree.size).toBe(0);
    expect([...tree.entries()]).toEqual([]);
    tree.set('again', 1);
    expect(tree.first()).toEqual(['again', 1]);
  });

  test('is walked while it changes: what is ahead is seen, nothing twice', () => {
    const tree = new PageTree<number>();
    for (let i = 0; i < 500; i++) tree.set(i, i);
    const seen: Key[] = [];
    for (const [key] of tree.entries()) {
      seen.push(key);
      if (key === 100) {
        tree.freeze();
        for (let i = 50; i < 300; i++) tree.delete(i);
        tree.set(400.5, 0);
      }
    }
    expect(seen).toEqual([
      ...Array.from({ length: 101 }, (_, i) => i),
      ...Array.from({ length: 101 }, (_, i) => 300 + i),
      400.5,
      ...Array.from({ length: 99 }, (_, i) => 401 + i),
    ]);
  });

  test('orders keys of all kinds by content', () => {
    const keys: Key[] = [
      false,
      true,
      -1,
      0,
      2.5,
      -3n,
      7n,
      '',
      'a',
      'ab',
      'b',
      new Uint8Array([1]),
      new Uint8Array([1, 0]),
      new Uint8Array([2]),
      [],
      [1],
      [1, 'a'],
      [2],
      ['a'],
    ];
    const tree = new PageTree<number>();
    for (const [i, key] of [...keys.entries()].toReversed()) tree.set(key, i);
    expect([...tree.entries()].map(([key]) => key)).toEqual(keys);
    expect(tree.get([1, 'a'])).toBe(16);
    expect(tree.get(new Uint8Array([1, 0]))).toBe(12);
  });
});
