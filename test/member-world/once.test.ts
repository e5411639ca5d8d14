/**
 * Commands of a session are repeated until they are answered, through crashes, changes of leader and
 * snapshots; each takes effect once. Writes that require the term of a leader never land after it,
 * however long that leader was paused.
 */
import { describe, expect, it } from 'vitest';
import { drawPlan, type FaultKind } from '../../src/sim/run/plan.ts';
import { run } from '../../src/sim/run/run.ts';
import { ledgerSubject, Told } from './ledger.ts';

const kinds: readonly FaultKind[] = [
  'crash',
  'crash-at-step',
  'power-cut',
  'pause',
  'isolate-leader',
  'partition',
  'bad-network',
  'transfer',
  'restart',
];

describe('in the simulated world', () => {
  const all: Told[] = [];

  it.each([1, 2, 4, 5])('each command takes effect once, and none late: seed %i', async (seed) => {
    const told = new Told();
    all.push(told);
    const wishes = { faults: kinds, faultyMs: 8_000, clientsPerMember: 3, thinkMs: 20 };
    const { findings, operations } = await run(drawPlan(seed, wishes), ledgerSubject(told));
    expect(findings).toEqual([]);
    expect(operations.done).toBeGreaterThan(100);
    expect(told.answers.size).toBeGreaterThan(50);
    expect(told.fenced.size).toBeGreaterThan(10);
  });

  it('among these some were repeated, and some came too late', () => {
    const sum = (of: (told: Told) => number): number => all.map(of).reduce((a, b) => a + b, 0);
    expect(sum(({ repeated }) => repeated)).toBeGreaterThan(0);
    expect(sum(({ refused }) => refused)).toBeGreaterThan(0);
  });
});
