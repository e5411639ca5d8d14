/**
 * Compact binary: whole numbers as varints (seven bits a byte, lowest first, the high bit says
 * that more follow), byte strings with their length before them. The reader never reads beyond
 * its input and never allocates what a hostile length asks for.
 */
import { QuorateError } from './errors.ts';

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The bytes that {@link ByteWriter.number} takes for `value` in 0 … 2^53 − 1. */
export function numberBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

/** Writes into one buffer that grows by doubling. */
export class ByteWriter {
  #buffer: Uint8Array;
  #length = 0;

  constructor(capacity = 256) {
    this.#buffer = new Uint8Array(capacity);
  }

  /** How many bytes were written. */
  get length(): number {
    return this.#length;
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
    return this;
  }

  /** A byte that says no (0) or yes (1). */
  flag(value: boolean): this {
    return this.byte(value ? 1 : 0);
  }

  /** A whole number in 0 … 2^53 − 1. */
  number(value: number): this {
    this.#reserve(8);
    let rest = value;
    while (rest >= 128) {
      // `rest` may exceed 32 bits, where bit operations do not reach.
      this.#buffer[this.#length++] = (rest % 128) | 128;
      rest = rest < 2 ** 31 ? rest >>> 7 : Math.floor(rest / 128);
    }
    this.#buffer[this.#length++] = rest;
    return this;
  }

  /** A byte string with its length before it. */
  bytes(value: Uint8Array): this {
    return this.number(value.length).raw(value);
  }

  /** A text in UTF-8 with its length before it. */
  text(value: string): this {
    return this.bytes(textEncoder.encode(value));
  }

  /** A 64-bit float, big-endian. */
  float(value: number): this {
    this.#reserve(8);
    new DataView(this.#buffer.buffer).setFloat64(this.#length, value);
    this.#length += 8;
    return this;
  }

  /** Bytes as they are. */
  raw(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** Begins anew in the same buffer: what {@link finish} gave must not be needed any more. */
  clear(): this {
    this.#length = 0;
    return this;
  }

  /** What was written. The writer must not be used any more: the bytes are not copied. */
  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

/** Reads what a {@link ByteWriter} wrote; every fault is a `malformed-message`. */
export class ByteReader {
  readonly #buffer: Uint8Array;
  #offset = 0;

  constructor(buffer: Uint8Array) {
    this.#buffer = buffer;
  }

  /** How many bytes were read. */
  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#buffer.length - this.#offset;
  }

  byte(): number {
    const value = this.#buffer[this.#offset];
    if (value === undefined) throw this.#fault('ends early');
    this.#offset++;
    return value;
  }

  /** A byte that says no (0) or yes (1). */
  flag(): boolean {
    const value = this.byte();
    if (value > 1) throw this.#fault(`a flag is ${value}`);
    return value === 1;
  }

  /** A whole number in 0 … 2^53 − 1, in its shortest form. */
  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      // 2^49 is the eighth byte's place: beyond it, and above 15 in it, lies 2^53.
      if (scale > 2 ** 49 || (scale === 2 ** 49 && byte > 15))
        throw this.#fault('a number is too large');
      if (byte < 128) {
        if (byte === 0 && scale > 1) throw this.#fault('a number is longer than need be');
        return value + byte * scale;
      }
      value += (byte - 128) * scale;
    }
  }

  /** A byte string with its length before it: a view, not a copy. */
  bytes(): Uint8Array {
    return this.raw(this.number());
  }

  text(): string {
    const bytes = this.bytes();
    try {
      return textDecoder.decode(bytes);
    } catch {
      throw this.#fault('a text is not UTF-8');
    }
  }

  /** A 64-bit float, big-endian. */
  float(): number {
    const { buffer, byteOffset } = this.raw(8);
    return new DataView(buffer, byteOffset).getFloat64(0);
  }

  /** The next `length` bytes: a view, not a copy. */
  raw(length: number): Uint8Array {
    if (length > this.remaining) throw this.#fault('a length goes beyond the end');
    const from = this.#offset;
    this.#offset += length;
    return this.#buffer.subarray(from, this.#offset);
  }

  /** Passes over the next `length` bytes. */
  skip(length: number): void {
    if (length > this.remaining) throw this.#fault('a length goes beyond the end');
    this.#offset += length;
  }

  /** A count of things that take at least `bytesEach`: it cannot be more than what is left. */
  count(bytesEach: number): number {
    const count = this.number();
    if (count * bytesEach > this.remaining) throw this.#fault('a count goes beyond the end');
    return count;
  }

  /** Nothing may follow. */
  end(): void {
    if (this.remaining > 0) throw this.#fault(`${this.remaining} bytes follow the end`);
  }

  #fault(what: string): QuorateError {
    return new QuorateError('malformed-message', `${what}, at byte ${this.#offset}`, {
      details: { offset: this.#offset },
    });
  }
}
