/** Fifty whole agents heal from what is thrown at them; see healing-scenario.ts. */
import { expect, test } from 'vitest';
import { runHealing } from './healing-scenario.ts';

const key = new Uint8Array(32).fill(7);

test('fifty agents heal', async () => {
  const healing = await runHealing({ seed: 1, members: 50, steps: 25, config: {}, network: {} });
  expect(healing.troubles).toEqual([]);
  expect(healing.writes).toBeGreaterThan(20);
  expect(healing.values).not.toEqual([]);
});

// Only a cipher finds bits that flip: the checksums of UDP and TCP are weak, and simulated as such.
test('ten agents heal while bits flip, encrypted', async () => {
  const network = { flipChance: 0.01 };
  const healing = await runHealing({ seed: 2, members: 10, steps: 30, config: { key }, network });
  expect(healing.troubles).toEqual([]);
  expect(healing.writes).toBeGreaterThan(5);
});

test.each([
  // A member that was given its own address joined itself, and looked no further.
  { seed: 677_594_985_998, members: 2 },
])('%j heals, as it once did not', async ({ seed, members }) => {
  const healing = await runHealing({ seed, members, steps: 40, config: {}, network: {} });
  expect(healing.troubles).toEqual([]);
});
