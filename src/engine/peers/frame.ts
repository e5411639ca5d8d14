/**
 * Frames: what members send each other over a stream.
 *
 *     type (1) · length of the meta part (3) · length of the bulk part (4)
 *     checksum of the meta part (4) · checksum of the 12 bytes before (4) · meta part · bulk part
 *
 * Numbers are little-endian, checksums XXH32. The bulk part is checked by whoever reads it: what
 * lies in it (blocks of entries, chunks) has its checksum in the meta part, so that bytes that go to
 * several members are summed once. The head has a checksum of its own because a damaged length
 * would otherwise have its reader wait for bytes that never come.
 *
 * A frame that is too long, damaged, or of an unknown type is a fault of the link, which is closed
 * by name; nothing behind it is looked at. Types from 128 on are for what a later version may say
 * to one that need not understand it: these are passed over.
 */
import { QuorateError } from '../../base/errors.ts';
import { viewOf, xxhash32 } from '../../base/xxhash32.ts';

// Positions are the wire's numbers: only ever append.
const types = [
  'hello',
  'welcome',
  'proof',
  'refusal',
  'ping',
  'pong',
  'messages',
  'call',
  'answer',
] as const;

export type FrameType = (typeof types)[number];

/** The bytes before a frame's parts. */
export const HEAD_BYTES = 16;

/** The largest meta part that its length can say. */
export const META_BYTES_LIMIT = 2 ** 24 - 1;

const TYPE_OPTIONAL = 128;

export interface Frame {
  readonly type: FrameType;
  /** Checked. Both parts are views on what was received. */
  readonly meta: Uint8Array;
  /** Not checked. */
  readonly bulk: Uint8Array;
}

/** Writes the head of a frame at `at`. */
export function writeHead(
  view: DataView,
  at: number,
  head: {
    readonly type: FrameType;
    readonly metaBytes: number;
    readonly bulkBytes: number;
    readonly metaHash: number;
  },
): void {
  view.setUint32(at, types.indexOf(head.type) + head.metaBytes * 256, true);
  view.setUint32(at + 4, head.bulkBytes, true);
  view.setUint32(at + 8, head.metaHash, true);
  view.setUint32(at + 12, xxhash32(view, at, at + 12), true);
}

/** Cuts what a stream brings into frames. Memory is bounded by the largest frame. */
export class FrameReader {
  /** The most bytes that a frame's parts may have together. Small until the sender is known. */
  bytesMax: number;
  /** What came last, from `#at` on not yet looked at. */
  #chunk: Uint8Array = empty;
  #view = viewOf(empty);
  #at = 0;
  /** A frame that came in pieces is put together here, `#joinedBytes` of it so far. */
  #joined: Uint8Array = empty;
  #joinedBytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** Bytes that are kept until the rest of their frame comes. */
  get pendingBytes(): number {
    return this.#joinedBytes + this.#chunk.length - this.#at;
  }

  /** Takes what came. To be followed by {@link next} until that has nothing more. */
  push(bytes: Uint8Array): void {
    // A plain array: a subclass of the platform would make each of its views slower.
    this.#chunk = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#view = viewOf(bytes);
    this.#at = 0;
  }

  /**
   * The next whole frame, or undefined until more bytes come.
   * @throws QuorateError `malformed-message`
   */
  next(): Frame | undefined {
    for (;;) {
      const frame = this.#joinedBytes > 0 ? this.#nextJoined() : this.#nextInPlace();
      if (frame !== 'passed over') return frame;
    }
  }

  /** The usual case: a frame is cut where it lies. */
  #nextInPlace(): Frame | 'passed over' | undefined {
    const at = this.#at;
    const there = this.#chunk.length - at;
    const frameBytes = there < HEAD_BYTES ? HEAD_BYTES : this.#frameBytes(this.#view, at);
    if (there < frameBytes) {
      this.#begin(frameBytes);
      return undefined;
    }
    this.#at += frameBytes;
    return cut(this.#chunk, this.#view, at, frameBytes);
  }

  /** Keeps the rest of the chunk as the beginning of a frame. */
  #begin(frameBytes: number): void {
    const rest = this.#chunk.length - this.#at;
    if (rest === 0) return;
    // Room grows with what really came: nobody gets memory for naming a length.
    this.#joined = new Uint8Array(Math.min(frameBytes, Math.max(2 * rest, HEAD_BYTES)));
    this.#joined.set(this.#chunk.subarray(this.#at));
    this.#joinedBytes = rest;
    this.#at = this.#chunk.length;
  }

  #nextJoined(): Frame | 'passed over' | undefined {
    if (!this.#fill(HEAD_BYTES)) return undefined;
    const frameBytes = this.#frameBytes(viewOf(this.#joined), 0);
    if (!this.#fill(frameBytes)) return undefined;
    const joined = this.#joined;
    this.#joined = empty;
    this.#joinedBytes = 0;
    return cut(joined, viewOf(joined), 0, frameBytes);
  }

  /** Moves bytes over until `wanted` are together; answers whether they are. */
  #fill(wanted: number): boolean {
    const missing = wanted - this.#joinedBytes;
    if (missing <= 0) return true;
    const moved = Math.min(missing, this.#chunk.length - this.#at);
    const needed = this.#joinedBytes + moved;
    if (needed > this.#joined.length) {
      const larger = new Uint8Array(Math.min(wanted, Math.max(2 * this.#joined.length, needed)));
      larger.set(this.#joined.subarray(0, this.#joinedBytes));
      this.#joined = larger;
    }
    this.#joined.set(this.#chunk.subarray(this.#at, this.#at + moved), this.#joinedBytes);
    this.#joinedBytes = needed;
    this.#at += moved;
    return needed === wanted;
  }

  /** The length of a frame, by its checked head. */
  #frameBytes(view: DataView, at: number): number {
    if (xxhash32(view, at, at + 12) !== view.getUint32(at + 12, true))
      throw fault('a damaged frame');
    const first = view.getUint32(at, true);
    const length = (first >>> 8) + view.getUint32(at + 4, true);
    if (length > this.bytesMax) throw fault(`a frame of ${length} bytes`);
    const type = first & 255;
    if (type < TYPE_OPTIONAL && type >= types.length)
      throw fault(`a frame of unknown type ${type}`);
    return HEAD_BYTES + length;
  }
}

function cut(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  frameBytes: number,
): Frame | 'passed over' {
  const first = view.getUint32(at, true);
  const metaAt = at + HEAD_BYTES;
  const metaEnd = metaAt + (first >>> 8);
  if (xxhash32(view, metaAt, metaEnd) !== view.getUint32(at + 8, true)) {
    throw fault('a damaged frame');
  }
  const type = types[first & 255];
  if (type === undefined) return 'passed over';
  const end = at + frameBytes;
  const bulk = end === metaEnd ? empty : bytes.subarray(metaEnd, end);
  return { type, meta: bytes.subarray(metaAt, metaEnd), bulk };
}

const empty: Uint8Array = new Uint8Array(0);

function fault(what: string): QuorateError {
  return new QuorateError('malformed-message', `${what} on a link between members`);
}
