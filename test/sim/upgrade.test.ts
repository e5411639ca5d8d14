/** A rolling upgrade in the midst of faults: both versions side by side, and then the new one. */
import { describe, expect, it } from 'vitest';
import { houseFor } from '../../src/sim/house/house.ts';
import type { RegisterService } from '../../src/sim/house/service.ts';
import { drawPlan, type FaultKind, type PlannedFault } from '../../src/sim/run/plan.ts';
import { run } from '../../src/sim/run/run.ts';

const fault = (id: number, kind: FaultKind, atMs: number): PlannedFault => {
  return { id, kind, atMs, forMs: 900, member: id, dice: [0.7, 0.2, 0.5] };
};

describe('a rolling upgrade of a simulated cluster', () => {
  it('changes all members over at one entry, through crashes and a cut network', async () => {
    const drawn = drawPlan(3, { members: 3, clientsPerMember: 1, thinkMs: 40, faults: [] });
    const faults = [
      fault(0, 'rolling-upgrade', 3_000),
      fault(1, 'partition', 3_500),
      fault(2, 'crash', 4_400),
      fault(3, 'transfer', 5_200),
    ];
    const plan = { ...drawn, faultyMs: 7_000, faults };
    const { subject, history } = houseFor(plan);
    const before = new Set<string>();
    const after: number[] = [];
    const { findings, story } = await run(plan, {
      ...subject,
      application: {
        ...subject.application,
        async step(service: RegisterService, context) {
          const { own, active } = service.versions!();
          before.add(`${own} while ${active} is active`);
          await subject.application.step(service, context);
        },
      },
      check(service, member) {
        after.push(service.versions!().active);
        return subject.check?.(service, member);
      },
    });
    expect(findings).toEqual([]);
    expect(story.filter(({ text }) => text.endsWith('is upgraded'))).toHaveLength(3);
    // One may be dead for good in the end; it had said before what it can run.
    expect(after.length).toBeGreaterThanOrEqual(2);
    expect(new Set(after)).toEqual(new Set([2]));
    expect([...before]).toEqual(
      expect.arrayContaining(['1 while 1 is active', '2 while 1 is active', '2 while 2 is active']),
    );
    // The new command is refused by name before it is active, and answered afterwards.
    const puts = history.operations.filter(
      ({ input }) => input.type === 'write' && input.value % 2 === 0,
    );
    expect(puts.some(({ outcome }) => outcome === 'void')).toBe(true);
    expect(puts.some(({ outcome }) => outcome === 'done')).toBe(true);
  });
});
