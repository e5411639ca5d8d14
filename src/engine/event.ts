/**
 * What may happen to a member: the engine's inputs. Whoever drives it makes one of these for each
 * thing that happens outside, in the order in which it happened, and `end-of-turn` when everything
 * that had arrived was handed in.
 */
import type { MemberId } from '../raft/entry.ts';
import type { OperationResult } from './log/operation.ts';
import type { PeerEvent } from './peers/peer-event.ts';

/** A number that the driver chose for a request, given back with its answer. */
export type Ticket = number;

/** A group's number; 0 is the system group. Numbers are never used again. */
export type GroupId = number;

export interface Propose {
  readonly type: 'propose';
  readonly group: GroupId;
  readonly ticket: Ticket;
  readonly command: Uint8Array;
  /** If not 0, the command only takes effect if its entry is of this term. */
  readonly requiredTerm: number;
  /** On the engine's clock. */
  readonly deadlineMs: number;
}

/** Asks from which index on local state answers a linearizable read. */
export interface Read {
  readonly type: 'read';
  readonly group: GroupId;
  readonly ticket: Ticket;
  readonly deadlineMs: number;
}

/** The requester lost interest; what is under way may still take effect. */
export interface Cancel {
  readonly type: 'cancel';
  readonly group: GroupId;
  readonly ticket: Ticket;
}

export interface TransferLeadership {
  readonly type: 'transfer-leadership';
  readonly group: GroupId;
  readonly target: MemberId;
}

export type Event =
  | { readonly type: 'tick'; readonly nowMs: number }
  | { readonly type: 'end-of-turn' }
  | Propose
  | Read
  | Cancel
  | TransferLeadership
  | { readonly type: 'disk'; readonly operation: number; readonly result: OperationResult }
  | PeerEvent;
