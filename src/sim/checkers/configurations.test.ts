/** Which configurations may follow each other. */
import { describe, expect, it } from 'vitest';
import { type ConfigurationState, emptyConfiguration } from '../../raft/configuration.ts';
import { breaks } from './configurations.ts';

const of = (voters: number[], votersOutgoing: number[] = [], learners: number[] = []) => {
  const state: ConfigurationState = { ...emptyConfiguration, voters, votersOutgoing, learners };
  return state;
};

describe('configurations that follow each other', () => {
  it.each([
    ['the first one', of([]), of([1, 2, 3])],
    ['one voter more', of([1, 2, 3]), of([1, 2, 3, 4])],
    ['one voter less', of([1, 2, 3]), of([1, 3])],
    ['a learner more', of([1, 2, 3]), of([1, 2, 3], [], [4])],
    ['into a joint one', of([1, 2, 3]), of([4, 5, 6], [1, 2, 3])],
    ['out of it', of([4, 5, 6], [1, 2, 3]), of([4, 5, 6])],
  ])('%s', (_, from, to) => {
    expect(breaks(from, to)).toBe(undefined);
  });

  it.each([
    ['two voters at once', of([1, 2, 3]), of([1, 4, 5])],
    ['one voter in the place of another', of([1, 2, 3]), of([1, 2, 4])],
    ['a joint one that asks others', of([1, 2, 3]), of([4, 5, 6], [1, 2])],
    ['out of a joint one, the way back', of([4, 5, 6], [1, 2, 3]), of([1, 2, 3])],
    ['joint, and then other ones', of([4, 5], [1, 2]), of([4, 6], [1, 2])],
    ['a learner that votes', of([1, 2, 3]), of([1, 2, 3], [], [3])],
  ])('never: %s', (_, from, to) => {
    expect(breaks(from, to)).toMatch(/./);
  });
});
