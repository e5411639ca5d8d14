/**
 * Where things lie in the store. The first byte of a key says what it holds:
 *
 * | first byte | then | holds |
 * |---|---|---|
 * | 0x01 | – | facts of the whole model |
 * | 0x10 | a user's key | what the key is now: see `index-entry.ts` |
 * | 0x11 | layer, rest of a long key | the same, see `key-index.ts` |
 * | 0x20 | lease | a lease |
 * | 0x21 | lease, place of a key in the index | a key that is attached to it |
 * | 0x30 | a user's key | how many keys there are from it on: see `key-counts.ts` |
 * | 0xe0 | | the rules of access |
 * | 0xf0 | revision | what a key became at that revision: see `record.ts` |
 *
 * Revisions come last, so that the many bytes of new ones append at the end of a B+tree.
 */

export const factsPrefix = 0x01;
export const indexPrefix = 0x10;
export const longIndexPrefix = 0x11;
export const leasePrefix = 0x20;
export const attachmentPrefix = 0x21;
export const countPrefix = 0x30;
export const revisionPrefix = 0xf0;

/** A change within a transaction: `main` counts transactions, `sub` the changes in each from 0. */
export interface Revision {
  readonly main: number;
  readonly sub: number;
}

const revisionKeyBytes = 12;

/** The key of a revision; main 0 … 2^53 − 1, sub 0 … 2^32 − 1. */
export function revisionKey(main: number, sub: number): Uint8Array {
  const key = new Uint8Array(revisionKeyBytes);
  key[0] = revisionPrefix;
  const high = Math.floor(main / 2 ** 32);
  key[1] = high >>> 16;
  key[2] = high >>> 8;
  key[3] = high;
  key[4] = main >>> 24;
  key[5] = main >>> 16;
  key[6] = main >>> 8;
  key[7] = main;
  key[8] = sub >>> 24;
  key[9] = sub >>> 16;
  key[10] = sub >>> 8;
  key[11] = sub;
  return key;
}

/** The revision that a key of the store stands for. */
export function revisionOf(key: Uint8Array): Revision {
  const high = (key[1]! << 16) | (key[2]! << 8) | key[3]!;
  const low = ((key[4]! << 24) | (key[5]! << 16) | (key[6]! << 8) | key[7]!) >>> 0;
  const sub = ((key[8]! << 24) | (key[9]! << 16) | (key[10]! << 8) | key[11]!) >>> 0;
  return { main: high * 2 ** 32 + low, sub };
}

/** Where all revisions end. */
export const revisionsEnd = Uint8Array.of(revisionPrefix + 1);

/** A key of the store that begins with `prefix`. */
export function prefixed(prefix: number, rest: Uint8Array): Uint8Array {
  const key = new Uint8Array(1 + rest.length);
  key[0] = prefix;
  key.set(rest, 1);
  return key;
}

/** A lease's id as 8 bytes; ids are signed, and those below 0 come last. */
export function leaseBytes(id: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, id);
  return bytes;
}

/** The id in 8 bytes. */
export function leaseId(bytes: Uint8Array, at = 0): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigInt64(at);
}

/** Where the half-open range of a request ends: see {@link file://./request.ts}. */
export type KeyRangeEnd = Uint8Array | 'one key' | 'no end';

export function rangeEndOf(rangeEnd: Uint8Array): KeyRangeEnd {
  if (rangeEnd.length === 0) return 'one key';
  return rangeEnd.length === 1 && rangeEnd[0] === 0 ? 'no end' : rangeEnd;
}
