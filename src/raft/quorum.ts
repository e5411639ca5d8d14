/**
 * Quorums: pure arithmetic over who has what and who said what.
 *
 * A majority of a set decides; a joint configuration (thesis §4.3) asks a majority of the incoming
 * *and* one of the outgoing voters. An empty set decides everything at once, so that a joint
 * configuration with one empty half behaves like the other half alone.
 *
 * Invariant relied on everywhere: two majorities of one set share a member.
 */
import type { MemberId } from './entry.ts';

export type VoteResult = 'won' | 'lost' | 'pending';

/** How many of `voters` make a majority. */
export function majority(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/**
 * The commit rule's arithmetic (§5.3): the largest index that a majority of `voters` has reached,
 * where a voter unknown to `reachedBy` has reached nothing. Infinity for no voters.
 */
export function majorityCommitted(
  voters: readonly MemberId[],
  reachedBy: (voter: MemberId) => number | undefined,
): number {
  const count = voters.length;
  if (count === 0) return Number.POSITIVE_INFINITY;
  if (count === 1) return reachedBy(voters[0]!) ?? 0;
  // Insertion sort, ascending: quorums are small, and this allocates nothing.
  const sorted = scratch;
  for (let i = 0; i < count; i++) {
    const reached = reachedBy(voters[i]!) ?? 0;
    let slot = i;
    while (slot > 0 && sorted[slot - 1]! > reached) {
      sorted[slot] = sorted[slot - 1]!;
      slot--;
    }
    sorted[slot] = reached;
  }
  return sorted[count - majority(count)]!;
}

const scratch: number[] = [];

/** {@link majorityCommitted} of both halves: whatever is committed is committed in each. */
export function jointCommitted(
  incoming: readonly MemberId[],
  outgoing: readonly MemberId[],
  reachedBy: (voter: MemberId) => number | undefined,
): number {
  const first = majorityCommitted(incoming, reachedBy);
  return outgoing.length === 0 ? first : Math.min(first, majorityCommitted(outgoing, reachedBy));
}

/** The state of an election among `voters`, where `voteOf` is undefined for those still silent. */
export function majorityVote(
  voters: readonly MemberId[],
  voteOf: (voter: MemberId) => boolean | undefined,
): VoteResult {
  if (voters.length === 0) return 'won';
  let granted = 0;
  let silent = 0;
  for (const voter of voters) {
    const vote = voteOf(voter);
    if (vote === undefined) silent++;
    else if (vote) granted++;
  }
  const needed = majority(voters.length);
  if (granted >= needed) return 'won';
  return granted + silent >= needed ? 'pending' : 'lost';
}

/** {@link majorityVote} of both halves: one lost half loses, and both must be won. */
export function jointVote(
  incoming: readonly MemberId[],
  outgoing: readonly MemberId[],
  voteOf: (voter: MemberId) => boolean | undefined,
): VoteResult {
  const first = majorityVote(incoming, voteOf);
  const second = majorityVote(outgoing, voteOf);
  if (first === second) return first;
  return first === 'lost' || second === 'lost' ? 'lost' : 'pending';
}
