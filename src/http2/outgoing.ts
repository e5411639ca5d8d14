/**
 * What leaves a connection next: frames one behind the other, so that all that was said in a turn is
 * one write. Small ones are copied together; what is large stays where it is.
 */
import { frameFlags, frameHeadBytes, frameTypes, writeFrameHead, writeUint32 } from './frame.ts';

const slabBytes = 65_536;
/** Copying more than this costs more than a piece of its own. */
const copiedBytesMax = 4_096;

export class Outgoing {
  #slab = new Uint8Array(slabBytes);
  /** From here on the slab has not been taken. */
  #from = 0;
  #at = 0;
  #pieces: Uint8Array[] = [];
  /** Not taken yet. */
  bytes = 0;

  frame(type: number, flags: number, stream: number, payload: Uint8Array): void {
    const { length } = payload;
    const copied = length <= copiedBytesMax ? length : 0;
    this.#room(frameHeadBytes + copied);
    writeFrameHead(this.#slab, this.#at, { length, type, flags, stream });
    this.#at += frameHeadBytes;
    this.bytes += frameHeadBytes + length;
    if (copied > 0) {
      this.#slab.set(payload, this.#at);
      this.#at += copied;
    } else if (length > 0) {
      this.#cut();
      this.#pieces.push(payload);
    }
  }

  windowUpdate(stream: number, bytes: number): void {
    this.#short(frameTypes.windowUpdate, stream, bytes);
  }

  reset(stream: number, reason: number): void {
    this.#short(frameTypes.reset, stream, reason);
  }

  settings(values: readonly (readonly [id: number, value: number])[]): void {
    const payload = new Uint8Array(6 * values.length);
    for (const [at, [id, value]] of values.entries()) {
      payload[6 * at + 1] = id;
      writeUint32(payload, 6 * at + 2, value);
    }
    this.frame(frameTypes.settings, 0, 0, payload);
  }

  ping(payload: Uint8Array, ack: boolean): void {
    this.frame(frameTypes.ping, ack ? frameFlags.ack : 0, 0, payload);
  }

  goAway(lastStream: number, reason: number, why: string): void {
    const text = new TextEncoder().encode(why);
    const payload = new Uint8Array(8 + text.length);
    writeUint32(payload, 0, lastStream);
    writeUint32(payload, 4, reason);
    payload.set(text, 8);
    this.frame(frameTypes.goAway, 0, 0, payload);
  }

  /** All of it, the taker's own from now on. */
  take(): Uint8Array[] {
    this.#cut();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.bytes = 0;
    return pieces;
  }

  /** A frame that says one number. */
  #short(type: number, stream: number, value: number): void {
    this.#room(frameHeadBytes + 4);
    writeFrameHead(this.#slab, this.#at, { length: 4, type, flags: 0, stream });
    writeUint32(this.#slab, this.#at + frameHeadBytes, value);
    this.#at += frameHeadBytes + 4;
    this.bytes += frameHeadBytes + 4;
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= slabBytes) return;
    this.#cut();
    this.#slab = new Uint8Array(slabBytes);
    this.#from = 0;
    this.#at = 0;
  }

  #cut(): void {
    if (this.#at === this.#from) return;
    this.#pieces.push(this.#slab.subarray(this.#from, this.#at));
    this.#from = this.#at;
  }
}
