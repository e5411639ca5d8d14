/**
 * How the values that applications share are turned into bytes and back.
 *
 * One byte says the kind, then follows the content. Unlike JSON it keeps bigints, bytes, dates,
 * maps, sets, `undefined`, −0 and NaN. A value is encoded once, by its writer, and travels as those
 * bytes, so nothing depends on two members encoding alike.
 *
 * What it refuses, with `malformed-message`: functions, symbols, instances of other classes (they
 * would come back as something else), cycles and anything nested deeper than {@link depthMax}.
 * Lone surrogates in a text become U+FFFD, as everywhere in UTF-8.
 */

import { ByteReader, ByteWriter } from '../../base/binary.ts';
import { QuorateError } from '../../base/errors.ts';

/** How deep values may be nested. */
export const depthMax = 64;

/** What can be shared. */
export type Shareable =
  | undefined
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Date
  | readonly Shareable[]
  | ReadonlyMap<Shareable, Shareable>
  | ReadonlySet<Shareable>
  | { readonly [key: string]: Shareable };

const kinds = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  wholeNumber: 4,
  negativeNumber: 5,
  float: 6,
  bigint: 7,
  negativeBigint: 8,
  text: 9,
  bytes: 10,
  date: 11,
  array: 12,
  map: 13,
  set: 14,
  object: 15,
} as const;

/** Turns `value` into bytes. Throws `malformed-message` for what cannot be shared. */
export function encodeValue(value: unknown): Uint8Array {
  const writer = new ByteWriter();
  write(writer, value, 0);
  return writer.finish();
}

/** The value that `bytes` stand for. Throws `malformed-message` for any other bytes. */
export function decodeValue(bytes: Uint8Array): unknown {
  const reader = new ByteReader(bytes);
  const value = read(reader, 0);
  reader.end();
  return value;
}

function write(writer: ByteWriter, value: unknown, depth: number): void {
  if (depth > depthMax) {
    throw new QuorateError('malformed-message', `a value is nested deeper than ${depthMax}`);
  }
  switch (typeof value) {
    case 'undefined':
      writer.byte(kinds.undefined);
      return;
    case 'boolean':
      writer.byte(value ? kinds.true : kinds.false);
      return;
    case 'number':
      writeNumber(writer, value);
      return;
    case 'bigint':
      writer.byte(value < 0n ? kinds.negativeBigint : kinds.bigint).bytes(bigintBytes(value));
      return;
    case 'string':
      writer.byte(kinds.text).text(value);
      return;
    case 'object':
      writeObject(writer, value, depth);
      return;
    default:
      throw new QuorateError('malformed-message', `a ${typeof value} cannot be shared`);
  }
}

function writeNumber(writer: ByteWriter, value: number): void {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
    writer.byte(value < 0 ? kinds.negativeNumber : kinds.wholeNumber).number(Math.abs(value));
  } else {
    writer.byte(kinds.float).float(value);
  }
}

function writeObject(writer: ByteWriter, value: object | null, depth: number): void {
  if (value === null) {
    writer.byte(kinds.null);
  } else if (value instanceof Uint8Array) {
    writer.byte(kinds.bytes).bytes(value);
  } else if (value instanceof Date) {
    writer.byte(kinds.date).float(value.getTime());
  } else if (Array.isArray(value)) {
    writer.byte(kinds.array).number(value.length);
    for (const item of value) write(writer, item, depth + 1);
  } else if (value instanceof Map) {
    writer.byte(kinds.map).number(value.size);
    for (const [key, item] of value) {
      write(writer, key, depth + 1);
      write(writer, item, depth + 1);
    }
  } else if (value instanceof Set) {
    writer.byte(kinds.set).number(value.size);
    for (const item of value) write(writer, item, depth + 1);
  } else {
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) {
      const name = value.constructor?.name ?? 'object';
      throw new QuorateError('malformed-message', `an instance of ${name} cannot be shared`);
    }
    const pairs = Object.entries(value);
    writer.byte(kinds.object).number(pairs.length);
    for (const [key, item] of pairs) {
      writer.text(key);
      write(writer, item, depth + 1);
    }
  }
}

function read(reader: ByteReader, depth: number): unknown {
  if (depth > depthMax) {
    throw new QuorateError('malformed-message', `a value is nested deeper than ${depthMax}`);
  }
  const kind = reader.byte();
  switch (kind) {
    case kinds.undefined:
      return undefined;
    case kinds.null:
      return null;
    case kinds.false:
      return false;
    case kinds.true:
      return true;
    case kinds.wholeNumber:
      return reader.number();
    case kinds.negativeNumber:
      return -reader.number();
    case kinds.float:
      return reader.float();
    case kinds.bigint:
      return bigintOf(reader.bytes());
    case kinds.negativeBigint:
      return -bigintOf(reader.bytes());
    case kinds.text:
      return reader.text();
    case kinds.bytes:
      // A copy: the view would keep the whole packet alive.
      return reader.bytes().slice();
    case kinds.date:
      return new Date(reader.float());
    case kinds.array:
      return readItems(reader, depth, 1);
    case kinds.map:
      return readMap(reader, depth);
    case kinds.set:
      return new Set(readItems(reader, depth, 1));
    case kinds.object:
      return readObject(reader, depth);
    default:
      throw new QuorateError('malformed-message', `unknown kind of value ${kind}`);
  }
}

/** How many items follow; each takes at least `itemBytesMin`, so a larger count is a forgery. */
function readCount(reader: ByteReader, itemBytesMin: number): number {
  const count = reader.number();
  if (count * itemBytesMin > reader.remaining) {
    throw new QuorateError('malformed-message', 'more items are announced than can follow');
  }
  return count;
}

function readItems(reader: ByteReader, depth: number, itemBytesMin: number): unknown[] {
  const items: unknown[] = [];
  for (let left = readCount(reader, itemBytesMin); left > 0; left--) {
    items.push(read(reader, depth + 1));
  }
  return items;
}

function readMap(reader: ByteReader, depth: number): Map<unknown, unknown> {
  const map = new Map<unknown, unknown>();
  for (let left = readCount(reader, 2); left > 0; left--) {
    const key = read(reader, depth + 1);
    map.set(key, read(reader, depth + 1));
  }
  return map;
}

function readObject(reader: ByteReader, depth: number): object {
  const object = {};
  for (let left = readCount(reader, 2); left > 0; left--) {
    const key = reader.text();
    // Defined rather than assigned, so that a key named __proto__ stays a key.
    Object.defineProperty(object, key, {
      value: read(reader, depth + 1),
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }
  return object;
}

/** The magnitude of `value`, big-endian; nothing for 0. */
function bigintBytes(value: bigint): Uint8Array {
  const magnitude = value < 0n ? -value : value;
  if (magnitude === 0n) return new Uint8Array(0);
  const digits = magnitude.toString(16);
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  const bytes = new Uint8Array(even.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = Number.parseInt(even.slice(index * 2, index * 2 + 2), 16);
  }
  return bytes;
}

function bigintOf(bytes: Uint8Array): bigint {
  let digits = '';
  for (const byte of bytes) digits += byte.toString(16).padStart(2, '0');
  return digits === '' ? 0n : BigInt(`0x${digits}`);
}
