/**
 * The wire form of values, reading; see `value-writer.ts`. Bad bytes are a `malformed-message`:
 * nothing is read beyond the input, no length is believed before its bytes are there, and a property
 * named `__proto__` is a property like any other.
 */
import { QuorateError } from '../base/errors.ts';
import { tags, valueDepthMax } from './value-writer.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Names of properties and commands come again and again: the same bytes give the same string. */
const NAMES = 512;
const NAME_BYTES_MAX = 32;
const knownNames: ({ readonly bytes: Uint8Array; readonly text: string } | undefined)[] = new Array(
  NAMES,
).fill(undefined);

export class ValueReader {
  #bytes: Uint8Array;
  #view: DataView | undefined;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw this.#fault('ends early');
    this.#at++;
    return value;
  }

  /** A whole number in 0 … 2^53 − 1, in its shortest form. */
  number(): number {
    const first = this.byte();
    if (first < 128) return first;
    let value = first - 128;
    for (let scale = 128; ; scale *= 128) {
      const byte = this.byte();
      // 2^49 is the eighth byte's place: beyond it, and above 15 in it, lies 2^53.
      if (scale > 2 ** 49 || (scale === 2 ** 49 && byte > 15)) throw this.#fault('is too large');
      if (byte < 128) {
        if (byte === 0) throw this.#fault('a number is longer than need be');
        return value + byte * scale;
      }
      value += (byte - 128) * scale;
    }
  }

  /** A view on the next bytes. */
  raw(length: number): Uint8Array {
    if (length > this.remaining) throw this.#fault('a length goes beyond the end');
    const from = this.#at;
    this.#at += length;
    return this.#bytes.subarray(from, this.#at);
  }

  /** A string without tag. */
  text(): string {
    const length = this.number();
    if (length > this.remaining) throw this.#fault('a length goes beyond the end');
    return length <= NAME_BYTES_MAX ? this.#name(length) : this.#utf8(length);
  }

  /** Nothing may follow. */
  end(): void {
    if (this.remaining > 0) throw this.#fault(`${this.remaining} bytes follow the end`);
  }

  value(depth = 0): unknown {
    const tag = this.byte();
    switch (tag) {
      case tags.undefined:
        return undefined;
      case tags.null:
        return null;
      case tags.false:
        return false;
      case tags.true:
        return true;
      case tags.natural:
        return this.number();
      case tags.negative:
        return -1 - this.number();
      case tags.float:
        return this.#float();
      case tags.bigNatural:
        return BigInt(this.number());
      case tags.bigNegative:
        return BigInt(-1 - this.number());
      case tags.bigLarge:
        return this.#large();
      case tags.bigLargeNegative:
        return -this.#large();
      case tags.text:
        return this.text();
      case tags.codeUnits:
        return this.#codeUnits();
      case tags.bytes:
        return this.raw(this.number()).slice();
      case tags.date:
        return new Date(this.#float());
      default:
        if (depth >= valueDepthMax) throw this.#fault(`nests deeper than ${valueDepthMax}`);
        return this.#many(tag, depth + 1);
    }
  }

  #many(tag: number, depth: number): unknown {
    switch (tag) {
      case tags.array: {
        const items: unknown[] = [];
        for (let left = this.#count(); left > 0; left--) items.push(this.value(depth));
        return items;
      }
      case tags.object:
        return this.#object(depth);
      case tags.map: {
        const count = this.#count();
        const map = new Map<unknown, unknown>();
        for (let left = count; left > 0; left--) map.set(this.value(depth), this.value(depth));
        if (map.size !== count) throw this.#fault('a key occurs twice');
        return map;
      }
      case tags.set: {
        const count = this.#count();
        const set = new Set<unknown>();
        for (let left = count; left > 0; left--) set.add(this.value(depth));
        if (set.size !== count) throw this.#fault('an element occurs twice');
        return set;
      }
      default:
        throw this.#fault(`there is no tag ${tag}`);
    }
  }

  #object(depth: number): Record<string, unknown> {
    const count = this.#count();
    const object: Record<string, unknown> = {};
    for (let left = count; left > 0; left--) {
      const name = this.text();
      if (Object.hasOwn(object, name)) throw this.#fault('a property occurs twice');
      const value = this.value(depth);
      if (name !== '__proto__') object[name] = value;
      else {
        const property = { value, writable: true, enumerable: true, configurable: true };
        Object.defineProperty(object, name, property);
      }
    }
    return object;
  }

  /** Of things that take a byte each at least: there cannot be more than bytes are left. */
  #count(): number {
    const count = this.number();
    if (count > this.remaining) throw this.#fault('a count goes beyond the end');
    return count;
  }

  #float(): number {
    if (this.remaining < 8) throw this.#fault('ends early');
    const { buffer, byteOffset, byteLength } = this.#bytes;
    this.#view ??= new DataView(buffer, byteOffset, byteLength);
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  #large(): bigint {
    const bytes = this.raw(this.number());
    if (bytes.length < 7 || bytes.at(-1) === 0) throw this.#fault('a bigint is too long');
    let digits = '0x';
    for (let i = bytes.length - 1; i >= 0; i--) digits += bytes[i]!.toString(16).padStart(2, '0');
    const value = BigInt(digits);
    if (Number.isSafeInteger(Number(value))) throw this.#fault('a bigint is longer than need be');
    return value;
  }

  #codeUnits(): string {
    const bytes = this.raw(2 * this.#count());
    let text = '';
    for (let i = 0; i < bytes.length; i += 2) {
      text += String.fromCharCode(bytes[i]! | (bytes[i + 1]! << 8));
    }
    return text;
  }

  #name(length: number): string {
    const bytes = this.#bytes;
    const from = this.#at;
    let hash = length;
    for (let i = 0; i < length; i++) hash = (Math.imul(hash, 31) + bytes[from + i]!) | 0;
    const slot = hash & (NAMES - 1);
    const known = knownNames[slot];
    if (known?.bytes.length === length) {
      let i = 0;
      while (i < length && known.bytes[i] === bytes[from + i]) i++;
      if (i === length) {
        this.#at += length;
        return known.text;
      }
    }
    const text = this.#utf8(length);
    knownNames[slot] = { bytes: bytes.slice(from, from + length), text };
    return text;
  }

  #utf8(length: number): string {
    const bytes = this.raw(length);
    if (length <= 64) {
      let ascii = true;
      for (let i = 0; i < length && ascii; i++) ascii = bytes[i]! < 128;
      if (ascii) return String.fromCharCode.apply(null, bytes as unknown as number[]);
    }
    try {
      return decoder.decode(bytes);
    } catch {
      throw this.#fault('a text is no UTF-8');
    }
  }

  #fault(what: string): QuorateError {
    return new QuorateError('malformed-message', `a value ${what}, at byte ${this.#at}`, {
      details: { offset: this.#at },
    });
  }
}

/**
 * The value that these bytes are the whole wire form of.
 * @throws QuorateError `malformed-message`
 */
export function decodeValue(bytes: Uint8Array): unknown {
  const reader = new ValueReader(bytes);
  const value = reader.value();
  reader.end();
  return value;
}
