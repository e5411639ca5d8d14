/**
 * Keys as bytes whose own order is the order of the keys (`key.ts`), for a store that compares bytes:
 *
 *     false 10 · true 11 · number 20 and 8 bytes · bigint 30/31, length, magnitude · string 40 …
 *     bytes 50 … · list 60 and its elements
 *
 * Strings, bytes and lists end in 00, which is before anything that may follow in them: a 00 of their
 * own is written as 00 FF. Strings are written by code units, each in one to three bytes as UTF-8
 * would, so that lone surrogates keep their place too.
 */
import { QuorateError } from '../base/errors.ts';
import { type Key, keyDepthMax } from './key.ts';

const END = 0;
const ESCAPE = 0xff;
const scratch = new DataView(new ArrayBuffer(8));

/** @throws QuorateError `unsupported-value`, `value-too-large` */
export function keyBytes(prefix: Uint8Array, key: Key, bytesMax: number): Uint8Array {
  const bytes: number[] = [];
  write(bytes, key, 0);
  if (prefix.length + bytes.length > bytesMax) {
    const text = `a key takes ${bytes.length} bytes, of ${bytesMax - prefix.length} at most`;
    throw new QuorateError('value-too-large', text);
  }
  const whole = new Uint8Array(prefix.length + bytes.length);
  whole.set(prefix);
  whole.set(bytes, prefix.length);
  return whole;
}

function write(to: number[], key: Key, depth: number): void {
  switch (typeof key) {
    case 'boolean':
      to.push(key ? 0x11 : 0x10);
      return;
    case 'number':
      return writeNumber(to, key);
    case 'bigint':
      return writeBigint(to, key);
    case 'string':
      to.push(0x40);
      for (let i = 0; i < key.length; i++) writeUnit(to, key.charCodeAt(i));
      to.push(END);
      return;
  }
  if (key instanceof Uint8Array) {
    to.push(0x50);
    for (const byte of key) byte === 0 ? to.push(0, ESCAPE) : to.push(byte);
    to.push(END);
  } else if (Array.isArray(key) && depth < keyDepthMax) {
    to.push(0x60);
    for (const part of key as readonly Key[]) write(to, part, depth + 1);
    to.push(END);
  } else throw new QuorateError('unsupported-value', 'this is no key');
}

function writeUnit(to: number[], unit: number): void {
  if (unit === 0) to.push(0, ESCAPE);
  else if (unit < 0x80) to.push(unit);
  else if (unit < 0x800) to.push(0xc0 | (unit >> 6), 0x80 | (unit & 63));
  else to.push(0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 63), 0x80 | (unit & 63));
}

/** Negative numbers with all bits turned, others with the sign's: then they sort as bytes. */
function writeNumber(to: number[], value: number): void {
  if (Number.isNaN(value)) throw new QuorateError('unsupported-value', 'NaN is no key');
  scratch.setFloat64(0, value === 0 ? 0 : value);
  const negative = scratch.getUint8(0) >= 0x80;
  to.push(0x20);
  for (let i = 0; i < 8; i++) {
    const byte = scratch.getUint8(i);
    to.push(negative ? byte ^ 0xff : i === 0 ? byte ^ 0x80 : byte);
  }
}

function writeBigint(to: number[], value: bigint): void {
  const negative = value < 0n;
  const digits = (negative ? -value : value).toString(16);
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  const length = even.length / 2;
  if (length > 0xffff) throw new QuorateError('value-too-large', 'a bigint is too large for a key');
  const turn = negative ? 0xff : 0;
  to.push(negative ? 0x30 : 0x31, (length >> 8) ^ turn, (length & 0xff) ^ turn);
  for (let i = 0; i < even.length; i += 2) {
    to.push(Number.parseInt(even.slice(i, i + 2), 16) ^ turn);
  }
}

/** The key behind a prefix. @throws QuorateError `store-damaged` */
export function keyFromBytes(bytes: Uint8Array, from: number): Key {
  const reader = new KeyReader(bytes, from);
  const key = reader.key();
  if (reader.at !== bytes.length) throw damaged();
  return key;
}

class KeyReader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  key(): Key {
    const tag = this.#byte();
    switch (tag) {
      case 0x10:
      case 0x11:
        return tag === 0x11;
      case 0x20:
        return this.#number();
      case 0x30:
      case 0x31:
        return this.#bigint(tag === 0x30);
      case 0x40:
        return this.#text();
      case 0x50:
        return Uint8Array.from(this.#escaped());
      case 0x60: {
        const parts: Key[] = [];
        while (this.#bytes[this.at] !== END) parts.push(this.key());
        this.at++;
        return Object.freeze(parts);
      }
    }
    throw damaged();
  }

  #byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw damaged();
    return byte;
  }

  #number(): number {
    for (let i = 0; i < 8; i++) scratch.setUint8(i, this.#byte());
    const negative = scratch.getUint8(0) < 0x80;
    if (!negative) scratch.setUint8(0, scratch.getUint8(0) ^ 0x80);
    else for (let i = 0; i < 8; i++) scratch.setUint8(i, scratch.getUint8(i) ^ 0xff);
    return scratch.getFloat64(0);
  }

  #bigint(negative: boolean): bigint {
    const turn = negative ? 0xff : 0;
    const length = ((this.#byte() ^ turn) << 8) | (this.#byte() ^ turn);
    let digits = '0x';
    for (let i = 0; i < length; i++) {
      digits += (this.#byte() ^ turn).toString(16).padStart(2, '0');
    }
    return negative ? -BigInt(digits) : BigInt(digits);
  }

  #escaped(): number[] {
    const bytes: number[] = [];
    for (;;) {
      const byte = this.#byte();
      if (byte === 0) {
        if (this.#bytes[this.at] !== ESCAPE) return bytes;
        this.at++;
      }
      bytes.push(byte);
    }
  }

  #text(): string {
    const bytes = this.#escaped();
    let text = '';
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (byte < 0x80) text += String.fromCharCode(byte);
      else if (byte < 0xe0) {
        text += String.fromCharCode(((byte & 31) << 6) | (bytes[++i]! & 63));
      } else {
        const [second, third] = [bytes[++i]!, bytes[++i]!];
        text += String.fromCharCode(((byte & 15) << 12) | ((second & 63) << 6) | (third & 63));
      }
    }
    return text;
  }
}

function damaged(): QuorateError {
  return new QuorateError('store-damaged', 'a key in the store is none of a collection');
}
