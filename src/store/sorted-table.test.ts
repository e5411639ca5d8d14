import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SortedTable, type SortedView, type TableRange } from './sorted-table.ts';

const key = (of: number): Uint8Array => Uint8Array.of(of >> 8, of);
const number = (of: Uint8Array): number => of[0]! * 256 + of[1]!;

function entries(view: SortedView<string>, range: TableRange = {}): [number, string][] {
  const found: [number, string][] = [];
  for (const cursor = view.cursor(range); cursor.valid; cursor.advance()) {
    found.push([number(cursor.key), cursor.value]);
  }
  return found;
}

const sorted = (model: Map<number, string>): [number, string][] =>
  [...model].sort(([a], [b]) => a - b);

const step = fc.oneof(
  { weight: 20, arbitrary: fc.record({ set: fc.integer({ min: 0, max: 999 }) }) },
  { weight: 10, arbitrary: fc.record({ remove: fc.integer({ min: 0, max: 999 }) }) },
  { weight: 1, arbitrary: fc.record({ keep: fc.constant(true) }) },
  {
    weight: 2,
    arbitrary: fc.record({ run: fc.integer({ min: 0, max: 700 }), length: fc.nat({ max: 300 }) }),
  },
);

test('is an ordered map, and its snapshots stay as they were', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 400, size: 'max' }),
      fc.integer({ min: 0, max: 999 }),
      fc.integer({ min: 0, max: 999 }),
      (steps, from, to) => {
        const table = new SortedTable<string>();
        const model = new Map<number, string>();
        const kept: [SortedView<string>, [number, string][]][] = [];
        for (const [at, change] of steps.entries()) {
          if ('set' in change) {
            expect(table.set(key(change.set), `${at}`)).toBe(model.get(change.set));
            model.set(change.set, `${at}`);
          } else if ('remove' in change) {
            expect(table.remove(key(change.remove))).toBe(model.get(change.remove));
            model.delete(change.remove);
          } else if ('run' in change) {
            for (let next = change.run; next < change.run + change.length; next++) {
              table.set(key(next), `${at}`);
              model.set(next, `${at}`);
            }
          } else kept.push([table.snapshot(), sorted(model)]);
        }
        kept.push([table, sorted(model)]);
        for (const [view, expected] of kept) {
          expect(view.size).toBe(expected.length);
          expect(entries(view)).toEqual(expected);
          const inside = expected.filter(([at]) => at >= from && at < to);
          const range = { from: key(from), to: key(to) };
          expect(entries(view, range)).toEqual(inside);
          expect(entries(view, { ...range, reverse: true })).toEqual(inside.reverse());
          expect(view.get(key(from))).toBe(new Map(expected).get(from));
        }
      },
    ),
    { numRuns: 60 },
  );
});
