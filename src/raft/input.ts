/**
 * What may be stepped into the core: messages from other members, and the host's own inputs.
 */
import type { Entry, HardState, MemberId, Position, Proposal, Snapshot } from './entry.ts';
import type { Message } from './message.ts';

/**
 * Time passes by one tick. With lease reads, `nowMs` is the host's monotonic clock; it is ignored
 * otherwise. Ticks that a stalled host missed are dropped, never made up for in a burst.
 */
export interface Tick {
  readonly type: 'tick';
  readonly nowMs?: number;
}

/** Start an election now, with a pre-vote where that is configured. */
export interface Campaign {
  readonly type: 'campaign';
}

/** Append these, or pass them on to the leader. All or none are taken. */
export interface Propose {
  readonly type: 'propose';
  readonly entries: readonly Proposal[];
  /** Append only while the leader's term is this one (a fencing token); absent or 0: any term. */
  readonly requiredTerm?: number;
}

/** Ask for a read index; the answer comes as a `ReadState` with the same `context`. */
export interface Read {
  readonly type: 'read';
  /** The host's number for the read or for a whole batch of reads; it may be used again. */
  readonly context: number;
  /** With lease reads: the host's monotonic clock now. */
  readonly nowMs?: number;
}

/** Hand leadership to `target`; a follower passes the wish on. */
export interface TransferLeadership {
  readonly type: 'transfer-leadership';
  readonly target: MemberId;
}

/** Forget who leads, so that a vote can be granted before the election timeout has passed. */
export interface ForgetLeader {
  readonly type: 'forget-leader';
}

/** The last message to `member` could not be delivered. */
export interface ReportUnreachable {
  readonly type: 'report-unreachable';
  readonly member: MemberId;
}

/** The snapshot for `member` was handed over, or could not be. */
export interface ReportSnapshot {
  readonly type: 'report-snapshot';
  readonly member: MemberId;
  readonly failed: boolean;
}

/** Entries or a snapshot that the storage did not have at hand can be read now. */
export interface StorageReady {
  readonly type: 'storage-ready';
}

/** An {@link AppendTask} is durable, and so are all before it. Made by the core, passed back as is. */
export interface Appended {
  readonly type: 'appended';
  /** The term in which the task was made: in a later one it says nothing about entries. */
  readonly term: number;
  /** The last entry of the log when the task was made, or undefined if all was stable. */
  readonly last: Position | undefined;
  readonly snapshotIndex: number;
}

/** An {@link ApplyTask} has been applied. Made by the core, passed back as it is. */
export interface Applied {
  readonly type: 'applied';
  readonly entries: readonly Entry[];
}

/** A quiet group shall keep time again: a peer is suspected dead, for instance. */
export interface Wake {
  readonly type: 'wake';
}

/** What a member's own host tells its core. */
export type LocalInput =
  | Tick
  | Campaign
  | Propose
  | Read
  | TransferLeadership
  | ForgetLeader
  | ReportUnreachable
  | ReportSnapshot
  | StorageReady
  | Appended
  | Applied
  | Wake;

/** Everything that a core can be stepped with: what comes from its peers and from its host. */
export type Input = Message | LocalInput;

/** What to write, with the asynchronous mode: entries, hard state and snapshot, in one go. */
export interface AppendTask {
  readonly entries: readonly Entry[];
  readonly hardState: HardState | undefined;
  readonly snapshot: Snapshot | undefined;
  /**
   * False where of term, vote and entries nothing changed: a commit index may be written without
   * an fsync. A snapshot must be durable in any case.
   */
  readonly mustSync: boolean;
  /**
   * To be delivered once this task and all before it are durable: to other members over the
   * network, those addressed to this member by stepping them.
   */
  readonly replies: readonly Message[];
  /** To be stepped after the replies. */
  readonly done: Appended | undefined;
}

/** What to apply, with the asynchronous mode. */
export interface ApplyTask {
  readonly entries: readonly Entry[];
  /** To be stepped once the entries are applied. */
  readonly done: Applied;
}
