/**
 * Somebody who watches the engine at work: what Raft does, step by step, for people to see. An
 * observer changes nothing and must not throw; without one it costs a comparison.
 */
import type { AppendTask } from '../raft/input.ts';
import type { Message } from '../raft/message.ts';
import type { GroupId } from './event.ts';
import type { Replica } from './replica.ts';

export interface EngineObserver {
  /** A message leaves for another member. */
  sent(group: GroupId, message: Message): void;
  /** A message has come and is about to be taken. */
  received(group: GroupId, message: Message): void;
  /** Entries, or another term, vote or commit index, are on their way to the log. */
  appending(group: GroupId, task: AppendTask): void;
  /** Another role or leader. */
  led(replica: Replica): void;
  /** A configuration was applied. */
  configured(replica: Replica): void;
  /** A replica's turn has ended: it may have committed or applied more. */
  turned(replica: Replica): void;
}
