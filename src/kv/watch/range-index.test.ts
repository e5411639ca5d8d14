import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyInterval } from '../../mvcc/key-intervals.ts';
import { RangeIndex } from './range-index.ts';

const bytes = fc.uint8Array({ maxLength: 2 }).map((of) => of.map((byte) => byte % 4));
const range = fc.record({ key: bytes, rangeEnd: bytes, removed: fc.boolean() });

describe('who is interested in a key', () => {
  it('is found as by looking at each', () => {
    fc.assert(
      fc.property(
        fc.array(range, { maxLength: 700, minLength: 200 }),
        fc.array(bytes),
        (ranges, keys) => {
          const index = new RangeIndex<number>();
          const kept = ranges.flatMap(({ key, rangeEnd, removed }, member) => {
            const interval = keyInterval(key, rangeEnd);
            if (interval === undefined) return [];
            const single = rangeEnd.length === 0;
            index.add(interval, single, member);
            if (removed) {
              index.remove(interval, single, member);
              return [];
            }
            return [{ interval, member }];
          });
          for (const key of keys) {
            const found: number[] = [];
            index.each(key, (member) => found.push(member));
            const inside = (from: Uint8Array, to: Uint8Array | undefined): boolean =>
              Buffer.compare(from, key) <= 0 && (to === undefined || Buffer.compare(key, to) < 0);
            const expected = kept.filter(({ interval: { from, to } }) => inside(from, to));
            expect(found.sort((a, b) => a - b)).toEqual(expected.map(({ member }) => member));
            expect(index.count(key)).toBe(expected.length);
          }
        },
      ),
      { numRuns: 30 },
    );
  });
});
