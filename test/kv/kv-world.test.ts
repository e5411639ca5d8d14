/**
 * The key-value service through crashes, partitions, bad networks, clocks and disks: linearizable
 * with its revisions, watches that keep all nine promises, leases that never end early, and nothing
 * acknowledged that is lost (reliability.md, 4, 8–11 and 16).
 */
import { describe, expect, it } from 'vitest';
import { Faults } from '../member-world/faults.ts';
import { seedsOr } from '../member-world/run.ts';
import { KvWorld } from './kv-world.ts';

async function runSeed(seed: number): Promise<KvWorld> {
  const world = new KvWorld(seed);
  const faults = new Faults(world);
  try {
    await world.pass(3000);
    faults.begin(1500);
    await world.pass(15_000);
    faults.heal();
    await world.finish();
  } catch (error) {
    const story = [
      `QUORATE_SEED=${seed} npm test -- kv-world`,
      ...faults.log,
      (error as Error).message,
    ];
    throw new Error(story.join('\n'), { cause: error });
  }
  return world;
}

describe('the key-value service through faults', () => {
  it.each(seedsOr([1, 2, 3, 4]))('keeps its word, seed %i', async (seed) => {
    const { counts } = await runSeed(seed);
    expect(counts.done).toBeGreaterThan(100);
    expect(counts.events).toBeGreaterThan(50);
    expect(counts.swaps).toBeGreaterThan(5);
  });
});
