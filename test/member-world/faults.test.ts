/** Three members through crashes, partitions, bad networks, clocks and disks. */
import { describe, expect, it } from 'vitest';
import { runSeed, seedsOr } from './run.ts';

describe('three members through faults', () => {
  it.each(
    seedsOr(
      Array.from({ length: Number(process.env.N ?? 8) }, (_, i) => i + Number(process.env.F ?? 1)),
    ),
  )('keep their word, seed %i', async (seed) => {
    const { done, faults } = await runSeed(seed);
    expect(done).toBeGreaterThan(20);
    expect(faults).toBeGreaterThan(3);
  });
});
