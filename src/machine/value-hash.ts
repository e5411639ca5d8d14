/**
 * Hashes of what a state holds. A collection's hash is the sum of its entries' hashes: it does not
 * depend on the order in which they came, a change costs one subtraction and one addition, and two
 * replicas are compared by one number. It finds accidents, not forgeries.
 *
 * Mixing is that of MurmurHash3 (Austin Appleby, public domain), in two lanes.
 */
import { ValueWriter } from './value-writer.ts';

/** Hashes are below this, so that the sum of two is still exact. */
export const HASH_LIMIT = 2 ** 52;

const scratch = new Float64Array(1);
const lanes = new Uint32Array(scratch.buffer);
const writer = new ValueWriter(1024);
let a = 0;
let b = 0;

/** The hash of an entry in 0 … 2^52 − 1; `seed` tells collections apart. */
export function entryHash(seed: number, key: unknown, value: unknown): number {
  a = seed | 0;
  b = Math.imul(seed, 0x9e3779b1);
  absorb(key);
  absorb(value);
  a ^= a >>> 16;
  a = Math.imul(a, 0x85ebca6b);
  a ^= a >>> 13;
  b ^= b >>> 15;
  b = Math.imul(b, 0xc2b2ae35) ^ a;
  b ^= b >>> 16;
  return (b & 0xfffff) * 2 ** 32 + (a >>> 0);
}

/** The hash of bytes, or of a text's bytes. */
export function textHash(text: string): number {
  return entryHash(0, text, undefined);
}

export function addHash(sum: number, hash: number): number {
  const next = sum + hash;
  return next >= HASH_LIMIT ? next - HASH_LIMIT : next;
}

export function subtractHash(sum: number, hash: number): number {
  const next = sum - hash;
  return next < 0 ? next + HASH_LIMIT : next;
}

function absorb(value: unknown): void {
  switch (typeof value) {
    case 'number':
      return number(value, 1);
    case 'bigint': {
      const near = Number(value);
      if (Number.isSafeInteger(near)) return number(near, 2);
      return bytesOf(value);
    }
    case 'string':
      mix(value.length, 3);
      for (let i = 0; i < value.length; i++) mix(value.charCodeAt(i), i);
      return;
    case 'boolean':
      return mix(value ? 1 : 0, 4);
    case 'undefined':
      return mix(0, 5);
    default:
      return bytesOf(value);
  }
}

function number(value: number, kind: number): void {
  scratch[0] = Number.isNaN(value) ? Number.NaN : value;
  mix(lanes[0]!, kind);
  mix(lanes[1]!, kind);
}

function bytesOf(value: unknown): void {
  const bytes = writer.clear().value(value).written();
  mix(bytes.length, 6);
  for (let i = 0; i < bytes.length; i++) mix(bytes[i]!, i);
}

function mix(word: number, salt: number): void {
  let k = Math.imul(word ^ Math.imul(salt, 0x27d4eb2f), 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  k = Math.imul(k, 0x1b873593);
  a ^= k;
  a = Math.imul((a << 13) | (a >>> 19), 5) + 0xe6546b64;
  b = Math.imul(b ^ (k >>> 7) ^ a, 0x01000193);
}
