/**
 * The kinds of groups that `quorate sim` draws: registers in a store on disk as well as in memory,
 * and clients with sessions, whose changes are asked for again and again and take effect once.
 */
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../src/engine/machine.ts';
import { house } from '../../src/sim/house/house.ts';
import { kindOf } from '../../src/sim/house/kinds.ts';
import { Registers } from '../../src/sim/house/registers.ts';
import { SessionChanges } from '../../src/sim/house/sessions.ts';
import { drawPlan, type FaultKind } from '../../src/sim/run/plan.ts';
import { run } from '../../src/sim/run/run.ts';

const faults: readonly FaultKind[] = ['crash', 'crash-at-step', 'power-cut', 'restart', 'transfer'];

const seedOf = (isKept: boolean, hasSessions: boolean): number => {
  for (let seed = 1; ; seed++) {
    const kind = kindOf(seed);
    if (kind.isKept === isKept && kind.hasSessions === hasSessions) return seed;
  }
};

describe('the kinds of groups', () => {
  it('are all drawn, and the same for the same seed', () => {
    const drawn = Array.from({ length: 100 }, (_, seed) => JSON.stringify(kindOf(seed)));
    expect(new Set(drawn).size).toBe(4);
    expect(Array.from({ length: 100 }, (_, seed) => JSON.stringify(kindOf(seed)))).toEqual(drawn);
  });

  it.each([
    [true, true],
    [true, false],
    [false, true],
  ])('kept: %s, with sessions: %s: is sound in a run with faults', async (kept, withSessions) => {
    const seed = seedOf(kept, withSessions);
    const { subject, sessions } = house(seed);
    const plan = drawPlan(seed, { members: 3, faults, faultyMs: 4_000, thinkMs: 30 });
    const { findings, operations } = await run(plan, subject);
    expect(findings).toEqual([]);
    expect(operations.done).toBeGreaterThan(20);
    expect(sessions.answered > 10).toBe(withSessions);
  });
});

describe('changes of sessions', () => {
  const change = (sessions: SessionChanges) => {
    const input = { type: 'add', key: 'k', by: 1 } as const;
    const [output, outcome] = [undefined, 'under way' as const];
    return sessions.begin(7, { client: 7, call: 1, return: Infinity, input, output, outcome });
  };

  it('that took effect twice, or were answered and took none, are found', () => {
    const sessions = new SessionChanges();
    const first = change(sessions);
    expect(sessions.check([])).toBeUndefined();
    expect(sessions.check([['7/1', 2]])).toContain('took effect 2 times');
    expect(sessions.answer(first, { version: 1, value: 1 })).toBe(true);
    expect(sessions.check([['7/1', 1]])).toBeUndefined();
    expect(sessions.check([])).toContain('took no effect');
  });

  it('that are answered differently when they are repeated are found', () => {
    const sessions = new SessionChanges();
    const first = change(sessions);
    sessions.answer(first, { version: 1, value: 1 });
    expect(sessions.answer(first, { version: 1, value: 1 })).toBe(false);
    expect(sessions.wrong).toEqual([]);
    sessions.answer(first, { version: 2, value: 2 });
    expect(sessions.wrong).toHaveLength(1);
  });
});

describe('registers', () => {
  it('are the same again by their snapshot', () => {
    const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
    const context = (index: number) => ({ index, term: 1, timeMs: 0 });
    const first = new Registers();
    const outcomes: Outcome[] = [
      first.apply(encode({ type: 'write', key: 'k', value: 4, id: '1/1' }), context(2)),
      first.apply(encode({ type: 'add', key: 'k', by: 5, id: '1/2' }), context(3)),
    ];
    expect(outcomes[1]).toEqual({ ok: true, value: { version: 2, value: 9 } });
    const second = new Registers();
    const restore = second.restore();
    const chunks = first.snapshot();
    for (let next = chunks.next(); next.done !== true; next = chunks.next()) {
      restore.chunk(next.value);
    }
    restore.finish();
    expect(second.hash()).toBe(first.hash());
    const again = encode({ type: 'add', key: 'k', by: 1 });
    expect(second.apply(again, context(4))).toEqual(first.apply(again, context(4)));
  });
});
