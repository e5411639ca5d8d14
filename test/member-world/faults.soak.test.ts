/** Many seeds, for as long as the soak lasts. */
import { expect, it } from 'vitest';
import { soakDurationMs } from '../soak/duration.ts';
import { runSeed } from './run.ts';

it('three members keep their word, one seed after another', async () => {
  const endMs = Date.now() + soakDurationMs;
  let seed = Number(process.env.QUORATE_SEED ?? Math.floor(Date.now() / 1000) * 1000);
  let done = 0;
  for (; Date.now() < endMs; seed++) done += (await runSeed(seed)).done;
  expect(done).toBeGreaterThan(0);
});
