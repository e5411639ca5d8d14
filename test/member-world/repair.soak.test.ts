/** Runs with damage and repair, one seed after another, for as long as the soak lasts. */
import { expect, it } from 'vitest';
import { soakDurationMs } from '../soak/duration.ts';
import { runRepairs } from './repairs.ts';

it('damaged logs are repaired, one seed after another', async () => {
  const endMs = Date.now() + soakDurationMs;
  let seed = Number(process.env.QUORATE_SEED ?? Math.floor(Date.now() / 1000) * 1000);
  let runs = 0;
  for (; Date.now() < endMs; seed++, runs++) await runRepairs(seed);
  expect(runs).toBeGreaterThan(0);
});
