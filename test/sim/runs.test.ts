/** Runs of whole members: the same seed is the same run, and some seeds of all faults are sound. */
import { describe, expect, it } from 'vitest';
import { toJsonLines } from '../../src/sim/checkers/history.ts';
import { house } from '../../src/sim/house/house.ts';
import { drawPlan, type FaultKind, quickHardware } from '../../src/sim/run/plan.ts';
import { run } from '../../src/sim/run/run.ts';

/**
 * Seeds that once failed; docs/simulator-found.md tells of each.
 * 13: members forgot that a change of members was committed, and waited for one that was gone.
 * 1795246211086: a wiped member was let in anew before it was switched off for good, and waited for.
 * 830000006: a member without its group went on to vote, unseen by the checkers.
 */
const found = [13, 1795246211086, 830000006];

/**
 * Seeds that once failed on machines as they are drawn.
 * 1795255125955: a read went on in the midst of a snapshot that was taken into the store.
 */
const foundOnSlow = [1795255125955];

/** Seeds that once failed where members come and go all the time. */
const foundInChanges = [
  // Two snapshots were received, one while the other was still being installed.
  810001041,
];
const changes: readonly FaultKind[] = [
  'crash',
  'crash-at-step',
  'crash-again',
  'power-cut',
  'partition',
  'isolate-leader',
  'slow-disk',
  'join',
  'remove',
  'replace',
  'wipe',
  'old-backup',
  'transfer',
];

describe('seeds', () => {
  // Those that once failed run as they did then, on quick machines.
  const plans = [
    ...[2, 20, ...foundOnSlow].map((seed) => drawPlan(seed)),
    ...found.map((seed) => drawPlan(seed, { hardware: quickHardware })),
  ];
  it.each(plans)('with faults of all kinds: $seed is sound', async (plan) => {
    const { findings, operations } = await run(plan, house().subject);
    expect(findings).toEqual([]);
    expect(operations.done).toBeGreaterThan(10);
    // Nearly every answer has its place in the log checked.
    expect(operations.placed).toBe(operations.done);
  });

  it('awaits no version of a group that was given no command', async () => {
    const { findings } = await run(drawPlan(1795255126086), house().subject);
    expect(findings).toEqual([]);
  });

  it.each(foundInChanges)('with members that come and go: %i is sound', async (seed) => {
    const plan = drawPlan(seed, { faults: changes, faultyMs: 5_000, hardware: quickHardware });
    const { findings } = await run(plan, house().subject);
    expect(findings).toEqual([]);
  });
});

describe('determinism', () => {
  it('the same seed twice gives the same log, byte for byte, and the same history', async () => {
    const plan = drawPlan(11, { faultyMs: 6_000 });
    const runs = [];
    for (let time = 0; time < 2; time++) {
      const lines: string[] = [];
      const { subject, history } = house();
      const { digest } = await run(plan, subject, (line) => lines.push(line));
      const seen = toJsonLines(history.observed(({ type }) => type !== 'read'));
      runs.push({ log: lines.join('\n'), digest, seen });
    }
    const [first, second] = runs;
    expect(first?.log.length).toBeGreaterThan(100_000);
    expect(first?.log === second?.log).toBe(true);
    expect(first?.seen).toBe(second?.seen);
    expect(first?.digest).toBe(second?.digest);
  });
});
