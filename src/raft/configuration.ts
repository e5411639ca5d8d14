/**
 * Who takes part in a group: the words of membership (thesis chapter 4).
 *
 * A *voter* counts towards quorums. A *learner* receives the log and counts for nothing, so that a
 * newcomer can catch up without endangering the group. While a *joint* configuration is in force
 * (§4.3), a decision needs a majority of the incoming voters and one of the outgoing voters; a
 * voter that shall become a learner keeps its outgoing vote until the joint configuration is left,
 * and waits in `learnersNext`.
 */
/** A member's id in 1 … 2^53 − 1. Ids are never used again, even for the same machine. */
export type MemberId = number;

/** Stands where a member id may be absent: no leader, no vote. */
export const NOBODY: MemberId = 0;

/** A configuration as it stands in snapshots and in status: each list in ascending order. */
export interface ConfigurationState {
  readonly voters: readonly MemberId[];
  /** Not empty exactly while the configuration is joint. */
  readonly votersOutgoing: readonly MemberId[];
  readonly learners: readonly MemberId[];
  /** Voters of the outgoing half that become learners when the joint configuration is left. */
  readonly learnersNext: readonly MemberId[];
  /** The leader leaves the joint configuration by itself once it is applied. */
  readonly autoLeave: boolean;
}

/** A configuration of nobody: where a member starts that has yet to be told. */
export const emptyConfiguration: ConfigurationState = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

/** One step of a change. `update-member` changes no quorum: it carries news about a member. */
export interface ChangeStep {
  readonly type: 'add-voter' | 'add-learner' | 'remove-member' | 'update-member';
  readonly member: MemberId;
}

/**
 * How a change takes effect. `auto`: a single step where that is safe, else joint with automatic
 * leave. `joint-implicit`: joint with automatic leave. `joint-explicit`: joint until an empty
 * change is proposed.
 */
export type Transition = 'auto' | 'joint-implicit' | 'joint-explicit' | 'forced';

/** A change of configuration as it stands in an entry. Without steps it leaves a joint one. */
export interface ConfigurationChange {
  readonly transition: Transition;
  readonly steps: readonly ChangeStep[];
  /** The host's own words, carried along: the new member's address, for instance. */
  readonly context: Uint8Array;
}
