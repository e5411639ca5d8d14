/**
 * Frames: what members send each other over a stream.
 *
 *     length (4 bytes, of the payload) · type (1) · CRC32C over type and payload (4) · payload
 *
 * Numbers are little-endian. A frame that is too long, of an unknown type or damaged is a fault of
 * the link, which is closed by name; nothing behind it is looked at.
 */
import { crc32c } from '../../base/crc32c.ts';
import { QuorateError } from '../../base/errors.ts';

// Positions are the wire's numbers: only ever append.
const types = [
  'hello',
  'welcome',
  'proof',
  'refusal',
  'ping',
  'pong',
  'messages',
  'call',
  'answer',
] as const;

export type FrameType = (typeof types)[number];

const HEAD_BYTES = 9;

export interface Frame {
  readonly type: FrameType;
  /** A view on what was received. */
  readonly payload: Uint8Array;
}

/** A frame whose payload is `parts`, one after the other: its head and they, not copied. */
export function frame(type: FrameType, parts: readonly Uint8Array[]): readonly Uint8Array[] {
  const head = new Uint8Array(HEAD_BYTES);
  head[4] = types.indexOf(type);
  let crc = crc32c(head, 4, 5);
  let length = 0;
  for (const part of parts) {
    length += part.length;
    crc = crc32c(part, 0, part.length, crc);
  }
  const view = new DataView(head.buffer);
  view.setUint32(0, length, true);
  view.setUint32(5, crc, true);
  return [head, ...parts];
}

/** Cuts what a stream brings into frames. Memory is bounded by the largest frame. */
export class FrameReader {
  readonly #payloadBytesMax: number;
  #buffer: Uint8Array = new Uint8Array(0);
  /** What is in the buffer, from `#start` to `#end`. */
  #start = 0;
  #end = 0;
  /** The buffer was made here, so what is behind `#end` may be filled. */
  #own = false;

  constructor(payloadBytesMax: number) {
    this.#payloadBytesMax = payloadBytesMax;
  }

  /** Bytes that do not make a whole frame yet. */
  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  push(bytes: Uint8Array): void {
    if (this.pendingBytes === 0) {
      // The usual case: the chunk is cut where it lies.
      this.#buffer = bytes;
      this.#start = 0;
      this.#end = bytes.length;
      this.#own = false;
      return;
    }
    if (!this.#own || this.#end + bytes.length > this.#buffer.length) this.#makeRoom(bytes.length);
    // Frames given out are views on what lies before: that is never written to again.
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Doubles, so that a large frame is not copied for each of its pieces. */
  #makeRoom(bytes: number): void {
    const pending = this.pendingBytes;
    const larger = new Uint8Array((pending + bytes) * 2);
    larger.set(this.#buffer.subarray(this.#start, this.#end));
    this.#buffer = larger;
    this.#start = 0;
    this.#end = pending;
    this.#own = true;
  }

  /**
   * The next whole frame, or undefined until more bytes come.
   * @throws QuorateError `malformed-message`
   */
  next(): Frame | undefined {
    if (this.pendingBytes < HEAD_BYTES) return undefined;
    const view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset + this.#start);
    const length = view.getUint32(0, true);
    if (length > this.#payloadBytesMax) throw fault(`a frame of ${length} bytes`);
    const type = types[view.getUint8(4)];
    if (type === undefined) throw fault('a frame of an unknown type');
    const frameBytes = HEAD_BYTES + length;
    if (this.pendingBytes < frameBytes) return undefined;
    const at = this.#start;
    const payload = this.#buffer.subarray(at + HEAD_BYTES, at + frameBytes);
    const crc = crc32c(payload, 0, length, crc32c(this.#buffer, at + 4, at + 5));
    if (crc !== view.getUint32(5, true)) throw fault('a damaged frame');
    this.#start += frameBytes;
    return { type, payload };
  }
}

function fault(what: string): QuorateError {
  return new QuorateError('malformed-message', `${what} on a link between members`);
}
