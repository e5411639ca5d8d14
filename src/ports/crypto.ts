/**
 * Crypto: the primitives that must come from a reviewed library, and secrets. Carries lines 7 and 9
 * of the security list in reliability.md: passwords hashed off the event loop, comparison in
 * constant time, AES-GCM for gossip. A simulation's secrets come from its seed, so that a run can
 * be repeated; its ciphers only need to behave like the real ones.
 *
 * Checksums against accidents (CRC32C) are a pure function, in base/crc32c.ts.
 */
import { assert } from '../base/assert.ts';
import type { Answer } from './callbacks.ts';

export const aesGcmNonceBytes = 12;
export const aesGcmTagBytes = 16;
export const sha256Bytes = 32;
/** The most that {@link Crypto.randomBytes} gives at once. */
export const randomBytesMax = 65_536;
/** The most memory that one scrypt may take. */
export const scryptMemoryBytesMax = 2 ** 30;

/** A hash in the making, for what is too large to hold at once. */
export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** The 32 bytes; nothing may follow. */
  finish(): Uint8Array;
}

/** What sealing and opening share. */
export interface AesGcmInput {
  /** 16, 24 or 32 bytes. */
  readonly key: Uint8Array;
  /** {@link aesGcmNonceBytes}, never used twice with one key. */
  readonly nonce: Uint8Array;
  /** Protected against change, not hidden; empty by default. */
  readonly associatedData?: Uint8Array;
}

/** The cost of hashing a password (RFC 7914). */
export interface ScryptInput {
  readonly password: Uint8Array;
  readonly salt: Uint8Array;
  /** N: a power of two, 2 … 2^20. It takes 128 · N · r bytes of memory. */
  readonly cost: number;
  /** r: 1 … 32. */
  readonly blockSize: number;
  /** p: 1 … 16. */
  readonly parallelization: number;
  /** 16 … 64. */
  readonly hashBytes: number;
}

/** Cryptographic primitives. */
export interface Crypto {
  /** Unpredictable bytes: 0 … {@link randomBytesMax} of them. */
  randomBytes(size: number): Uint8Array;
  sha256(bytes: Uint8Array): Uint8Array;
  createSha256(): Sha256;
  /** HMAC (RFC 2104) with SHA-256: 32 bytes. */
  hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array;
  /** AES-GCM (NIST SP 800-38D): the ciphertext, as long as `plaintext`, with the tag after it. */
  seal(input: AesGcmInput, plaintext: Uint8Array): Uint8Array;
  /** The plaintext; `null` if key, nonce, data or tag do not belong together, or it is too short. */
  open(input: AesGcmInput, sealed: Uint8Array): Uint8Array | null;
  /** Whether both are the same bytes, in a time that depends on their lengths only. */
  equal(a: Uint8Array, b: Uint8Array): boolean;
  /** scrypt, off the event loop. The caller bounds how many run at once. */
  scrypt(input: ScryptInput, answer: Answer<Uint8Array>): void;
}

/** The ranges that {@link ScryptInput} states, for all implementations. */
export function checkScrypt(input: ScryptInput): void {
  const { cost, blockSize, parallelization, hashBytes } = input;
  const power = Math.log2(cost);
  assert(Number.isInteger(power) && power >= 1 && power <= 20, () => `scrypt's cost is ${cost}`);
  const within = (value: number, min: number, max: number): boolean =>
    Number.isInteger(value) && value >= min && value <= max;
  assert(within(blockSize, 1, 32), () => `scrypt's block size is ${blockSize}`);
  assert(within(parallelization, 1, 16), () => `scrypt's parallelization is ${parallelization}`);
  assert(within(hashBytes, 16, 64), () => `scrypt's hash has ${hashBytes} bytes`);
  assert(128 * cost * blockSize <= scryptMemoryBytesMax, 'scrypt would take too much memory');
}
