/** What the engine gives the log to write, in the words of Raft's append task. */
import type { Entry, HardState, Position } from '../../raft/entry.ts';

/** A group's number, 0 … 2^53 − 1; 0 is the system group. Never used again once removed. */
export type GroupId = number;

/** Something of one group that must become durable, all of it or none. */
export interface GroupWrite {
  readonly group: GroupId;
  /** In ascending order without gaps; what stands at the first index and behind is replaced. */
  readonly entries: readonly Entry[];
  /** Absent where it did not change. A change of the commit index alone causes no write. */
  readonly hardState?: HardState | undefined;
  /** A snapshot that was installed: the log begins anew behind it, before `entries`. */
  readonly snapshot?: Position | undefined;
}

/**
 * The number of a write. Writes become durable in the order of their tickets: all up to
 * `MemberLog.durableTicket` are.
 */
export type Ticket = number;
