import { expect, it } from 'vitest';
import { soakDurationMs } from '../../test/soak/duration.ts';
import { SeededRandom } from './seeded-random.ts';

/** How far `counts` is from even, in standard deviations of its chi-squared distribution. */
function unevenness(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const chiSquared = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  const degrees = counts.length - 1;
  return (chiSquared - degrees) / Math.sqrt(2 * degrees);
}

it('draws evenly, alone and in pairs, from any seed and its forks', () => {
  const end = Date.now() + soakDurationMs;
  const draws = 20_000;
  do {
    const seed = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
    const parent = new SeededRandom(seed);
    for (const random of [parent, parent.fork(), new SeededRandom(seed + 1)]) {
      const cells = new Array<number>(100).fill(0);
      const pairs = new Array<number>(100).fill(0);
      let last = random.below(10);
      for (let draw = 0; draw < draws; draw++) {
        cells[Math.floor(random.fraction() * 100)]! += 1;
        const next = random.below(10);
        pairs[last * 10 + next]! += 1;
        last = next;
      }
      // Eight deviations: by chance once in more sequences than any soak will see.
      expect(unevenness(cells), `cells, seed ${seed}`).toBeLessThan(8);
      expect(unevenness(pairs), `pairs, seed ${seed}`).toBeLessThan(8);
    }
  } while (Date.now() < end);
});
