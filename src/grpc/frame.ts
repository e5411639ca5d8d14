/**
 * Messages on a stream of bytes: a byte that says whether it is compressed, four for the length, the
 * message (grpc/grpc, doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message").
 *
 * Invariants: a length is believed only up to the limit, and memory grows with the bytes that have
 * arrived, not with those announced. A message that lies in one chunk is not copied.
 */

export const prefixBytes = 5;

/** A message with its prefix, uncompressed. */
export function frame(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(prefixBytes + message.length);
  const { length } = message;
  framed[1] = length >>> 24;
  framed[2] = length >>> 16;
  framed[3] = length >>> 8;
  framed[4] = length;
  framed.set(message, prefixBytes);
  return framed;
}

/** The message, if the bytes are just one, uncompressed and not too large; a view. */
export function wholeMessage(bytes: Uint8Array, bytesMax: number): Uint8Array | undefined {
  if (bytes.length < prefixBytes || bytes[0] !== 0) return undefined;
  const length = bytes[1]! * 2 ** 24 + ((bytes[2]! << 16) | (bytes[3]! << 8) | bytes[4]!);
  if (length > bytesMax || bytes.length !== prefixBytes + length) return undefined;
  return bytes.subarray(prefixBytes);
}

/** The same without a copy, for a message with {@link prefixBytes} of its own buffer before it. */
export function frameInPlace(message: Uint8Array): Uint8Array {
  const { buffer, byteOffset, length } = message;
  const framed = new Uint8Array(buffer, byteOffset - prefixBytes, prefixBytes + length);
  framed[0] = 0;
  framed[1] = length >>> 24;
  framed[2] = length >>> 16;
  framed[3] = length >>> 8;
  framed[4] = length;
  return framed;
}

/** Who takes what the reader finds. */
export interface FrameSink {
  message(bytes: Uint8Array, compressed: boolean): void;
  /** A message announces more than the limit; the reader takes nothing more. */
  tooLarge(lengthBytes: number): void;
  /** The first byte of a message is neither 0 nor 1; the reader takes nothing more. */
  badFlag(flag: number): void;
}

/** Cuts chunks into messages. */
export class FrameReader {
  readonly #bytesMax: number;
  readonly #sink: FrameSink;
  /** What has arrived of a message, its prefix included; room for more behind `#held`. */
  #buffer = new Uint8Array(0);
  #held = 0;
  #over = false;

  constructor(bytesMax: number, sink: FrameSink) {
    this.#bytesMax = bytesMax;
    this.#sink = sink;
  }

  /** Bytes of a message that is not whole yet. */
  get heldBytes(): number {
    return this.#held;
  }

  push(chunk: Uint8Array): void {
    let rest = chunk;
    while (rest.length > 0 && !this.#over) {
      rest = this.#held === 0 ? this.#fromChunk(rest) : this.#fromBuffer(rest);
    }
  }

  /** Takes nothing more, and holds nothing any longer. */
  stop(): void {
    this.#over = true;
    this.#held = 0;
    this.#buffer = new Uint8Array(0);
  }

  /** A message that lies wholly in the chunk leaves as a view of it. */
  #fromChunk(chunk: Uint8Array): Uint8Array {
    if (chunk.length < prefixBytes) return this.#hold(chunk);
    const length = this.#lengthOf(chunk);
    if (length === undefined) return chunk.subarray(chunk.length);
    const end = prefixBytes + length;
    if (chunk.length < end) return this.#hold(chunk);
    this.#sink.message(chunk.subarray(prefixBytes, end), chunk[0] === 1);
    return chunk.subarray(end);
  }

  #fromBuffer(chunk: Uint8Array): Uint8Array {
    let rest = chunk;
    if (this.#held < prefixBytes) {
      const missing = Math.min(prefixBytes - this.#held, rest.length);
      this.#hold(rest.subarray(0, missing));
      rest = rest.subarray(missing);
      if (this.#held < prefixBytes) return rest;
    }
    const length = this.#lengthOf(this.#buffer);
    if (length === undefined) return rest.subarray(rest.length);
    const missing = Math.min(prefixBytes + length - this.#held, rest.length);
    this.#hold(rest.subarray(0, missing));
    if (this.#held === prefixBytes + length) {
      const message = this.#buffer.subarray(prefixBytes, this.#held);
      const compressed = this.#buffer[0] === 1;
      // The message is its receiver's own from now on.
      this.#buffer = new Uint8Array(0);
      this.#held = 0;
      this.#sink.message(message, compressed);
    }
    return rest.subarray(missing);
  }

  /** The length in a prefix that is whole; undefined if it cannot be taken. */
  #lengthOf(bytes: Uint8Array): number | undefined {
    const flag = bytes[0]!;
    const length = bytes[1]! * 2 ** 24 + ((bytes[2]! << 16) | (bytes[3]! << 8) | bytes[4]!);
    if (flag <= 1 && length <= this.#bytesMax) return length;
    this.stop();
    if (flag > 1) this.#sink.badFlag(flag);
    else this.#sink.tooLarge(length);
    return undefined;
  }

  /** Answers what is left of the chunk: nothing. */
  #hold(bytes: Uint8Array): Uint8Array {
    const needed = this.#held + bytes.length;
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#buffer.length, 64));
      larger.set(this.#buffer.subarray(0, this.#held));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#held);
    this.#held = needed;
    return bytes.subarray(bytes.length);
  }
}
