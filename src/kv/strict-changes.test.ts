import { expect, test } from 'vitest';
import { StrictChanges } from './strict-changes.ts';

/** Member 1 of so many: how long the others have been there, in seconds; undefined: they are not. */
function seen(...seconds: (number | undefined)[]) {
  const sinceMs = (each: number | undefined) => (each === undefined ? each : 60_000 - 1_000 * each);
  const peers = seconds.map((each, index) => ({ peer: index + 2, sinceMs: sinceMs(each) }));
  const strict = new StrictChanges({ self: 1, nowMs: () => 60_000, peers: () => peers });
  const voters = [1, ...peers.map(({ peer }) => peer)];
  const outcome = (act: () => void): string => {
    try {
      act();
      return 'done';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  return {
    adding: outcome(() => strict.checkAdding(voters)),
    removing: (leaving: number) => outcome(() => strict.checkRemoving(voters, leaving)),
  };
}

test('a newcomer may come if a majority with it would be there without it', () => {
  expect(seen().adding).toBe('done');
  expect(seen(9).adding).toBe('done');
  expect(seen(undefined).adding).toBe('unhealthy-cluster');
  expect(seen(9, 9).adding).toBe('done');
  expect(seen(9, undefined).adding).toBe('unhealthy-cluster');
  expect(seen(9, 9, undefined).adding).toBe('done');
  expect(seen(9, 9, undefined, undefined).adding).toBe('unhealthy-cluster');
});

test('who has only just come does not count yet', () => {
  expect(seen(9, 4).adding).toBe('unhealthy-cluster');
  expect(seen(9, 5).adding).toBe('done');
});

test('a member may go if a majority is there without it', () => {
  expect(seen().removing(1)).toBe('not-enough-started-members');
  expect(seen(9, 9).removing(2)).toBe('done');
  expect(seen(9, 9).removing(1)).toBe('done');
  expect(seen(9, 4).removing(2)).toBe('unhealthy-cluster');
  expect(seen(9, undefined).removing(2)).toBe('unhealthy-cluster');
});

test('one that is away may go always, and so may a learner', () => {
  expect(seen(9, undefined).removing(3)).toBe('done');
  expect(seen(9, undefined).removing(4)).toBe('done');
});
