/**
 * What may happen to a member: the engine's inputs. Whoever drives it makes one of these for each
 * thing that happens outside, in the order in which it happened, and `end-of-turn` when everything
 * that had arrived was handed in.
 */
import type { MemberId } from '../raft/entry.ts';
import type { SessionMark } from './envelope.ts';
import type { DiskResult } from './log/disk-operation.ts';
import type { GroupId } from './log/log-write.ts';
import type { Machine } from './machine.ts';
import type { PeerEvent } from './peers/peer-event.ts';

export type { GroupId };

/** A number that the driver chose for a request, given back with its answer. */
export type Ticket = number;

interface Request {
  readonly ticket: Ticket;
  /** On the engine's clock; after it the request fails as `timeout`. */
  readonly deadlineMs: number;
}

/** Answered with what the machine answers. */
export interface Propose extends Request {
  readonly type: 'propose';
  readonly group: GroupId;
  readonly command: Uint8Array;
  /** The wall clock when the command was taken, in whole ms, 0 … 2^48 − 1. */
  readonly timeMs: number;
  /** If not 0, the command only takes effect if its entry is of this term. */
  readonly requiredTerm: number;
  /** The command takes effect once, however often it is proposed. */
  readonly session?: SessionMark | undefined;
}

/** Answered with the applied index, once local state may be read linearizably. */
export interface Read extends Request {
  readonly type: 'read';
  readonly group: GroupId;
}

/** Answered with the applied index, once that is `index` or more on this member. */
export interface AwaitApplied extends Request {
  readonly type: 'await-applied';
  readonly group: GroupId;
  readonly index: number;
}

/** Finds or creates a group and takes part in it with this machine; answered with its id. */
export interface OpenGroup extends Request {
  readonly type: 'open-group';
  readonly name: string;
  readonly machine: Machine;
}

/** A question to a group's leader, outside the log; answered with its bytes. */
export interface CallLeader extends Request {
  readonly type: 'call-leader';
  readonly group: GroupId;
  readonly payload: Uint8Array;
}

/** Hands leadership of a group to another member; answered when that leads. */
export interface TransferLeadership extends Request {
  readonly type: 'transfer-leadership';
  readonly group: GroupId;
  /** 0: whoever is furthest. */
  readonly target: MemberId;
}

/** The requester lost interest; what is under way may still take effect. */
export interface Cancel {
  readonly type: 'cancel';
  readonly group: GroupId;
  readonly ticket: Ticket;
}

export type Event =
  | {
      readonly type: 'tick';
      /** The monotonic clock. */
      readonly nowMs: number;
      /** The wall clock, in whole ms, 0 … 2^48 − 1. */
      readonly wallMs: number;
    }
  | { readonly type: 'end-of-turn' }
  /** The time is over that a `remind` asked for; it makes no turn by itself. */
  | { readonly type: 'reminded' }
  | { readonly type: 'disk'; readonly operation: number; readonly result: DiskResult }
  | Propose
  | Read
  | AwaitApplied
  | OpenGroup
  | CallLeader
  | TransferLeadership
  | Cancel
  /** Hand over all leadership, then seal and close; `closed` follows. */
  | { readonly type: 'close' }
  | PeerEvent;
