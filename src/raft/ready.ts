/**
 * What the host has to do now: the core's only output.
 *
 * **Simple mode.** 1. Write `snapshot`, `entries` and `hardState`, with an fsync if `mustSync` or
 * if there is a snapshot.
 * 2. Send `messages` (never before 1 is done). 3. Apply `snapshot` and `committed`; for each
 * configuration entry call `Raft.applyChange`. 4. Call `Raft.advance`. No other `ready()` before.
 *
 * **Asynchronous mode** (`asyncStorageWrites`). Send `messages` at once. Hand `append` to the log
 * and `apply` to the state machine, each working in order; when a task is done deliver what it
 * carries. `advance` is not called, and further `ready()` calls overlap with the work.
 */

import type { Entry, HardState, MemberId, Snapshot } from './entry.ts';
import type { AppendTask, ApplyTask } from './input.ts';
import type { Message } from './message.ts';

/** What a member is in its group. A `pre-candidate` asks for pre-votes (thesis §9.6). */
export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

/** What is worth knowing but need not be stored. */
export interface SoftState {
  /** The leader of the current term as far as known, or 0. */
  readonly leader: MemberId;
  readonly role: Role;
}

/** The answer to a `read`: once `index` is applied, local state serves it linearizably. */
export interface ReadState {
  readonly context: number;
  readonly index: number;
}

/** What there is to do, in the order that the opening of this module states. */
export interface Ready {
  /** Present where it changed since the last Ready. */
  readonly softState: SoftState | undefined;
  /** Present where it changed since the last Ready. */
  readonly hardState: HardState | undefined;
  /** To be appended to the log; what stands there from the first one's index on is replaced. */
  readonly entries: readonly Entry[];
  /** Replaces log and state machine. */
  readonly snapshot: Snapshot | undefined;
  /** To be applied, in order. */
  readonly committed: readonly Entry[];
  readonly messages: readonly Message[];
  readonly reads: readonly ReadState[];
  /** Contexts of reads that leadership changed under, or that were lost: ask again. */
  readonly droppedReads: readonly number[];
  readonly mustSync: boolean;
  /** Asynchronous mode only. */
  readonly append: AppendTask | undefined;
  /** Asynchronous mode only. */
  readonly apply: ApplyTask | undefined;
}
