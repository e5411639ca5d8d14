/**
 * Room for many small byte strings that live about as long as each other: neighbours share one
 * buffer, for a buffer of its own costs the collector more than the bytes in it.
 *
 * A slab lives until its last string is gone, so strings of very different lives do not belong in
 * one.
 */

/** What one slab holds. */
const SLAB_BYTES = 64 * 2 ** 10;

/** Longer strings get a buffer of their own: they would waste what is left of a slab. */
const SHARED_BYTES_MAX = 8 * 2 ** 10;

export class ByteSlab {
  #slab = new Uint8Array(0);
  #at = 0;

  /** Room for `length` bytes, all zero, that nobody else gets. */
  take(length: number): Uint8Array {
    if (length > SHARED_BYTES_MAX) return new Uint8Array(length);
    if (this.#at + length > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB_BYTES);
      this.#at = 0;
    }
    const from = this.#at;
    this.#at += length;
    return this.#slab.subarray(from, this.#at);
  }
}
