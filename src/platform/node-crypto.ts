/** Cryptographic primitives from Node's OpenSSL. */
import crypto from 'node:crypto';
import { assert } from '../base/assert.ts';
import { QuorateError } from '../base/errors.ts';
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
import { plainBytes } from './plain-bytes.ts';

const ciphers: Readonly<Record<number, crypto.CipherGCMTypes>> = {
  16: 'aes-128-gcm',
  24: 'aes-192-gcm',
  32: 'aes-256-gcm',
};

/** See {@link Crypto}. */
export class NodeCrypto implements Crypto {
  randomBytes(size: number): Uint8Array {
    assert(
      Number.isInteger(size) && size >= 0 && size <= randomBytesMax,
      () => `${size} random bytes`,
    );
    return plainBytes(crypto.randomBytes(size));
  }

  sha256(bytes: Uint8Array): Uint8Array {
    return plainBytes(crypto.createHash('sha256').update(bytes).digest());
  }

  createSha256(): Sha256 {
    const hash = crypto.createHash('sha256');
    return {
      update: (bytes) => void hash.update(bytes),
      finish: () => plainBytes(hash.digest()),
    };
  }

  hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array {
    return plainBytes(crypto.createHmac('sha256', key).update(bytes).digest());
  }

  seal(input: AesGcmInput, plaintext: Uint8Array): Uint8Array {
    const cipher = crypto.createCipheriv(cipherFor(input), input.key, input.nonce);
    if (input.associatedData !== undefined) cipher.setAAD(input.associatedData);
    const sealed = new Uint8Array(plaintext.length + aesGcmTagBytes);
    sealed.set(cipher.update(plaintext));
    cipher.final();
    sealed.set(cipher.getAuthTag(), plaintext.length);
    return sealed;
  }

  open(input: AesGcmInput, sealed: Uint8Array): Uint8Array | null {
    const name = cipherFor(input);
    const length = sealed.length - aesGcmTagBytes;
    if (length < 0) return null;
    const decipher = crypto.createDecipheriv(name, input.key, input.nonce, {
      authTagLength: aesGcmTagBytes,
    });
    if (input.associatedData !== undefined) decipher.setAAD(input.associatedData);
    decipher.setAuthTag(sealed.subarray(length));
    const plaintext = decipher.update(sealed.subarray(0, length));
    try {
      decipher.final();
    } catch {
      return null;
    }
    return plainBytes(plaintext);
  }

  equal(a: Uint8Array, b: Uint8Array): boolean {
    return a.length === b.length && crypto.timingSafeEqual(a, b);
  }

  scrypt(input: ScryptInput, answer: Answer<Uint8Array>): void {
    checkScrypt(input);
    const { cost: N, blockSize: r, parallelization: p } = input;
    const options = { N, r, p, maxmem: 256 * N * r + 1024 * 1024 };
    crypto.scrypt(input.password, input.salt, input.hashBytes, options, (error, hash) => {
      if (error === null) answer(plainBytes(hash));
      else answer(new QuorateError('invalid-config', `scrypt: ${error.message}`, { cause: error }));
    });
  }
}

function cipherFor({ key, nonce }: AesGcmInput): crypto.CipherGCMTypes {
  const name = ciphers[key.length];
  assert(name !== undefined, () => `an AES key has 16, 24 or 32 bytes, not ${key.length}`);
  assert(nonce.length === aesGcmNonceBytes, () => `a nonce has 12 bytes, not ${nonce.length}`);
  return name;
}
