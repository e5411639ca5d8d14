/**
 * The crypto port of a simulated process. Secrets come from the seed. Hashes are the real ones; the
 * cipher is a stand-in that behaves like AES-GCM (lengths, refusals) and protects nothing, and
 * password hashing takes virtual time instead of real work.
 */
import { assert } from '../base/assert.ts';
import type { Answer } from '../ports/callbacks.ts';
import {
  type AesGcmInput,
  aesGcmNonceBytes,
  aesGcmTagBytes,
  type Crypto,
  checkScrypt,
  randomBytesMax,
  type ScryptInput,
  type Sha256,
} from '../ports/crypto.ts';
import type { Random } from '../ports/random.ts';
import { createSha256, hmacSha256, sha256 } from './sha256.ts';
import type { SimProcess } from './sim-process.ts';

/** How long hashing a password takes, whatever its cost. */
const scryptMs = 60;

const nothing = new Uint8Array(0);

/** See {@link Crypto}. */
export class SimCrypto implements Crypto {
  readonly #random: Random;
  readonly #process: SimProcess;

  constructor(random: Random, process: SimProcess) {
    this.#random = random;
    this.#process = process;
  }

  randomBytes(size: number): Uint8Array {
    assert(Number.isInteger(size) && size >= 0 && size <= randomBytesMax, `${size} random bytes`);
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at++) bytes[at] = this.#random.uint32();
    return bytes;
  }

  sha256(bytes: Uint8Array): Uint8Array {
    return sha256(bytes);
  }

  createSha256(): Sha256 {
    return createSha256();
  }

  hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array {
    return hmacSha256(key, bytes);
  }

  seal(input: AesGcmInput, plaintext: Uint8Array): Uint8Array {
    check(input);
    const sealed = new Uint8Array(plaintext.length + aesGcmTagBytes);
    cover(input, plaintext, sealed);
    sealed.set(tagOf(input, sealed.subarray(0, plaintext.length)), plaintext.length);
    return sealed;
  }

  open(input: AesGcmInput, sealed: Uint8Array): Uint8Array | null {
    check(input);
    const length = sealed.length - aesGcmTagBytes;
    if (length < 0) return null;
    const covered = sealed.subarray(0, length);
    if (!this.equal(tagOf(input, covered), sealed.subarray(length))) return null;
    const plaintext = new Uint8Array(length);
    cover(input, covered, plaintext);
    return plaintext;
  }

  equal(a: Uint8Array, b: Uint8Array): boolean {
    return a.length === b.length && a.every((byte, at) => byte === b[at]);
  }

  scrypt(input: ScryptInput, answer: Answer<Uint8Array>): void {
    checkScrypt(input);
    if (!this.#process.calls()) return;
    const { cost, blockSize, parallelization, hashBytes } = input;
    const settings = new TextEncoder().encode(`${cost} ${blockSize} ${parallelization}`);
    const first = hmacSha256(input.salt, settings, input.password);
    const hash = new Uint8Array(64);
    hash.set(first);
    hash.set(sha256(first), 32);
    this.#process.plan(scryptMs, 'crypto: scrypt', () => answer(hash.slice(0, hashBytes)));
  }
}

function check({ key, nonce }: AesGcmInput): void {
  assert([16, 24, 32].includes(key.length), `an AES key has 16, 24 or 32 bytes, not ${key.length}`);
  assert(nonce.length === aesGcmNonceBytes, `a nonce has 12 bytes, not ${nonce.length}`);
}

/** Covers bytes with a stream made of key and nonce; the same again uncovers them. */
function cover(input: AesGcmInput, from: Uint8Array, into: Uint8Array): void {
  let stream = nothing;
  for (let at = 0; at < from.length; at++) {
    if (at % 32 === 0) stream = new Uint8Array(hmacSha256(input.key, input.nonce, stream));
    into[at] = from[at]! ^ stream[at % 32]!;
  }
}

function tagOf(input: AesGcmInput, covered: Uint8Array): Uint8Array {
  const data = input.associatedData ?? nothing;
  const length = Uint8Array.of(data.length, data.length >> 8, data.length >> 16);
  return hmacSha256(input.key, input.nonce, length, data, covered).subarray(0, aesGcmTagBytes);
}
