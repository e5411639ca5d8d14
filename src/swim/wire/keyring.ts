/**
 * The keys of an encrypted cluster: what is sent is sealed with the primary one, what comes may be
 * sealed with any of them, so that keys can be rotated (install everywhere, use everywhere, remove
 * everywhere) without a moment in which members do not understand each other.
 *
 * Invariant: if there is any key, exactly one, the first, is primary.
 */
import { QuorateError } from '../../base/errors.ts';
import type { GossipCipher } from '../api.ts';

/** Keys installed at once: rotation needs two; more would let a peer grow the ring for ever. */
export const keysMax = 64;

export const nonceBytes = 12;
export const tagBytes = 16;

export class Keyring {
  readonly #cipher: GossipCipher | undefined;
  #keys: readonly Uint8Array[] = [];

  /** @throws QuorateError `invalid-config` for keys of a wrong length, or keys without a cipher. */
  constructor(keys: readonly Uint8Array[], cipher: GossipCipher | undefined) {
    this.#cipher = cipher;
    if (keys.length > 0 && cipher === undefined) {
      throw new QuorateError('invalid-config', 'encryption keys were given without a cipher');
    }
    for (const key of keys) {
      const fault = this.install(key);
      if (fault !== undefined) throw new QuorateError('invalid-config', fault);
    }
  }

  get encrypts(): boolean {
    return this.#keys.length > 0;
  }

  /** The primary key first. */
  get keys(): readonly Uint8Array[] {
    return this.#keys;
  }

  /** Adds a key; one that is there already is left where it is. Returns why not, if not. */
  install(key: Uint8Array): string | undefined {
    if (![16, 24, 32].includes(key.length)) return 'key size must be 16, 24 or 32 bytes';
    if (this.#indexOf(key) >= 0) return undefined;
    if (this.#keys.length >= keysMax) return `no more than ${keysMax} keys can be installed`;
    this.#keys = [...this.#keys, key.slice()];
    return undefined;
  }

  /** Makes an installed key the primary one. Returns why not, if not. */
  use(key: Uint8Array): string | undefined {
    const index = this.#indexOf(key);
    if (index < 0) return 'requested key is not in the keyring';
    const primary = this.#keys[index]!;
    this.#keys = [primary, ...this.#keys.filter((other) => other !== primary)];
    return undefined;
  }

  /** Removes a key that is not the primary one. Returns why not, if not. */
  remove(key: Uint8Array): string | undefined {
    const index = this.#indexOf(key);
    if (index === 0) return 'removing the primary key is not allowed';
    if (index > 0) this.#keys = this.#keys.filter((_, other) => other !== index);
    return undefined;
  }

  /** `nonce ciphertext tag`, with the primary key. Only if it {@link encrypts}. */
  seal(plaintext: Uint8Array, aad: Uint8Array): { nonce: Uint8Array; sealed: Uint8Array } {
    const cipher = this.#cipher!;
    const nonce = cipher.nonce();
    return { nonce, sealed: cipher.seal(this.#keys[0]!, nonce, plaintext, aad) };
  }

  /** Tries every key; `undefined` if none fits. */
  open(nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Uint8Array | undefined {
    for (const key of this.#keys) {
      const plaintext = this.#cipher!.open(key, nonce, sealed, aad);
      if (plaintext !== undefined) return plaintext;
    }
    return undefined;
  }

  #indexOf(key: Uint8Array): number {
    // Lengths are public; the rest is compared in constant time, as all comparisons of keys are.
    return this.#keys.findIndex((other) => {
      if (other.length !== key.length) return false;
      let difference = 0;
      for (let at = 0; at < key.length; at++) difference |= key[at]! ^ other[at]!;
      return difference === 0;
    });
  }
}
