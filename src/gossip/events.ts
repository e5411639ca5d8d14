/**
 * What an agent tells those who listen to it: changes of members, events, queries.
 */
import type { Member, MemberChange, QueryKey } from '../swim/api.ts';

/** An event that some member sent to all. */
export interface UserEvent {
  readonly name: string;
  readonly payload: Uint8Array;
  /** Serf's logical time of the event; events of one time have no order. */
  readonly lamportTime: number;
  /** Whether the sender allows that only the newest of this name is handled. */
  readonly coalesce: boolean;
}

/** A query of some member that waits for answers. */
export interface ReceivedQuery {
  readonly key: QueryKey;
  readonly name: string;
  readonly payload: Uint8Array;
  /** The asking member's name. */
  readonly from: string;
  /** How long answers are still taken, in milliseconds from now. */
  readonly timeLeftMs: number;
}

/** A change of a member. */
export interface MemberEvent {
  readonly change: MemberChange;
  /** The member after the change; as it last was, if it was reaped. */
  readonly member: Member;
}

/** Everything that is told. */
export type AgentEvent =
  | ({ readonly type: 'member' } & MemberEvent)
  | ({ readonly type: 'user-event' } & UserEvent)
  | ({ readonly type: 'query' } & ReceivedQuery);
