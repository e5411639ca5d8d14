/** What every {@link Random} does: enough to notice one that is broken, not to judge a good one. */
import { describe, expect, test } from 'vitest';
import type { Random } from '../../src/ports/random.ts';

/** Registers the suite. */
export function randomSuite(name: string, make: () => Random): void {
  describe(`random port: ${name}`, () => {
    test('gives whole numbers of 32 bits in which every bit moves', () => {
      const random = make();
      let ones = 0;
      let zeros = 0;
      for (let draw = 0; draw < 1_000; draw++) {
        const number = random.uint32();
        expect(Number.isInteger(number) && number >= 0 && number < 2 ** 32).toBe(true);
        ones |= number;
        zeros |= ~number;
      }
      expect([ones >>> 0, zeros >>> 0]).toEqual([0xffffffff, 0xffffffff]);
    });

    test('spreads evenly below a limit', () => {
      const random = make();
      const counts = new Array<number>(10).fill(0);
      for (let draw = 0; draw < 10_000; draw++) counts[random.below(10)]!++;
      for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(200);
      expect(random.below(1)).toBe(0);
      expect(random.below(2 ** 32)).toBeLessThan(2 ** 32);
    });

    test('gives fractions from zero to below one', () => {
      const random = make();
      let sum = 0;
      for (let draw = 0; draw < 10_000; draw++) {
        const fraction = random.fraction();
        expect(fraction >= 0 && fraction < 1).toBe(true);
        sum += fraction;
      }
      expect(Math.abs(sum / 10_000 - 0.5)).toBeLessThan(0.03);
    });
  });
}
