import { describe, expect, test } from 'vitest';
import type { Append } from '../raft/message.ts';
import { CommitNotes } from './commit-notes.ts';

const note = (to: number, commit: number): Append => ({
  type: 'append',
  from: 1,
  to,
  term: 1,
  previousIndex: commit,
  previousTerm: 1,
  entries: [],
  commit,
});

/** Links, of which some have something to send in this turn. */
class Carrier {
  readonly sent: string[] = [];
  readonly spokenTo = new Set<number>();

  send(to: number, group: number, { commit }: Append | { commit?: unknown }): void {
    this.sent.push(`${to}/${group}: ${commit}`);
  }

  isSpokenTo(member: number): boolean {
    return this.spokenTo.has(member);
  }
}

function turn(notes: CommitNotes, ...spokenTo: number[]): string[] {
  const carrier = new Carrier();
  for (const member of spokenTo) carrier.spokenTo.add(member);
  notes.sendDue(carrier as never);
  notes.join(carrier as never);
  return carrier.sent;
}

describe('notes of what is committed', () => {
  test('leave with what else their member is sent', () => {
    const notes = new CommitNotes();
    notes.add(7, note(2, 5));
    notes.add(7, note(3, 5));
    notes.add(8, note(3, 1));
    expect(turn(notes)).toEqual([]);
    expect(turn(notes, 3)).toEqual(['3/7: 5', '3/8: 1']);
    expect(notes.isHolding).toBe(true);
    expect(turn(notes, 2, 3)).toEqual(['2/7: 5']);
    expect(notes.isHolding).toBe(false);
  });

  test('leave by themselves once they have waited', () => {
    const notes = new CommitNotes();
    notes.add(7, note(2, 5));
    expect(notes.isDue).toBe(false);
    notes.release();
    expect([notes.isDue, notes.isHolding]).toEqual([true, false]);
    expect(turn(notes)).toEqual(['2/7: 5']);
    expect(notes.isDue).toBe(false);
  });

  test('say nothing that a later append says', () => {
    const notes = new CommitNotes();
    notes.add(7, note(2, 5));
    notes.add(7, note(2, 6));
    expect(turn(notes, 2)).toEqual(['2/7: 6']);
    notes.add(7, note(2, 7));
    notes.superseded(8, note(2, 9));
    notes.superseded(7, note(3, 9));
    expect(notes.isHolding).toBe(true);
    notes.superseded(7, note(2, 9));
    expect(notes.isHolding).toBe(false);
    expect(turn(notes, 2)).toEqual([]);
  });

  test('do not wait where the member does, until it has what it waits for', () => {
    const notes = new CommitNotes();
    notes.await(2, 7, 10);
    notes.add(8, note(2, 9));
    notes.add(7, note(2, 9));
    expect(notes.isDue).toBe(true);
    expect(turn(notes)).toEqual(['2/7: 9']);
    notes.add(7, note(2, 10));
    expect(turn(notes)).toEqual(['2/7: 10']);
    notes.add(7, note(2, 11));
    expect(turn(notes)).toEqual([]);
    expect(turn(notes, 2)).toEqual(['2/8: 9', '2/7: 11']);
  });
});
