/** The random schedules of `raft-properties.test.ts`, from new seeds and for as long as told. */
import { it } from 'vitest';
import { soakDurationMs } from '../soak/duration.ts';
import { planFrom, profiles } from './plan.ts';
import { runOrExplain } from './replay.ts';

it('keeps its properties through random schedules, for long', () => {
  const end = Date.now() + soakDurationMs;
  const first = Math.floor(Math.random() * 2 ** 40);
  const sums = { runs: 0, events: 0, elections: 0, committed: 0, changes: 0, reads: 0 };
  for (let seed = first; Date.now() < end; seed++) {
    for (const profile of profiles) {
      const figures = runOrExplain(planFrom(profile, seed));
      sums.runs++;
      sums.events += figures.events;
      sums.elections += figures.elections;
      sums.committed += figures.committed;
      sums.changes += figures.changes;
      sums.reads += figures.reads;
    }
  }
  console.log(`from seed ${first}: ${JSON.stringify(sums)}`);
});
