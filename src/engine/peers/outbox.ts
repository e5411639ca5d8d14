/**
 * What waits to leave on one link, as few buffers: small frames lie side by side in a slab, for a
 * system call costs by the buffer; large parts are passed on as they are, for copying costs by the
 * byte. What has been given out is never written to again, so the slab goes on behind it.
 */
import { assert } from '../../base/assert.ts';
import { viewOf, xxhash32, xxhash32Of } from '../../base/xxhash32.ts';
import { type FrameType, HEAD_BYTES, META_BYTES_LIMIT, writeHead } from './frame.ts';

/** Parts below this are copied, and may be changed once they have been given to the outbox. */
export const COPIED_BYTES_MAX = 4096;

/** Slabs begin small, for links that only meet and part, and double up to the maximum. */
const SLAB_BYTES_MIN = 1024;
const SLAB_BYTES_MAX = 32 * 1024;

export class Outbox {
  /** Bytes that wait. */
  bytes = 0;
  #buffers: Uint8Array[] = [];
  #slab = new Uint8Array(0);
  #view = viewOf(this.#slab);
  /** The slab's bytes from `#from` to `#to` wait and are not among the buffers yet. */
  #from = 0;
  #to = 0;

  /** Adds a frame. Its bulk parts carry no checksum of their own: see frame.ts. */
  frame(type: FrameType, meta: Uint8Array, bulk: readonly Uint8Array[] = []): void {
    assert(meta.length <= META_BYTES_LIMIT, 'the meta part of a frame is too long');
    let bulkBytes = 0;
    for (const part of bulk) bulkBytes += part.length;
    const copied = meta.length < COPIED_BYTES_MAX;
    this.#reserve(HEAD_BYTES + (copied ? meta.length : 0));
    const at = this.#to;
    this.#to += HEAD_BYTES;
    this.bytes += HEAD_BYTES;
    let metaHash: number;
    if (copied) {
      this.#copy(meta);
      metaHash = xxhash32(this.#view, at + HEAD_BYTES, this.#to);
    } else {
      metaHash = xxhash32Of(meta);
    }
    writeHead(this.#view, at, { type, metaBytes: meta.length, bulkBytes, metaHash });
    if (!copied) this.#pass(meta);
    for (const part of bulk) this.raw(part);
  }

  /** Adds bytes as they are. */
  raw(bytes: Uint8Array): void {
    if (bytes.length >= COPIED_BYTES_MAX) {
      this.#pass(bytes);
      return;
    }
    this.#reserve(bytes.length);
    this.#copy(bytes);
  }

  /** All that waits. */
  take(): readonly Uint8Array[] {
    this.#cut();
    const buffers = this.#buffers;
    this.#buffers = [];
    this.bytes = 0;
    return buffers;
  }

  #copy(bytes: Uint8Array): void {
    this.#slab.set(bytes, this.#to);
    this.#to += bytes.length;
    this.bytes += bytes.length;
  }

  #pass(bytes: Uint8Array): void {
    this.#cut();
    this.#buffers.push(bytes);
    this.bytes += bytes.length;
  }

  #reserve(bytes: number): void {
    if (this.#to + bytes <= this.#slab.length) return;
    this.#cut();
    const doubled = Math.min(2 * this.#slab.length, SLAB_BYTES_MAX);
    this.#slab = new Uint8Array(Math.max(SLAB_BYTES_MIN, doubled, bytes));
    this.#view = viewOf(this.#slab);
    this.#from = 0;
    this.#to = 0;
  }

  #cut(): void {
    if (this.#to > this.#from) this.#buffers.push(this.#slab.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }
}
