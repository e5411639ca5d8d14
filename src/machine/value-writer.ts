/**
 * The wire form of values, writing: a tag byte and then what the tag says. It keeps what JSON loses
 * (undefined, -0, NaN, bigint, Date, Map, Set, bytes, lone surrogates) and refuses by name what has
 * no meaning on another machine (functions, symbols, instances of classes, circles).
 *
 * The same value, with its properties, keys and elements in the same order, always gives the same
 * bytes. `value-reader.ts` is the other half; the tags are the wire's numbers and only ever grow.
 */
import { QuorateError } from '../base/errors.ts';

/** What a value may nest: deeper ones, and circles, are refused. */
export const valueDepthMax = 64;

/** What one value may take in its wire form, unless told otherwise. */
export const valueBytesMax = 16 * 2 ** 20;

export const tags = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  /** A whole number 0 … 2^53 − 1. */
  natural: 4,
  /** −1 − n. */
  negative: 5,
  /** Eight bytes, lowest first: all other numbers. */
  float: 6,
  bigNatural: 7,
  bigNegative: 8,
  /** Bigints beyond 2^53: length and magnitude, lowest byte first. */
  bigLarge: 9,
  bigLargeNegative: 10,
  /** Length and UTF-8. */
  text: 11,
  /** A string that has no UTF-8, for a surrogate stands alone in it: its code units. */
  codeUnits: 12,
  bytes: 13,
  date: 14,
  array: 15,
  object: 16,
  map: 17,
  set: 18,
} as const;

const encoder = new TextEncoder();
const loneSurrogate = /\p{Surrogate}/u;

export class ValueWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #at = 0;
  #limit: number;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
    this.#limit = valueBytesMax;
  }

  get length(): number {
    return this.#at;
  }

  /** Begins anew in the same memory. */
  clear(bytesMax = valueBytesMax): this {
    this.#at = 0;
    this.#limit = bytesMax;
    return this;
  }

  /** A view on what was written; the next {@link clear} takes it back. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** What was written, in memory of its own. */
  take(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#at++] = value;
    return this;
  }

  /** A whole number in 0 … 2^53 − 1, seven bits a byte, lowest first. */
  number(value: number): this {
    this.#reserve(8);
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#at++] = (rest % 128) | 128;
      rest = rest < 2 ** 31 ? rest >>> 7 : Math.floor(rest / 128);
    }
    this.#bytes[this.#at++] = rest;
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }

  /** @throws QuorateError `unsupported-value`, `value-too-large` */
  value(value: unknown, depth = 0): this {
    switch (typeof value) {
      case 'bigint':
        return this.#bigint(value);
      case 'number':
        return this.#number(value);
      case 'string':
        return this.#string(value);
      case 'undefined':
        return this.byte(tags.undefined);
      case 'boolean':
        return this.byte(value ? tags.true : tags.false);
      case 'object':
        return value === null ? this.byte(tags.null) : this.#object(value, depth);
      default:
        throw unsupported(`a ${typeof value} means nothing on another machine`);
    }
  }

  /** A string without tag: its length in bytes and UTF-8. */
  text(value: string): this {
    const from = this.#at;
    const { length } = value;
    this.number(length);
    this.#reserve(length);
    const bytes = this.#bytes;
    let at = this.#at;
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 127) {
        this.#at = from;
        const encoded = encoder.encode(value);
        return this.number(encoded.length).raw(encoded);
      }
      bytes[at++] = unit;
    }
    this.#at = at;
    return this;
  }

  #number(value: number): this {
    if (Number.isSafeInteger(value)) {
      if (value > 0 || Object.is(value, 0)) return this.byte(tags.natural).number(value);
      if (value < 0) return this.byte(tags.negative).number(-1 - value);
    }
    return this.byte(tags.float).#float(value);
  }

  #float(value: number): this {
    this.#reserve(8);
    // All NaNs are one.
    this.#view.setFloat64(this.#at, Number.isNaN(value) ? Number.NaN : value, true);
    this.#at += 8;
    return this;
  }

  #bigint(value: bigint): this {
    const near = Number(value);
    if (Number.isSafeInteger(near)) {
      return near >= 0
        ? this.byte(tags.bigNatural).number(near)
        : this.byte(tags.bigNegative).number(-1 - near);
    }
    const negative = value < 0n;
    let digits = (negative ? -value : value).toString(16);
    if (digits.length % 2 === 1) digits = `0${digits}`;
    const length = digits.length / 2;
    this.byte(negative ? tags.bigLargeNegative : tags.bigLarge).number(length);
    this.#reserve(length);
    for (let i = length - 1; i >= 0; i--) {
      this.#bytes[this.#at++] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
    }
    return this;
  }

  #string(value: string): this {
    const from = this.#at;
    this.byte(tags.text);
    // Plain ASCII, the usual case, cannot hold a surrogate: the length tells.
    this.text(value);
    if (this.#isAscii(from, value.length) || !loneSurrogate.test(value)) return this;
    this.#at = from;
    this.byte(tags.codeUnits).number(value.length);
    this.#reserve(2 * value.length);
    for (let i = 0; i < value.length; i++) {
      this.#view.setUint16(this.#at, value.charCodeAt(i), true);
      this.#at += 2;
    }
    return this;
  }

  /** Whether the text that begins at `from` took one byte for each of its `length` code units. */
  #isAscii(from: number, length: number): boolean {
    let headBytes = 2;
    for (let rest = length; rest >= 128; rest = Math.floor(rest / 128)) headBytes++;
    return this.#at - from === headBytes + length;
  }

  #object(value: object, depth: number): this {
    if (depth >= valueDepthMax) {
      throw unsupported(`a value nests deeper than ${valueDepthMax}, or in a circle`);
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) {
      return this.#properties(value as Record<string, unknown>, depth + 1);
    }
    if (Array.isArray(value)) {
      this.byte(tags.array).number(value.length);
      for (let i = 0; i < value.length; i++) this.value(value[i], depth + 1);
      return this;
    }
    if (value instanceof Uint8Array) {
      return this.byte(tags.bytes).number(value.length).raw(value);
    }
    if (value instanceof Date) return this.byte(tags.date).#float(value.getTime());
    if (value instanceof Map) {
      this.byte(tags.map).number(value.size);
      for (const [key, item] of value) this.value(key, depth + 1).value(item, depth + 1);
      return this;
    }
    if (value instanceof Set) {
      this.byte(tags.set).number(value.size);
      for (const item of value) this.value(item, depth + 1);
      return this;
    }
    const name = (value as { constructor?: { name?: unknown } }).constructor?.name;
    throw unsupported(`an instance of ${String(name)} is more than its data`);
  }

  #properties(value: Record<string, unknown>, depth: number): this {
    const names = Object.keys(value);
    this.byte(tags.object).number(names.length);
    for (const name of names) {
      const from = this.#at;
      this.text(name);
      if (!this.#isAscii(from - 1, name.length) && loneSurrogate.test(name)) {
        throw unsupported('a property is named by no proper text');
      }
      this.value(value[name], depth);
    }
    return this;
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#bytes.length) return;
    if (needed > this.#limit) {
      throw new QuorateError('value-too-large', `a value takes more than ${this.#limit} bytes`, {
        details: { bytesMax: this.#limit },
      });
    }
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

function unsupported(why: string): QuorateError {
  return new QuorateError('unsupported-value', why);
}

const shared = new ValueWriter(4096);

/**
 * The wire form of a value, in memory of its own.
 * @throws QuorateError `unsupported-value`, `value-too-large`
 */
export function encodeValue(value: unknown): Uint8Array {
  return shared.clear().value(value).take();
}
