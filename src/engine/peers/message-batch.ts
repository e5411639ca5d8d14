/**
 * Raft's messages to one peer, of all groups, gathered over a turn into one frame.
 *
 *     (group · length · message)…
 */

import type { MemberId } from '../../raft/entry.ts';
import type { Message } from '../../raft/message.ts';
import type { GroupId } from '../log/log-write.ts';

export class MessageBatch {
  bytes = 0;
  #messages: { readonly group: GroupId; readonly message: Message }[] = [];

  get empty(): boolean {
    return this.#messages.length === 0;
  }

  add(group: GroupId, message: Message): void {
    this.#messages.push({ group, message });
  }

  take(): readonly Uint8Array[] {
    return [];
  }
}

export function decodeMessages(
  _payload: Uint8Array,
  _from: MemberId,
  _to: MemberId,
): readonly { readonly group: GroupId; readonly message: Message }[] {
  return [];
}
