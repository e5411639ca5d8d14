import { describe, expect, it } from 'vitest';
import { ByteReader } from '../base/binary.ts';
import { decodeOutcome, encodeOutcome } from './answer-codec.ts';
import { noGuards } from './envelope.ts';
import { decodeKeptState, encodeKeptState, GroupState } from './group-state.ts';
import type { Machine } from './machine.ts';
import { type SessionLimits, Sessions } from './sessions.ts';

const limits: SessionLimits = {
  sessionsMax: 3,
  bytesMax: 10_000,
  answersPerSessionMax: 4,
  answerBytesMax: 100,
  forgottenMax: 2,
};

const answer = (n: number): Uint8Array => Uint8Array.of(n);

function encoded(sessions: Sessions): Uint8Array {
  const parts = sessions.encode();
  const bytes: number[] = [];
  for (let part = parts.next(); part.done !== true; part = parts.next()) bytes.push(...part.value);
  return Uint8Array.from(bytes);
}

describe('sessions', () => {
  it('answer a command that comes again, and know a new one', () => {
    const sessions = new Sessions(limits);
    const first = { client: 'a', sequence: 1 };
    expect(sessions.look(first)).toEqual({ type: 'new' });
    sessions.keep(first, answer(7));
    expect(sessions.look(first)).toEqual({ type: 'answered', answer: answer(7) });
    expect(sessions.look({ client: 'a', sequence: 3 })).toEqual({ type: 'new' });
    expect(sessions.look({ client: 'a', sequence: 2 })).toEqual({ type: 'new' });
  });

  it('refuse what they have forgotten, and never take it for new', () => {
    const sessions = new Sessions(limits);
    for (let n = 1; n <= 6; n++) sessions.keep({ client: 'a', sequence: n }, answer(n));
    expect(sessions.look({ client: 'a', sequence: 2 })).toEqual({ type: 'expired' });
    expect(sessions.look({ client: 'a', sequence: 3 }).type).toBe('answered');
    for (const client of ['b', 'c', 'd']) sessions.keep({ client, sequence: 1 }, answer(1));
    expect(sessions.size).toBe(3);
    expect(sessions.look({ client: 'a', sequence: 1 })).toEqual({ type: 'expired' });
    expect(sessions.look({ client: 'a', sequence: 7 })).toEqual({ type: 'expired' });
  });

  it('refuse a client that never began with its first command', () => {
    expect(new Sessions(limits).look({ client: 'a', sequence: 2 })).toEqual({ type: 'expired' });
  });

  it('let go of the one used longest ago, a repetition counting as use', () => {
    const sessions = new Sessions(limits);
    for (const client of ['a', 'b', 'c']) sessions.keep({ client, sequence: 1 }, answer(1));
    sessions.look({ client: 'a', sequence: 1 });
    sessions.keep({ client: 'd', sequence: 1 }, answer(1));
    expect(sessions.look({ client: 'a', sequence: 1 }).type).toBe('answered');
    expect(sessions.look({ client: 'b', sequence: 1 }).type).toBe('expired');
  });

  it('keep within their bytes', () => {
    const sessions = new Sessions({ ...limits, sessionsMax: 1000 });
    for (let n = 0; n < 500; n++) sessions.keep({ client: `c${n}`, sequence: 1 }, answer(1));
    expect(sessions.bytes).toBeLessThanOrEqual(limits.bytesMax);
    expect(sessions.size).toBeGreaterThan(10);
  });

  it('come back from bytes as they were when those were asked for', () => {
    const sessions = new Sessions(limits);
    for (const client of ['a', 'b', 'c', 'd', 'e'])
      sessions.keep({ client, sequence: 1 }, answer(9));
    const bytes = encoded(sessions);
    const later = sessions.encode();
    sessions.keep({ client: 'f', sequence: 1 }, answer(1));
    const copy = new Sessions(limits);
    copy.decode(new ByteReader(bytes));
    expect(encoded(copy)).toEqual(bytes);
    expect(copy.look({ client: 'a', sequence: 1 }).type).toBe('expired');
    const parts: number[] = [];
    for (let part = later.next(); part.done !== true; part = later.next()) {
      parts.push(...part.value);
    }
    expect(Uint8Array.from(parts)).toEqual(bytes);
  });
});

/** Counts how often it was asked. */
function counter(): Machine & { count: number; times: number[] } {
  return {
    count: 0,
    times: [],
    apply(_command, { timeMs }) {
      this.count++;
      this.times.push(timeMs);
      return { ok: true, value: this.count };
    },
    snapshot: () => [].values(),
    restore: () => ({ chunk: () => {}, finish: () => {} }),
  };
}

const command = { kind: 'command', origin: 1, sequence: 1, timeMs: 5, guards: noGuards } as const;
const body = Uint8Array.of(1);

describe('what guards a command', () => {
  it('lets it take effect once in a session', () => {
    const [machine, state] = [counter(), new GroupState()];
    const guards = { requiredTerm: 0, session: { client: 'a', sequence: 1 } };
    const first = state.apply(machine, { ...command, guards, body }, 2, 1);
    expect(state.apply(machine, { ...command, guards, body }, 3, 2)).toEqual(first);
    expect(machine.count).toBe(1);
  });

  it('refuses it at apply when the term has passed, and its session may go on', () => {
    const [machine, state] = [counter(), new GroupState()];
    const session = { client: 'a', sequence: 1 };
    const stale = state.apply(
      machine,
      { ...command, guards: { requiredTerm: 3, session }, body },
      2,
      4,
    );
    expect(stale).toMatchObject({ ok: false, error: { code: 'stale-term' } });
    expect(machine.count).toBe(0);
    const guards = { requiredTerm: 4, session };
    expect(state.apply(machine, { ...command, guards, body }, 3, 4)).toMatchObject({ ok: true });
  });

  it('gives a time that never goes back', () => {
    const [machine, state] = [counter(), new GroupState()];
    for (const [i, timeMs] of [5, 9, 7, 12].entries()) {
      state.apply(machine, { ...command, timeMs, body }, i + 1, 1);
    }
    expect(machine.times).toEqual([5, 9, 9, 12]);
  });

  it('is kept with a configuration, and comes back', () => {
    const [machine, state] = [counter(), new GroupState()];
    const guards = { requiredTerm: 0, session: { client: 'a', sequence: 1 } };
    state.apply(machine, { ...command, guards, body }, 2, 1);
    const configuration = {
      voters: [1, 2],
      votersOutgoing: [3],
      learners: [],
      learnersNext: [],
      autoLeave: true,
    };
    const copy = new GroupState();
    const kept = encodeKeptState(3, configuration, state);
    expect(() => decodeKeptState(4, kept, copy)).toThrow('deleted group');
    expect(decodeKeptState(3, kept, copy)).toEqual(configuration);
    expect(copy.timeMs).toBe(5);
    copy.apply(machine, { ...command, guards, body }, 3, 1);
    expect(machine.count).toBe(1);
  });
});

describe('answers as bytes', () => {
  it('come back as they were', () => {
    const value = [
      undefined,
      null,
      true,
      -0.5,
      2n ** 70n,
      -1n,
      'é',
      Uint8Array.of(1),
      { a: { b: [] } },
    ];
    const outcome = { ok: true, value } as const;
    expect(decodeOutcome(encodeOutcome(outcome))).toEqual(outcome);
  });

  it('have no form for what would not come back', () => {
    for (const value of [() => 1, Symbol('a'), new Date(), new Map()]) {
      expect(() => encodeOutcome({ ok: true, value })).toThrow('no form');
    }
  });
});
