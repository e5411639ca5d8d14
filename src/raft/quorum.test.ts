import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  jointCommitted,
  jointVote,
  majority,
  majorityCommitted,
  majorityVote,
  type VoteResult,
} from './quorum.ts';

/** Voters 1 … 7 at the most, ascending, perhaps none. */
const voters = fc.subarray([1, 2, 3, 4, 5, 6, 7]);
const reached = fc.dictionary(fc.constantFrom('1', '2', '3', '4', '5', '6', '7'), fc.nat(6));
const said = fc.dictionary(fc.constantFrom('1', '2', '3', '4', '5', '6', '7'), fc.boolean());

/** All subsets of a set that are majorities of it. */
function majorities(of: readonly number[]): number[][] {
  return Array.from({ length: 2 ** of.length }, (_, bits) =>
    of.filter((_, i) => bits & (1 << i)),
  ).filter((subset) => subset.length * 2 > of.length);
}

/** The definition, word by word: the largest index that all members of some majority reached. */
function committedByDefinition(of: readonly number[], at: (id: number) => number): number {
  if (of.length === 0) return Number.POSITIVE_INFINITY;
  return Math.max(...majorities(of).map((subset) => Math.min(...subset.map(at))));
}

/** Won if some majority granted; lost if none can any more. */
function voteByDefinition(
  of: readonly number[],
  vote: (id: number) => boolean | undefined,
): VoteResult {
  if (of.length === 0) return 'won';
  const all = majorities(of);
  if (all.some((subset) => subset.every((id) => vote(id) === true))) return 'won';
  return all.some((subset) => subset.every((id) => vote(id) !== false)) ? 'pending' : 'lost';
}

describe('quorums', () => {
  test.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
    [6, 4],
    [7, 4],
  ])('a majority of %i is %i', (size, needed) => expect(majority(size)).toBe(needed));

  test('what a majority has reached, by the definition', () => {
    fc.assert(
      fc.property(voters, reached, (of, at) => {
        const lookup = (id: number) => at[id];
        expect(majorityCommitted(of, lookup)).toBe(
          committedByDefinition(of, (id) => lookup(id) ?? 0),
        );
      }),
    );
  });

  test('how an election stands, by the definition', () => {
    fc.assert(
      fc.property(voters, said, (of, votes) => {
        const lookup = (id: number) => votes[id];
        expect(majorityVote(of, lookup)).toBe(voteByDefinition(of, lookup));
      }),
    );
  });

  test('a joint configuration has committed what both halves have', () => {
    fc.assert(
      fc.property(voters, voters, reached, (incoming, outgoing, at) => {
        const lookup = (id: number) => at[id];
        const both = [incoming, outgoing].map((of) =>
          committedByDefinition(of, (id) => lookup(id) ?? 0),
        );
        expect(jointCommitted(incoming, outgoing, lookup)).toBe(Math.min(...both));
        expect(jointCommitted(outgoing, incoming, lookup)).toBe(Math.min(...both));
      }),
    );
  });

  test('a joint election is won in both halves, and lost in either', () => {
    fc.assert(
      fc.property(voters, voters, said, (incoming, outgoing, votes) => {
        const lookup = (id: number) => votes[id];
        const results = [incoming, outgoing].map((of) => voteByDefinition(of, lookup));
        const expected = results.includes('lost')
          ? 'lost'
          : results.includes('pending')
            ? 'pending'
            : 'won';
        expect(jointVote(incoming, outgoing, lookup)).toBe(expected);
      }),
    );
  });

  test('a half without members leaves the decision to the other', () => {
    expect(jointCommitted([1], [], () => 5)).toBe(5);
    expect(jointCommitted([], [1], () => 5)).toBe(5);
    expect(majorityCommitted([], () => 5)).toBe(Number.POSITIVE_INFINITY);
    expect(majorityVote([], () => undefined)).toBe('won');
  });
});
