/** What the engine wants done: the driver carries these out in order, as soon as it can. */
import type { QuorateError } from '../base/errors.ts';
import type { LogFacts } from '../ports/logger.ts';
import type { MemberId } from '../raft/entry.ts';
import type { Role } from '../raft/ready.ts';
import type { GroupId, Ticket } from './event.ts';
import type { DiskOperation } from './log/disk-operation.ts';
import type { Outcome } from './machine.ts';
import type { PeerEffect } from './peers/peer-event.ts';

export type Effect =
  | PeerEffect
  | { readonly type: 'disk'; readonly operation: DiskOperation }
  /** A request's one answer. */
  | { readonly type: 'answer'; readonly ticket: Ticket; readonly outcome: Outcome }
  /** Work is left: another `end-of-turn` shall follow soon, after other events. */
  | { readonly type: 'turn' }
  /** A `reminded` shall follow after so long. */
  | { readonly type: 'remind'; readonly afterMs: number }
  /** The member is recovered and takes requests. */
  | { readonly type: 'opened'; readonly self: MemberId; readonly clusterId: number }
  /** Who leads a group, or this member's part in it, has changed. */
  | {
      readonly type: 'leadership';
      readonly group: GroupId;
      readonly role: Role;
      readonly term: number;
      readonly leader: MemberId;
    }
  /** The members or groups of the cluster, or a group's configuration, have changed. */
  | { readonly type: 'membership' }
  | {
      readonly type: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly facts: LogFacts;
      readonly message: string;
    }
  /** The cluster has removed a group that was open here; its store may go. */
  | { readonly type: 'group-deleted'; readonly group: GroupId }
  /** A question from another member for the application; see `Engine.answerCall`. */
  | {
      readonly type: 'called';
      readonly call: number;
      readonly group: GroupId;
      readonly payload: Uint8Array;
    }
  /** A process that is no member takes a backup; see `Engine.answerCall`. */
  | { readonly type: 'backup-called'; readonly call: number; readonly payload: Uint8Array }
  /** Nothing more comes: the member has closed as asked (null), was removed, or had to stop. */
  | { readonly type: 'closed'; readonly error: QuorateError | null };
