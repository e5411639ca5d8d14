/**
 * Entries: one shared value, or the tombstone of one, with the stamp of its last write.
 *
 * Of two entries under one key the greater wins, by {@link compareEntries}: a total order on what
 * an entry says, so that merging is commutative, associative and idempotent, and every member ends
 * with the same winner whatever the order, number and loss of messages. Stamps decide; only two
 * writers of one name (or one that lost its clock) can produce equal stamps, and then the content
 * decides.
 */

import { type ByteReader, ByteWriter } from '../../base/binary.ts';
import { compareBytes } from '../../base/compare-bytes.ts';
import { QuorateError } from '../../base/errors.ts';
import { compareStamps, counterMax, type Stamp, wallMsMax } from './stamp.ts';

/** The longest key, in bytes of UTF-8. */
export const keyBytesMax = 256;

/** The longest name of a collection or of a writer, in bytes of UTF-8. */
export const nameBytesMax = 128;

/** Names one value: a collection, and a key within it. */
export interface EntryKey {
  /** `v:NAME` for a single value, `m:NAME` for a map. */
  readonly collection: string;
  readonly key: string;
}

/** One shared value. */
export interface Entry extends EntryKey {
  readonly stamp: Stamp;
  /** The value as the writer encoded it, or undefined for a tombstone: it was deleted. */
  readonly value: Uint8Array | undefined;
}

/** Negative if `b` wins over `a`, positive if `a` wins, 0 only if they say the same. */
export function compareEntries(a: Entry, b: Entry): number {
  const byStamp = compareStamps(a.stamp, b.stamp);
  if (byStamp !== 0) return byStamp;
  if (a.value === undefined || b.value === undefined) {
    return Number(a.value !== undefined) - Number(b.value !== undefined);
  }
  return compareBytes(a.value, b.value);
}

/** The entry's form on the wire; also what is hashed and counted against the size limit. */
export function encodeEntry(entry: Entry): Uint8Array {
  const writer = new ByteWriter();
  writeKey(writer, entry);
  writeStamp(writer, entry.stamp);
  if (entry.value === undefined) return writer.byte(0).finish();
  return writer.byte(1).bytes(entry.value).finish();
}

/** Reads what {@link encodeEntry} wrote. Throws `malformed-message`. */
export function readEntry(reader: ByteReader): Entry {
  const { collection, key } = readKey(reader);
  const stamp = readStamp(reader);
  const flag = reader.byte();
  if (flag > 1) throw new QuorateError('malformed-message', `unknown flag ${flag} of an entry`);
  // A copy: a view would keep the whole packet alive for as long as the value lives.
  return { collection, key, stamp, value: flag === 0 ? undefined : reader.bytes().slice() };
}

export function writeKey(writer: ByteWriter, key: EntryKey): void {
  writer.text(key.collection).text(key.key);
}

export function readKey(reader: ByteReader): EntryKey {
  const collection = readText(reader, nameBytesMax, 'collection');
  return { collection, key: readText(reader, keyBytesMax, 'key') };
}

export function writeStamp(writer: ByteWriter, stamp: Stamp): void {
  writer.number(stamp.wallMs).number(stamp.counter).text(stamp.writer);
}

export function readStamp(reader: ByteReader): Stamp {
  const wallMs = reader.number();
  const counter = reader.number();
  if (wallMs > wallMsMax || counter > counterMax) {
    throw new QuorateError('malformed-message', 'a stamp is out of range');
  }
  return { wallMs, counter, writer: readText(reader, nameBytesMax, 'writer') };
}

function readText(reader: ByteReader, bytesMax: number, what: string): string {
  const before = reader.remaining;
  const text = reader.text();
  // The length itself takes at most two bytes below these limits.
  if (before - reader.remaining > bytesMax + 2) {
    throw new QuorateError('malformed-message', `a ${what} is longer than ${bytesMax} bytes`);
  }
  return text;
}

/** A hash of 64 bits in two halves; mixes well, and is no defence against a forger. */
export interface Hash {
  readonly high: number;
  readonly low: number;
}

/** FNV-1a with two different bases, each finished as MurmurHash3 does. */
export function hashBytes(bytes: Uint8Array): Hash {
  let high = 0x811c9dc5;
  let low = 0x9747b28c;
  for (const byte of bytes) {
    high = Math.imul(high ^ byte, 0x01000193);
    low = Math.imul(low ^ byte, 0x01000193) ^ (low >>> 15);
  }
  return { high: finish(high), low: finish(low) };
}

function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
