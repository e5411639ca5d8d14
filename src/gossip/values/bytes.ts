/**
 * A writer and a reader of small binary messages: whole numbers of variable length (LEB128),
 * texts and bytes with their length in front. The reader checks every length against what is left
 * before it allocates anything, so that a forged length costs nothing.
 */
import { QuorateError } from '../../base/errors.ts';

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { fatal: true });

/** Collects a message; it grows by doubling. */
export class ByteWriter {
  #buffer = new Uint8Array(256);
  #length = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** One byte, 0 … 255. */
  byte(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
    return this;
  }

  /** A whole number in 0 … 2^53 − 1, seven bits a byte, the lowest first. */
  number(value: number): this {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
    return this;
  }

  /** A 64-bit float, big-endian. */
  float(value: number): this {
    this.#reserve(8);
    const view = new DataView(this.#buffer.buffer);
    view.setFloat64(this.#length, value);
    this.#length += 8;
    return this;
  }

  /** Bytes as they are, without their length. */
  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** Bytes with their length in front. */
  bytes(bytes: Uint8Array): this {
    return this.number(bytes.length).raw(bytes);
  }

  /** A text in UTF-8 with its length in front. */
  text(text: string): this {
    return this.bytes(textEncoder.encode(text));
  }

  /** What was written; a copy that the writer no longer touches. */
  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length + count));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}

/** Reads a message; every method throws a `malformed-message` error rather than read past the end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Bytes not yet read. */
  get left(): number {
    return this.#bytes.length - this.#offset;
  }

  byte(): number {
    if (this.left < 1) throw this.#short();
    return this.#bytes[this.#offset++]!;
  }

  number(): number {
    let value = 0;
    let factor = 1;
    for (let index = 0; index < 8; index++) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
      factor *= 0x80;
    }
    throw new QuorateError('malformed-message', 'a number exceeds 2^53 − 1');
  }

  float(): number {
    const bytes = this.raw(8);
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0);
  }

  /** A view of the next `count` bytes, not a copy. */
  raw(count: number): Uint8Array {
    if (count > this.left) throw this.#short();
    this.#offset += count;
    return this.#bytes.subarray(this.#offset - count, this.#offset);
  }

  bytes(): Uint8Array {
    return this.raw(this.number());
  }

  text(): string {
    try {
      return textDecoder.decode(this.bytes());
    } catch (cause) {
      if (cause instanceof QuorateError) throw cause;
      throw new QuorateError('malformed-message', 'a text is not UTF-8', { cause });
    }
  }

  /** Throws unless everything has been read. */
  end(): void {
    if (this.left > 0) {
      throw new QuorateError('malformed-message', `${this.left} bytes follow the message's end`);
    }
  }

  #short(): QuorateError {
    return new QuorateError('malformed-message', 'the message ends too early');
  }
}
