/**
 * Random schedules against the properties of a group; see `oracle.ts` for what is held, `plan.ts`
 * for what is drawn, `finish.ts` for what must happen in the end.
 *
 *     QUORATE_RUNS=5000 npx vitest run test/raft-properties       more runs of each profile
 *     QUORATE_SEED=7 npx vitest run test/raft-properties          other runs
 *     QUORATE_REPLAY='reads:1234' npx vitest run test/raft-properties    one run again
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { planFrom, profiles } from './plan.ts';
import { planNamed, runOrExplain, shrink } from './replay.ts';
import { run } from './run.ts';
import { World } from './world.ts';

const runs = Number(process.env.QUORATE_RUNS ?? '100');
/** The same runs each time, lest a change be blamed for what it did not do. */
const seed = Number(process.env.QUORATE_SEED ?? '1');
const replay = process.env.QUORATE_REPLAY;

/** Milliseconds that a run may take on a slow machine; most take ten. */
const runMsMax = 1000;

if (replay !== undefined) {
  it('repeats the run that QUORATE_REPLAY names', () => {
    runOrExplain(planNamed(replay));
  });
} else {
  it.each(profiles)(
    'keeps its properties through random schedules of %s',
    (profile) => {
      const seeds = fc.nat({ max: 2 ** 31 - 1 });
      const property = fc.property(seeds, (planSeed) => {
        runOrExplain(planFrom(profile, planSeed));
      });
      // A seed does not shrink, a schedule does: see `shrink`.
      fc.assert(property, { numRuns: runs, seed, endOnFailure: true });
    },
    60_000 + runs * runMsMax,
  );
}

/**
 * Runs that showed a bug once: a vote that left before it was durable, a stored commit index
 * behind what was applied, elections under leases, a snapshot that did not name its receiver, a
 * candidate that was not told why it was ignored.
 */
const found = ['storage:2', 'mixed:1', 'storage:0', 'members:0', 'members:29', 'reads:4001002'];

it.each(found)('gets through %s, in which a bug showed once', (name) => {
  runOrExplain(planNamed(name));
});

it('runs the same plan the same way twice, event by event', () => {
  for (const profile of profiles) {
    const traces = [1, 2].map(() => {
      const world = new World(planFrom(profile, 42), { trace: true });
      run(world.plan, world);
      return world.trace;
    });
    expect(traces[0]!.length).toBeGreaterThan(100);
    expect(traces[0]).toEqual(traces[1]);
  }
});

it('reaches what it claims to: elections, commits, changes, reads, snapshots', () => {
  const sums = { elections: 0, committed: 0, changes: 0, reads: 0 };
  let snapshots = 0;
  for (let planSeed = 0; planSeed < 15; planSeed++) {
    for (const profile of profiles) {
      const world = new World(planFrom(profile, planSeed));
      const figures = run(world.plan, world);
      snapshots += world.oracle.installed;
      for (const name of ['elections', 'committed', 'changes', 'reads'] as const) {
        sums[name] += figures[name];
      }
    }
  }
  expect(sums.elections).toBeGreaterThan(150);
  expect(sums.committed).toBeGreaterThan(500);
  expect(sums.changes).toBeGreaterThan(25);
  expect(sums.reads).toBeGreaterThan(50);
  expect(snapshots).toBeGreaterThan(15);
});

it('shrinks a failing schedule to what matters', () => {
  // A plan whose core refuses its settings, whatever the steps.
  const plan = planFrom('mixed', 3);
  const broken = { ...plan, group: { ...plan.group, voters: 3, electionTicks: 0 } };
  expect(() => run(broken)).toThrow();
  expect(shrink(broken)).toEqual([]);
});
