/** As many clusters as there is time for, each from a seed of its own, which a failure names. */
import { expect, test } from 'vitest';
import { soakDurationMs } from '../soak/duration.ts';
import { runHealing } from './healing-scenario.ts';

test('clusters of all sizes heal', async () => {
  const endMs = performance.now() + soakDurationMs;
  let seed = Math.floor(Math.random() * 2 ** 40);
  while (performance.now() < endMs) {
    seed++;
    const members = 2 + (seed % 49);
    const healing = await runHealing({ seed, members, steps: 40, config: {}, network: {} });
    expect(healing.troubles, `seed ${seed}`).toEqual([]);
  }
});
