/**
 * XXH32 (Yann Collet, "xxHash fast digest algorithm", version 0.1.1): a checksum for frames and
 * entries, where the whole of a member's traffic passes through it. It finds any damage within one
 * aligned word, and misses one other damage in 2^32; it costs a quarter of CRC32C in JavaScript,
 * because four lanes are mixed side by side, a word at a time, without tables. It finds accidents,
 * not malice.
 *
 * It reads through a `DataView`, which whoever takes many checksums of one buffer makes once.
 */

const prime1 = 0x9e3779b1 | 0;
const prime2 = 0x85ebca77 | 0;
const prime3 = 0xc2b2ae3d | 0;
const prime4 = 0x27d4eb2f | 0;
const prime5 = 0x165667b1 | 0;

/** The XXH32, with seed 0, of the bytes `start … end − 1` of `view`: 0 … 2^32 − 1. */
export function xxhash32(view: DataView, start: number, end: number): number {
  const length = end - start;
  let at = start;
  let hash = prime5;
  if (length >= 16) {
    let lane1 = (prime1 + prime2) | 0;
    let lane2 = prime2;
    let lane3 = 0;
    let lane4 = -prime1 | 0;
    for (const last = end - 16; at <= last; at += 16) {
      lane1 = (lane1 + Math.imul(view.getInt32(at, true), prime2)) | 0;
      lane1 = Math.imul((lane1 << 13) | (lane1 >>> 19), prime1);
      lane2 = (lane2 + Math.imul(view.getInt32(at + 4, true), prime2)) | 0;
      lane2 = Math.imul((lane2 << 13) | (lane2 >>> 19), prime1);
      lane3 = (lane3 + Math.imul(view.getInt32(at + 8, true), prime2)) | 0;
      lane3 = Math.imul((lane3 << 13) | (lane3 >>> 19), prime1);
      lane4 = (lane4 + Math.imul(view.getInt32(at + 12, true), prime2)) | 0;
      lane4 = Math.imul((lane4 << 13) | (lane4 >>> 19), prime1);
    }
    hash = ((lane1 << 1) | (lane1 >>> 31)) + ((lane2 << 7) | (lane2 >>> 25));
    hash += ((lane3 << 12) | (lane3 >>> 20)) + ((lane4 << 18) | (lane4 >>> 14));
  }
  hash = (hash + length) | 0;
  for (; at + 4 <= end; at += 4) {
    hash = (hash + Math.imul(view.getInt32(at, true), prime3)) | 0;
    hash = Math.imul((hash << 17) | (hash >>> 15), prime4);
  }
  for (; at < end; at++) {
    hash = (hash + Math.imul(view.getUint8(at), prime5)) | 0;
    hash = Math.imul((hash << 11) | (hash >>> 21), prime1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), prime2);
  hash = Math.imul(hash ^ (hash >>> 13), prime3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The XXH32 of all of `bytes`. */
export function xxhash32Of(bytes: Uint8Array): number {
  return xxhash32(viewOf(bytes), 0, bytes.length);
}

/** A view on the same bytes, from which numbers can be read. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * Takes checksums of many byte strings of which neighbours mostly lie in one buffer: a view on that
 * is made once for all of them.
 */
export class NeighbourHasher {
  #view: DataView = new DataView(new ArrayBuffer(0));

  /** The XXH32 of all of `bytes`. */
  hash(bytes: Uint8Array): number {
    if (this.#view.buffer !== bytes.buffer) this.#view = new DataView(bytes.buffer);
    const start = bytes.byteOffset;
    return xxhash32(this.#view, start, start + bytes.length);
  }

  /** Lets the buffer go. */
  forget(): void {
    this.#view = new DataView(new ArrayBuffer(0));
  }
}
