/** Settings of a Raft instance, each with its range, its default and the reason for it. */
import { QuorateError } from '../base/errors.ts';
import type { Random } from '../ports/random.ts';
import type { MemberId } from './entry.ts';
import type { LogStorage } from './storage.ts';

/** What a `Raft` is made from. What is left out has the default that its line states. */
export interface RaftOptions {
  /** This member, 1 … 2^53 − 1. */
  readonly id: MemberId;
  readonly storage: LogStorage;
  /** Draws the election timeouts; two members must not draw the same sequence. */
  readonly random: Random;
  /**
   * Ticks without a word from the leader before an election, at least: the timeout is drawn anew
   * for each wait from electionTicks … 2 × electionTicks − 1 (§5.2). More than `heartbeatTicks`.
   * Default 10, so that a few lost heartbeats cost no election.
   */
  readonly electionTicks?: number;
  /** Ticks between a leader's heartbeats. Default 1. */
  readonly heartbeatTicks?: number;
  /** The index up to which the host has applied already. Default: where the storage's log begins. */
  readonly applied?: number;
  /** Ask before raising the term (thesis §9.6). Default true. */
  readonly preVote?: boolean;
  /** A leader that hears no quorum for an election timeout steps down (§6.2). Default true. */
  readonly checkQuorum?: boolean;
  /** See `Ready`. Default false. */
  readonly asyncStorageWrites?: boolean;
  /** Entries in one message, by bytes; one entry always fits. Default 1 MiB. */
  readonly messageBytesMax?: number;
  /** Entries handed out for applying and not yet reported applied, by bytes. Default 4 MiB. */
  readonly applyingBytesMax?: number;
  /** Payload that a leader holds uncommitted before it refuses more. Default 64 MiB. */
  readonly uncommittedBytesMax?: number;
  /** The payload of one proposal. Default 8 MiB. */
  readonly entryBytesMax?: number;
  /** Appends on the way to one member. Default 256. */
  readonly inflightMessagesMax?: number;
  /** Entries on the way to one member, by bytes. Default 16 MiB. */
  readonly inflightBytesMax?: number;
  /** Reads that wait for the first commit of the term or for a round, before more are refused. Default 65,536. */
  readonly pendingReadsMax?: number;
  /**
   * How reads are confirmed: by a round of heartbeats, or by a lease. Default `quorum`. `lease`
   * needs `lease` and `checkQuorum`.
   */
  readonly reads?: 'quorum' | 'lease';
  /**
   * The clock assumption of lease reads (§6.4.1): while a tick of `tickMs` passes anywhere, no
   * other member's monotonic clock or tick timer runs ahead by more than `driftRatioMax` of it.
   * If that is untrue, reads may be stale; nothing else breaks.
   */
  readonly lease?: { readonly tickMs: number; readonly driftRatioMax: number };
  /** Refuse proposals on followers, naming the leader, instead of passing them on. Default false. */
  readonly disableProposalForwarding?: boolean;
  /** Let any configuration change into the log. For tests of appliers that refuse by themselves. Default false. */
  readonly disableChangeValidation?: boolean;
  /** A leader that is removed or made a learner steps down when it applies that. Default true. */
  readonly stepDownOnRemoval?: boolean;
  /**
   * Among members with equally good logs the one of higher priority should lead: a member refuses
   * its vote to a candidate of lower priority than its own whose log is not better. A whole
   * number in 0 … 2^31 − 1, default 0 for all.
   */
  readonly priority?: number;
  /** Ticks without work after which a leader proposes to fall quiet; 0 never does. Default 0. */
  readonly quiesceAfterTicks?: number;
  /**
   * This member has lost a part of its log, and perhaps votes: it neither votes nor counts until
   * it has recovered; see suspicion.ts.
   */
  readonly suspect?: 'log' | 'log-and-votes' | undefined;
}

/** All options with their defaults filled in. */
export type Settings = Required<Omit<RaftOptions, 'applied' | 'lease' | 'suspect'>> &
  Pick<RaftOptions, 'applied' | 'lease' | 'suspect'>;

const MIB = 2 ** 20;

/** @throws QuorateError `invalid-config` naming the setting. */
export function settingsFrom(options: RaftOptions): Settings {
  const settings: Settings = {
    electionTicks: 10,
    heartbeatTicks: 1,
    preVote: true,
    checkQuorum: true,
    asyncStorageWrites: false,
    messageBytesMax: MIB,
    applyingBytesMax: 4 * MIB,
    uncommittedBytesMax: 64 * MIB,
    entryBytesMax: 8 * MIB,
    inflightMessagesMax: 256,
    inflightBytesMax: 16 * MIB,
    pendingReadsMax: 65_536,
    reads: 'quorum',
    disableProposalForwarding: false,
    disableChangeValidation: false,
    stepDownOnRemoval: true,
    priority: 0,
    quiesceAfterTicks: 0,
    ...options,
  };
  checkSettings(settings);
  return settings;
}

function checkSettings(s: Settings): void {
  inRange('id', s.id, 1, Number.MAX_SAFE_INTEGER);
  inRange('heartbeatTicks', s.heartbeatTicks, 1, 2 ** 31);
  inRange('electionTicks', s.electionTicks, s.heartbeatTicks + 1, 2 ** 31);
  inRange('messageBytesMax', s.messageBytesMax, 0, Number.MAX_SAFE_INTEGER);
  inRange('applyingBytesMax', s.applyingBytesMax, 1, Number.MAX_SAFE_INTEGER);
  inRange('uncommittedBytesMax', s.uncommittedBytesMax, 1, Number.MAX_SAFE_INTEGER);
  inRange('entryBytesMax', s.entryBytesMax, 1, 2 ** 30);
  inRange('inflightMessagesMax', s.inflightMessagesMax, 1, 2 ** 31);
  inRange('inflightBytesMax', s.inflightBytesMax, 1, Number.MAX_SAFE_INTEGER);
  inRange('pendingReadsMax', s.pendingReadsMax, 1, 2 ** 31);
  inRange('priority', s.priority, 0, 2 ** 31 - 1);
  inRange('quiesceAfterTicks', s.quiesceAfterTicks, 0, 2 ** 31);
  if (s.applied !== undefined) inRange('applied', s.applied, 0, Number.MAX_SAFE_INTEGER);
  if (s.inflightBytesMax < s.messageBytesMax) {
    throw invalid('inflightBytesMax', `must be at least messageBytesMax, ${s.messageBytesMax}`);
  }
  // A lease holds only because the others refuse to vote while they hear their leader, which is
  // what checkQuorum makes them do. `lease` itself may be absent: then reads fall back to a quorum.
  if (s.reads === 'lease' && !s.checkQuorum) throw invalid('reads', 'lease needs checkQuorum');
  if (s.lease !== undefined) {
    inRange('lease.tickMs', s.lease.tickMs, 1, 2 ** 31);
    if (!(s.lease.driftRatioMax >= 0 && s.lease.driftRatioMax < 1)) {
      throw invalid('lease.driftRatioMax', 'must lie in 0 … 1, 1 excluded');
    }
  }
}

function inRange(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw invalid(name, `must be a whole number in ${min} … ${max}, was ${value}`);
  }
}

function invalid(name: string, what: string): QuorateError {
  return new QuorateError('invalid-config', `raft option ${name} ${what}`, { details: { name } });
}
