/**
 * The window of appends on their way to one member: a ring of (last index, bytes), limited by
 * messages and by bytes. It fills as appends are sent and empties as they are acknowledged.
 *
 * Invariant: `messages ≤ messagesMax`; `bytes` is the sum over the ring. The byte limit is soft by
 * one message: a message that starts below it may go beyond, so that one of any size can leave.
 */
import { assert } from '../base/assert.ts';

export class Inflights {
  readonly messagesMax: number;
  readonly bytesMax: number;
  #lastIndexes: number[] = [];
  #sizes: number[] = [];
  #start = 0;
  #messages = 0;
  #bytes = 0;

  constructor(messagesMax: number, bytesMax: number) {
    this.messagesMax = messagesMax;
    this.bytesMax = bytesMax;
  }

  get messages(): number {
    return this.#messages;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get full(): boolean {
    return this.#messages === this.messagesMax || this.#bytes >= this.bytesMax;
  }

  /** Notes that an append up to `lastIndex` with `bytes` of payload was sent. */
  add(lastIndex: number, bytes: number): void {
    assert(!this.full, 'an append is sent into a full window');
    if (this.#messages === this.#lastIndexes.length) this.#grow();
    const slot = (this.#start + this.#messages) % this.#lastIndexes.length;
    this.#lastIndexes[slot] = lastIndex;
    this.#sizes[slot] = bytes;
    this.#messages++;
    this.#bytes += bytes;
  }

  /** Notes that everything up to `index` has arrived. */
  release(index: number): void {
    while (this.#messages > 0 && this.#lastIndexes[this.#start]! <= index) {
      this.#bytes -= this.#sizes[this.#start]!;
      this.#start = (this.#start + 1) % this.#lastIndexes.length;
      this.#messages--;
    }
  }

  reset(): void {
    this.#start = 0;
    this.#messages = 0;
    this.#bytes = 0;
  }

  /** The ring grows with use and not to its maximum at once: most members are never far behind. */
  #grow(): void {
    const capacity = Math.min(this.messagesMax, Math.max(8, this.#lastIndexes.length * 2));
    const lastIndexes = new Array<number>(capacity).fill(0);
    const sizes = new Array<number>(capacity).fill(0);
    for (let i = 0; i < this.#messages; i++) {
      const slot = (this.#start + i) % this.#lastIndexes.length;
      lastIndexes[i] = this.#lastIndexes[slot]!;
      sizes[i] = this.#sizes[slot]!;
    }
    this.#lastIndexes = lastIndexes;
    this.#sizes = sizes;
    this.#start = 0;
  }
}
