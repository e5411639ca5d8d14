/**
 * What Raft replicates and what it keeps: entries, snapshots and the hard state.
 *
 * Terms, indexes and member ids are whole numbers in 0 … 2^53 − 1, where 0 means "none": the log's
 * first entry has index 1, the first election makes term 1, and member ids start at 1.
 */
import type { ConfigurationState, MemberId } from './configuration.ts';

export { type MemberId, NOBODY } from './configuration.ts';

/** What an entry is for: the state machine, or the group's own configuration. */
export type EntryType = 'normal' | 'configuration';

/** What a proposer hands over; the leader adds term and index. */
export interface Proposal {
  readonly type: EntryType;
  /** The command, or an encoded configuration change. Not copied: it must not change any more. */
  readonly data: Uint8Array;
}

/** One slot of the log (paper §5.3). It never changes once made. */
export interface Entry extends Proposal {
  /** The term of the leader that appended it; a state machine may fence by it. */
  readonly term: number;
  readonly index: number;
}

/** The position of an entry: two entries with equal positions are equal (log matching, §5.3). */
export interface Position {
  readonly term: number;
  readonly index: number;
}

/** The position before the first entry. */
export const noPosition: Position = { term: 0, index: 0 };

/** What must be on disk before anything that rests on it is said (paper, figure 2). */
export interface HardState {
  readonly term: number;
  /** The member voted for in `term`, or {@link NOBODY}. */
  readonly vote: MemberId;
  /** A hint that saves work after a restart; safety never rests on it. */
  readonly commit: number;
}

/** A state machine's state after `index`, standing for the log up to there (paper §7). */
export interface Snapshot {
  readonly term: number;
  readonly index: number;
  readonly configuration: ConfigurationState;
  /** The state, or the host's reference to it. Raft only carries it. */
  readonly data: Uint8Array;
}

export const emptyBytes = new Uint8Array(0);

/** Bytes that an entry is counted with beside its data: term, index, type and length. */
export const ENTRY_OVERHEAD_BYTES = 16;

/** The size that limits count for an entry. */
export function entryBytes(entry: Proposal): number {
  return ENTRY_OVERHEAD_BYTES + entry.data.length;
}

/** The sum of {@link entryBytes}. */
export function entriesBytes(entries: readonly Proposal[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += ENTRY_OVERHEAD_BYTES + entry.data.length;
  return bytes;
}

/** The sum of the data's lengths alone: what counts against the quota of uncommitted bytes. */
export function payloadBytes(entries: readonly Proposal[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.data.length;
  return bytes;
}
