/**
 * What members say to each other about shared values. Each message stands alone: it may be lost,
 * doubled or overtaken without harm.
 *
 * - `delta`: entries, fresh from a writer or asked for.
 * - `summary`: the hash of the whole store; starts a comparison.
 * - `same`: the answer where the hashes agree.
 * - `buckets`: the answer where they differ: the hash of every bucket.
 * - `keys`: all keys of the buckets that differ, with stamps.
 * - `exchange`: the entries in which the answering member is ahead, and the keys in which it is
 *   behind; these are answered with a `delta`.
 *
 * `round` is chosen by the member that started and repeated by the other. Every message says who
 * sent it, because packets of Serf do not; answers go to the address that membership knows for that
 * name and never to where a packet came from, so that a forged source is sent nothing.
 */

import { ByteReader, ByteWriter } from '../../base/binary.ts';
import { QuorateError } from '../../base/errors.ts';
import {
  type Entry,
  type EntryKey,
  encodeEntry,
  readEntry,
  readKey,
  readStamp,
  writeKey,
  writeStamp,
} from './entry.ts';
import type { Stamp } from './stamp.ts';
import { bucketCount } from './store.ts';

/** A key with the version that the sender holds. */
export interface VersionedKey extends EntryKey {
  readonly stamp: Stamp;
  /** Half of the entry's hash: tells apart entries of equal stamps. */
  readonly hash: number;
}

/** A message and who says it. */
export interface Signed {
  readonly from: string;
  readonly message: ValuesMessage;
}

/** The messages, by type. */
export type ValuesMessage =
  | { readonly type: 'delta'; readonly entries: readonly Entry[] }
  | { readonly type: 'summary'; readonly round: number; readonly hash: number }
  | { readonly type: 'same'; readonly round: number }
  | { readonly type: 'buckets'; readonly round: number; readonly hashes: Uint32Array }
  | {
      readonly type: 'keys';
      readonly round: number;
      readonly buckets: readonly number[];
      readonly keys: readonly VersionedKey[];
    }
  | {
      readonly type: 'exchange';
      readonly round: number;
      readonly entries: readonly Entry[];
      readonly wanted: readonly EntryKey[];
    };

/** The form spoken; a member drops other forms unread. */
const formVersion = 1;

const typeCodes = { delta: 0, summary: 1, same: 2, buckets: 3, keys: 4, exchange: 5 } as const;

/** The bytes of a `delta` of fewer than 128 entries beside the entries and the sender's name. */
export const deltaOverheadBytes = 4;

/** Turns a message into bytes. */
export function encodeMessage({ from, message }: Signed): Uint8Array {
  const writer = new ByteWriter().byte(formVersion).byte(typeCodes[message.type]).text(from);
  switch (message.type) {
    case 'delta':
      writeEntries(writer, message.entries);
      break;
    case 'summary':
      writer.number(message.round).number(message.hash);
      break;
    case 'same':
      writer.number(message.round);
      break;
    case 'buckets':
      writer.number(message.round);
      for (const half of message.hashes) writer.number(half);
      break;
    case 'keys':
      writer.number(message.round).bytes(Uint8Array.from(message.buckets));
      writer.number(message.keys.length);
      for (const key of message.keys) {
        writeKey(writer, key);
        writeStamp(writer, key.stamp);
        writer.number(key.hash);
      }
      break;
    case 'exchange':
      writer.number(message.round);
      writeEntries(writer, message.entries);
      writer.number(message.wanted.length);
      for (const key of message.wanted) writeKey(writer, key);
      break;
  }
  return writer.finish();
}

/** Reads a message. Throws `malformed-message` for anything else than a whole one. */
export function decodeMessage(bytes: Uint8Array): Signed {
  const reader = new ByteReader(bytes);
  const form = reader.byte();
  if (form !== formVersion) {
    throw new QuorateError('malformed-message', `unknown form ${form} of a message`);
  }
  const code = reader.byte();
  const from = reader.text();
  const message = readBody(reader, code);
  reader.end();
  return { from, message };
}

function readBody(reader: ByteReader, code: number): ValuesMessage {
  switch (code) {
    case typeCodes.delta:
      return { type: 'delta', entries: readEntries(reader) };
    case typeCodes.summary:
      return { type: 'summary', round: reader.number(), hash: reader.number() };
    case typeCodes.same:
      return { type: 'same', round: reader.number() };
    case typeCodes.buckets: {
      const round = reader.number();
      const hashes = new Uint32Array(bucketCount * 2);
      for (let index = 0; index < hashes.length; index++) hashes[index] = reader.number();
      return { type: 'buckets', round, hashes };
    }
    case typeCodes.keys: {
      const round = reader.number();
      const buckets = [...reader.bytes()];
      const keys = readList(reader, 7, () => ({
        ...readKey(reader),
        stamp: readStamp(reader),
        hash: reader.number(),
      }));
      return { type: 'keys', round, buckets, keys };
    }
    case typeCodes.exchange: {
      const round = reader.number();
      const entries = readEntries(reader);
      return { type: 'exchange', round, entries, wanted: readList(reader, 2, readKey) };
    }
    default:
      throw new QuorateError('malformed-message', `unknown type ${code} of a message`);
  }
}

function writeEntries(writer: ByteWriter, entries: readonly Entry[]): void {
  writer.number(entries.length);
  for (const entry of entries) writer.raw(encodeEntry(entry));
}

function readEntries(reader: ByteReader): Entry[] {
  return readList(reader, 6, readEntry);
}

function readList<T>(
  reader: ByteReader,
  itemBytesMin: number,
  read: (reader: ByteReader) => T,
): T[] {
  return Array.from({ length: reader.count(itemBytesMin) }, () => read(reader));
}
