import { describe, expect, test } from 'vitest';
import { QuorateError } from '../base/errors.ts';
import type { OpenGroup } from './event.ts';
import { GroupOpening, type OpeningHost } from './group-opening.ts';
import type { Outcome } from './machine.ts';

type Done = (outcome: Outcome) => void;

/** The engine around it, as far as finding or making a group goes. */
class Around {
  readonly answers: Outcome[] = [];
  readonly proposed: string[] = [];
  /** What waits for the system group to catch up. */
  readonly waiting: Done[] = [];
  voters = [1, 2];
  nowMs = 0;
  opening: GroupOpening | undefined;

  open(): void {
    const host: Partial<OpeningHost> = {
      system: { groupNamed: () => undefined } as never,
      nowMs: () => this.nowMs,
      voters: () => this.voters,
      catchUp: (done) => void this.waiting.push(done),
      propose: (command) => void this.proposed.push(new TextDecoder().decode(command)),
      answer: (_ticket, outcome) => void this.answers.push(outcome),
    };
    const request = { type: 'open-group', name: 'j', ticket: 1, deadlineMs: 1000 };
    this.opening = new GroupOpening(host as OpeningHost);
    this.opening.open(request as OpenGroup);
  }

  caughtUp(outcome: Outcome): void {
    for (const done of this.waiting.splice(0)) done(outcome);
  }
}

const failed = (code: 'no-leader' | 'timeout'): Outcome => ({
  ok: false,
  error: new QuorateError(code, 'so it goes'),
});

describe('a group that is not there yet', () => {
  test('is founded with those who vote by now, though this member was behind', () => {
    const around = new Around();
    around.open();
    expect(around.proposed).toEqual([]);
    around.voters = [1, 2, 3];
    around.caughtUp({ ok: true, value: 7 });
    expect(around.proposed).toEqual([expect.stringMatching(/\[1,2,3\]/)]);
  });

  test('is asked for again while there is time', () => {
    const around = new Around();
    around.open();
    around.caughtUp(failed('no-leader'));
    // Not at once: it would fail at once again.
    expect([around.waiting.length, around.answers.length]).toEqual([0, 0]);
    around.opening!.tick();
    expect([around.waiting.length, around.answers.length]).toEqual([1, 0]);
    around.nowMs = 1000;
    around.caughtUp(failed('timeout'));
    expect(around.waiting).toEqual([]);
    expect(around.answers).toMatchObject([{ ok: false, error: { code: 'timeout' } }]);
    expect(around.proposed).toEqual([]);
  });
});
