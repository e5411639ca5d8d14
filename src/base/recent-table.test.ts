import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecentTable } from './recent-table.ts';

describe('RecentTable', () => {
  it('is a map from ascending numbers', () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant('add' as const), by: fc.integer({ min: 1, max: 90 }) }),
      fc.record({ type: fc.constant('take' as const), at: fc.nat() }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 52 }),
        fc.array(step, { maxLength: 400 }),
        (start, steps) => {
          const table = new RecentTable<{ n: number }>(64);
          const model = new Map<number, { n: number }>();
          let number = start;
          for (const each of steps) {
            if (each.type === 'add') {
              number += each.by;
              const value = { n: number };
              table.add(number, value);
              model.set(number, value);
            } else {
              const numbers = [...model.keys()];
              const taken = numbers[each.at % (numbers.length + 1)] ?? number + 64;
              expect(table.get(taken)).toBe(model.get(taken));
              expect(table.take(taken)).toBe(model.get(taken));
              expect(table.take(taken)).toBeUndefined();
              model.delete(taken);
            }
            expect(table.size).toBe(model.size);
          }
          expect(table.values()).toEqual([...model.values()]);
        },
      ),
    );
  });

  it('keeps one that stays while many others come and go', () => {
    const table = new RecentTable<{ n: number }>();
    table.add(7, { n: 7 });
    for (let n = 8; n < 10_000; n++) {
      table.add(n, { n });
      if (n > 100) expect(table.take(n - 50)).toEqual({ n: n - 50 });
    }
    expect(table.get(7)).toEqual({ n: 7 });
    expect(table.values()[0]).toEqual({ n: 7 });
  });

  it('grows with what it holds, and finds all of it', () => {
    const table = new RecentTable<{ n: number }>(1024);
    for (let n = 0; n < 5000; n++) table.add(2 ** 40 + n, { n });
    expect(table.values().map(({ n }) => n)).toEqual(Array.from({ length: 5000 }, (_, n) => n));
    table.clear();
    expect(table.size).toBe(0);
    expect(table.get(2 ** 40 + 4999)).toBeUndefined();
  });

  it('takes no number twice, nor a lower one', () => {
    const table = new RecentTable<object>();
    table.add(2, {});
    expect(() => table.add(2, {})).toThrow('does not follow');
    expect(() => table.add(1, {})).toThrow('does not follow');
  });
});
