/** TEMPORARY codec. */
import type { Message } from '../../raft/message.ts';
import type { MemberId } from '../../raft/entry.ts';
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
    const text = JSON.stringify(this.#messages, (_key, value) => value instanceof Uint8Array ? { $b: [...value] } : value);
    this.#messages = [];
    return [new TextEncoder().encode(text)];
  }
}

export function decodeMessages(
  payload: Uint8Array,
  _from: MemberId,
  _to: MemberId,
): readonly { readonly group: GroupId; readonly message: Message }[] {
  return JSON.parse(new TextDecoder().decode(payload), (_key, value) => value && typeof value === 'object' && '$b' in value ? new Uint8Array(value.$b) : value);
}
