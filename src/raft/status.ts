/** What a member can tell about itself, for people and for machines. */
import type { ConfigurationState } from './configuration.ts';
import type { Core } from './core.ts';
import type { MemberId } from './entry.ts';
import type { ProgressState } from './progress.ts';
import type { Role } from './ready.ts';

/** The state of one core at one moment; a copy that does not change any more. */
export interface Status {
  readonly id: MemberId;
  readonly role: Role;
  readonly term: number;
  readonly vote: MemberId;
  /** The leader as far as known, or 0. */
  readonly leader: MemberId;
  readonly commit: number;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly configuration: ConfigurationState;
  readonly learner: boolean;
  /** Whom leadership is being handed to, or 0. */
  readonly transferTarget: MemberId;
  readonly quiet: boolean;
  /** It lost a part of its log, and neither votes nor counts until it has recovered. */
  readonly suspect: boolean;
  /** On a leader: one for each member, ascending; else empty. */
  readonly progress: readonly MemberProgress[];
}

/** What a leader knows about a member; see `Progress`. */
export interface MemberProgress {
  readonly member: MemberId;
  readonly state: ProgressState;
  readonly match: number;
  readonly next: number;
  readonly paused: boolean;
  readonly active: boolean;
  readonly learner: boolean;
  /** The index of the snapshot on its way, or 0. */
  readonly pendingSnapshot: number;
  readonly inflightMessages: number;
  readonly inflightBytes: number;
  readonly inflightFull: boolean;
  /** It says that it must not be counted: a part of its log is lost. */
  readonly suspect: boolean;
}

export function statusOf(core: Core): Status {
  const { id, role, term, vote, leader, log, configuration, transferTarget, quiet } = core;
  return {
    id,
    role,
    term,
    vote,
    leader,
    commit: log.committed,
    applied: log.applied,
    firstIndex: log.firstIndex(),
    lastIndex: log.lastIndex(),
    configuration,
    learner: core.isLearner(id),
    transferTarget,
    quiet,
    suspect: core.suspicion !== undefined,
    progress: role === 'leader' ? progressOf(core) : [],
  };
}

function progressOf(core: Core): MemberProgress[] {
  return [...core.membership.progress.values()].map((progress) => {
    const { member, state, match, next, paused, active, pendingSnapshot, inflights } = progress;
    return {
      member,
      state,
      match,
      next,
      paused,
      active,
      learner: core.isLearner(member),
      pendingSnapshot,
      inflightMessages: inflights.messages,
      inflightBytes: inflights.bytes,
      inflightFull: inflights.full,
      suspect: progress.suspect,
    };
  });
}
