/**
 * What a configuration means, worked out by trying everything: slower than the core's arithmetic
 * and independent of it.
 */
import type { ConfigurationState } from '../../src/raft/configuration.ts';
import type { MemberId } from '../../src/raft/entry.ts';

/** Whether `members` decide: a majority of each half that there is. Learners never matter. */
export function decides(
  { voters, votersOutgoing }: ConfigurationState,
  members: ReadonlySet<MemberId>,
): boolean {
  return [voters, votersOutgoing].every((half) => {
    const present = half.filter((voter) => members.has(voter)).length;
    return half.length === 0 || 2 * present > half.length;
  });
}

/** Whether every quorum of one configuration shares a member with every quorum of the other. */
export function quorumsIntersect(one: ConfigurationState, other: ConfigurationState): boolean {
  const all = [
    ...new Set([...one.voters, ...one.votersOutgoing, ...other.voters, ...other.votersOutgoing]),
  ];
  // If two quorums can be apart, then so can one quorum and all that it leaves out.
  for (let subset = 0; subset < 2 ** all.length; subset++) {
    const inside = new Set(all.filter((_, i) => (subset >> i) & 1));
    const outside = new Set(all.filter((_, i) => !((subset >> i) & 1)));
    if (decides(one, inside) && decides(other, outside)) return false;
  }
  return true;
}
