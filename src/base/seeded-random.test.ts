import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from './seeded-random.ts';

const seeds = fc.nat({ max: Number.MAX_SAFE_INTEGER });

function draw(random: SeededRandom, count: number): number[] {
  return Array.from({ length: count }, () => random.uint32());
}

describe('SeededRandom', () => {
  it('gives the same sequence for the same seed', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        expect(draw(new SeededRandom(seed), 20)).toEqual(draw(new SeededRandom(seed), 20));
      }),
    );
  });

  it('tells seeds apart in their low and their high half', () => {
    const sequences = [0, 1, 2, 2 ** 32, 2 ** 33, 2 ** 52].map((seed) =>
      draw(new SeededRandom(seed), 4).join(),
    );
    expect(new Set(sequences).size).toBe(sequences.length);
  });

  it('stays within its bounds', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 2 ** 40 }), (seed, limit) => {
        const random = new SeededRandom(seed);
        for (const word of draw(random, 10)) expect(word).toBe(word >>> 0);
        for (let count = 0; count < 10; count++) {
          const value = random.below(limit);
          expect(Number.isInteger(value) && value >= 0 && value < limit).toBe(true);
          const fraction = random.fraction();
          expect(fraction >= 0 && fraction < 1).toBe(true);
        }
      }),
    );
  });

  it('spreads evenly: ten thousand draws over ten cells pass a chi-squared test', () => {
    const random = new SeededRandom(42);
    const counts = new Array<number>(10).fill(0);
    for (let draws = 0; draws < 10_000; draws++) counts[random.below(10)]! += 1;
    const chiSquared = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    // Nine degrees of freedom: above 27.9 in one sequence of a thousand.
    expect(chiSquared).toBeLessThan(27.9);
  });

  it('forks a generator whose draws leave the parent alone', () => {
    const parent = new SeededRandom(7);
    const twin = new SeededRandom(7);
    const child = parent.fork();
    twin.fork();
    const fromChild = draw(child, 100);
    const fromParent = draw(parent, 100);
    expect(fromParent).toEqual(draw(twin, 100));
    expect(fromParent).not.toEqual(fromChild);
  });
});
