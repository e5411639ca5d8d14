/**
 * Copies of bytes that a native library lends for a moment, side by side in larger buffers: a buffer
 * for each small copy costs several times what the copying does. A large buffer lives until the last
 * copy in it is gone.
 */

/** What one large buffer holds. */
const shelfBytes = 64 * 2 ** 10;

/** Longer copies have a buffer of their own: they would waste what is left of a large one. */
const sharedBytesMax = 8 * 2 ** 10;

export class ByteShelf {
  #shelf = Buffer.allocUnsafeSlow(shelfBytes);
  #at = 0;

  /** A copy of `source[from … end − 1]`: a plain Uint8Array that belongs to the caller. */
  copy(source: Uint8Array, from: number, end: number): Uint8Array {
    const length = end - from;
    if (length > sharedBytesMax) {
      const own = Buffer.allocUnsafeSlow(length);
      own.set(new Uint8Array(source.buffer, source.byteOffset + from, length));
      return new Uint8Array(own.buffer, 0, length);
    }
    if (this.#at + length > shelfBytes) {
      this.#shelf = Buffer.allocUnsafeSlow(shelfBytes);
      this.#at = 0;
    }
    const shelf = this.#shelf;
    const at = this.#at;
    this.#at += length;
    if (length < 48) for (let i = 0; i < length; i++) shelf[at + i] = source[from + i]!;
    else shelf.set(new Uint8Array(source.buffer, source.byteOffset + from, length), at);
    return new Uint8Array(shelf.buffer, at, length);
  }
}
