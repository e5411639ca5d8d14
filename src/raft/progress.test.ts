import { describe, expect, test } from 'vitest';
import { Inflights } from './inflights.ts';
import { Progress } from './progress.ts';

function at(match: number, next: number, messagesMax = 3): Progress {
  return new Progress({ member: 2, match, next, inflights: new Inflights(messagesMax, 1000) });
}

describe('what a leader knows of a member', () => {
  test('probing sends one append and waits', () => {
    const progress = at(0, 5);
    progress.sentEntries(0, 0);
    expect(progress).toMatchObject({ paused: false, next: 5 });
    progress.sentEntries(3, 30);
    expect(progress).toMatchObject({ paused: true, next: 5 });
  });

  test('a probe that is accepted starts the pipeline behind the match', () => {
    const progress = at(0, 5);
    progress.sentEntries(3, 30);
    expect(progress.advance(7)).toBe(true);
    progress.becomeReplicate();
    expect(progress).toMatchObject({ state: 'replicate', match: 7, next: 8, paused: false });
  });

  test('replicating moves next on, until the window is full', () => {
    const progress = at(4, 5);
    progress.becomeReplicate();
    for (let i = 0; i < 3; i++) progress.sentEntries(2, 10);
    expect(progress).toMatchObject({ match: 4, next: 11, paused: true });
    progress.advance(6);
    progress.inflights.release(6);
    expect(progress).toMatchObject({ match: 6, next: 11, paused: false });
  });

  test('what is acknowledged again, or late, is nothing new', () => {
    const progress = at(4, 9);
    expect(progress.advance(4)).toBe(false);
    expect(progress.advance(3)).toBe(false);
    expect(progress).toMatchObject({ match: 4, next: 9 });
  });

  // match, next, rejected, hint: next afterwards, or undefined where it is stale.
  test.each([
    [0, 10, 9, 9, 9],
    [0, 10, 9, 4, 5],
    [3, 10, 9, 1, 4],
    [0, 10, 8, 4, undefined],
    [0, 1, 0, 0, 1],
    [0, 3, 2, 0, 1],
  ])(
    'probing (%i, %i), rejected %i with hint %i: next %s',
    (match, next, rejected, hint, result) => {
      const progress = at(match, next);
      progress.sentEntries(1, 1);
      const taken = progress.retreat(rejected, hint);
      expect(taken).toBe(result !== undefined);
      expect(progress.next).toBe(result ?? next);
      expect(progress.paused).toBe(!taken);
    },
  );

  test('a rejection while replicating goes back to the match, unless it is stale', () => {
    const progress = at(5, 6);
    progress.becomeReplicate();
    progress.sentEntries(4, 4);
    expect(progress.retreat(5, 5)).toBe(false);
    expect(progress.next).toBe(10);
    expect(progress.retreat(7, 2)).toBe(true);
    expect(progress.next).toBe(6);
  });

  test('a snapshot holds appends back; afterwards the member is probed right behind it', () => {
    const progress = at(2, 3);
    progress.becomeSnapshot(20);
    expect(progress).toMatchObject({ paused: true, next: 21, pendingSnapshot: 20 });
    expect(() => progress.sentEntries(1, 1)).toThrow(/snapshot/);
    progress.becomeProbe();
    expect(progress).toMatchObject({ state: 'probe', next: 21, pendingSnapshot: 0, match: 2 });
  });

  test('leaving a state empties the window', () => {
    const progress = at(2, 3);
    progress.becomeReplicate();
    for (let i = 0; i < 3; i++) progress.sentEntries(1, 1);
    progress.becomeProbe();
    expect(progress).toMatchObject({ next: 3, paused: false });
    expect(progress.inflights.messages).toBe(0);
  });

  test('a commit index is worth telling if it is news for what is on its way', () => {
    const progress = at(5, 6);
    expect(progress.canBumpCommit(3)).toBe(true);
    progress.commitSent = 3;
    expect(progress.canBumpCommit(3)).toBe(false);
    expect(progress.canBumpCommit(4)).toBe(true);
    progress.commitSent = 5;
    expect(progress.canBumpCommit(9)).toBe(false);
  });

  test('a new term forgets everything', () => {
    const progress = at(5, 9);
    Object.assign(progress, { active: true, roundConfirmed: 7, quiet: true, commitSent: 4 });
    progress.becomeSnapshot(20);
    progress.reset(0, 13);
    expect(progress).toMatchObject({
      state: 'probe',
      match: 0,
      next: 13,
      commitSent: 0,
      active: false,
      roundConfirmed: 0,
      quiet: false,
      pendingSnapshot: 0,
    });
  });
});
