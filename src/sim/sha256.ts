/**
 * SHA-256 (FIPS 180-4) in plain JavaScript, for worlds that have no other: the simulator runs in a
 * browser too, and takes nothing from the platform. Real members use the platform's.
 */
import type { Sha256 } from '../ports/crypto.ts';

const blockBytes = 64;

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const roundConstants = fractions((prime) => Math.cbrt(prime), 64);
/** Likewise of the square roots of the first 8. */
const initialState = fractions((prime) => Math.sqrt(prime), 8);

/** Hashes pieces. */
export function createSha256(): Sha256 {
  const state = initialState.slice();
  const block = new Uint8Array(blockBytes);
  let filled = 0;
  let total = 0;
  const update = (bytes: Uint8Array): void => {
    total += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      const count = Math.min(blockBytes - filled, bytes.length - at);
      block.set(bytes.subarray(at, at + count), filled);
      filled += count;
      at += count;
      if (filled < blockBytes) continue;
      compress(state, block);
      filled = 0;
    }
  };
  const finish = (): Uint8Array => {
    const bits = total * 8;
    const padding = new Uint8Array(((filled < 56 ? 56 : 120) - filled) % 128);
    padding[0] = 0x80;
    const length = new Uint8Array(8);
    const view = new DataView(length.buffer);
    view.setUint32(0, Math.floor(bits / 2 ** 32));
    view.setUint32(4, bits >>> 0);
    update(padding);
    update(length);
    const digest = new DataView(new ArrayBuffer(32));
    for (const [at, word] of state.entries()) digest.setInt32(4 * at, word);
    return new Uint8Array(digest.buffer);
  };
  return { update, finish };
}

/** Hashes the pieces one after the other. */
export function sha256(...pieces: readonly Uint8Array[]): Uint8Array {
  const hash = createSha256();
  for (const piece of pieces) hash.update(piece);
  return hash.finish();
}

/** HMAC (RFC 2104) with SHA-256. */
export function hmacSha256(key: Uint8Array, ...pieces: readonly Uint8Array[]): Uint8Array {
  const padded = new Uint8Array(blockBytes);
  padded.set(key.length > blockBytes ? sha256(key) : key);
  const inner = padded.map((byte) => byte ^ 0x36);
  const outer = padded.map((byte) => byte ^ 0x5c);
  return sha256(outer, sha256(inner, ...pieces));
}

const schedule = new Int32Array(64);

function compress(state: Int32Array, block: Uint8Array): void {
  const w = schedule;
  const view = new DataView(block.buffer, block.byteOffset);
  for (let t = 0; t < 16; t++) w[t] = view.getInt32(4 * t);
  for (let t = 16; t < 64; t++) {
    const x = w[t - 15]!;
    const y = w[t - 2]!;
    const small0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
    const small1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
    w[t] = (w[t - 16]! + small0 + w[t - 7]! + small1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  for (let t = 0; t < 64; t++) {
    const big1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const choice = (e & f) ^ (~e & g);
    const one = (h + big1 + choice + roundConstants[t]! + w[t]!) | 0;
    const big0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + one) | 0;
    d = c;
    c = b;
    b = a;
    a = (one + big0 + majority) | 0;
  }
  for (const [at, word] of [a, b, c, d, e, f, g, h].entries()) state[at] = (state[at]! + word) | 0;
}

function rotate(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}

function fractions(root: (prime: number) => number, count: number): Int32Array {
  const words = new Int32Array(count);
  let found = 0;
  for (let number = 2; found < count; number++) {
    let prime = true;
    for (let divisor = 2; divisor * divisor <= number; divisor++) {
      if (number % divisor === 0) prime = false;
    }
    if (!prime) continue;
    const value = root(number);
    words[found++] = Math.floor((value - Math.floor(value)) * 2 ** 32) | 0;
  }
  return words;
}
