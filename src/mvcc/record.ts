/**
 * What the store holds of a key: its state at each revision (a record), and its present state (an
 * entry of the index), which has no value but all that is needed to write the next record.
 *
 * The revisions of a key form a list from the latest to the first: each names the one before it.
 * That a state long ago can be found without walking them all, each also names one further back, its
 * *jump*, chosen as in E. W. Myers, "An applicative random-access stack" (1983): the way to any
 * predecessor then has O(log n) steps. A jump never changes, so that nothing is rewritten. Jumps may
 * lead to revisions that were compacted away; nobody goes there, since nobody asks for states below
 * the compaction.
 */
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { ByteSlab } from '../base/byte-slab.ts';
import { leaseBytes, leaseId, type Revision } from './layout.ts';

/** A predecessor, and how many revisions its key had when it was made. */
export interface Jump extends Revision {
  readonly depth: number;
}

/** A key as it is at a revision; for a deletion `version` and `createRevision` are 0. */
export interface KeyState {
  readonly deleted: boolean;
  readonly createRevision: number;
  readonly version: number;
  readonly lease: bigint;
}

/** What the store holds under a revision. */
export interface KeyRecord extends KeyState {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** The revision of the key before this one, deletions included. */
  readonly previous: Revision | undefined;
  readonly jump: Jump | undefined;
}

/** What the index holds for a key. */
export interface IndexEntry extends KeyState {
  /** The latest revision of the key. */
  readonly latest: Revision;
  /** How many revisions the key has had, counted from 1. */
  readonly depth: number;
  readonly jump: Jump | undefined;
  /** Where the jump's own record jumps to. */
  readonly nextJump: Jump | undefined;
}

const flags = { deleted: 1, lease: 2, previous: 4, jump: 8, nextJump: 16 };

/** What is encoded is gathered here, and copied to where many small strings lie side by side. */
const scratch = new ByteWriter(4096);
const slab = new ByteSlab();

function copyOf(writer: ByteWriter): Uint8Array {
  const written = writer.finish();
  const copy = slab.take(written.length);
  copy.set(written);
  return copy;
}

export function encodeRecord(record: KeyRecord): Uint8Array {
  const { key, value, lease, previous, jump } = record;
  const writer = scratch.clear();
  writer.byte(
    (record.deleted ? flags.deleted : 0) |
      (lease === 0n ? 0 : flags.lease) |
      (previous === undefined ? 0 : flags.previous) |
      (jump === undefined ? 0 : flags.jump),
  );
  writer.bytes(key).number(record.createRevision).number(record.version);
  if (lease !== 0n) writer.raw(leaseBytes(lease));
  if (previous !== undefined) writer.number(previous.main).number(previous.sub);
  if (jump !== undefined) writeJump(writer, jump);
  return copyOf(writer.raw(value));
}

export function decodeRecord(bytes: Uint8Array): KeyRecord {
  const reader = new ByteReader(bytes);
  const set = reader.byte();
  const key = reader.bytes();
  const createRevision = reader.number();
  const version = reader.number();
  const lease = (set & flags.lease) === 0 ? 0n : leaseId(reader.raw(8));
  const previous =
    (set & flags.previous) === 0 ? undefined : { main: reader.number(), sub: reader.number() };
  const jump = (set & flags.jump) === 0 ? undefined : readJump(reader);
  const value = reader.raw(reader.remaining);
  const deleted = (set & flags.deleted) !== 0;
  return { deleted, key, value, createRevision, version, lease, previous, jump };
}

/** The jump of an encoded record, without looking at the rest of it. */
export function recordJump(bytes: Uint8Array): Jump | undefined {
  const set = bytes[0]!;
  if ((set & flags.jump) === 0) return undefined;
  const reader = new ByteReader(bytes);
  reader.byte();
  reader.skip(reader.number());
  reader.number();
  reader.number();
  if ((set & flags.lease) !== 0) reader.skip(8);
  if ((set & flags.previous) !== 0) {
    reader.number();
    reader.number();
  }
  return readJump(reader);
}

export function encodeEntry(entry: IndexEntry): Uint8Array {
  const { latest, lease, jump, nextJump } = entry;
  const writer = scratch.clear();
  writer.byte(
    (entry.deleted ? flags.deleted : 0) |
      (lease === 0n ? 0 : flags.lease) |
      (jump === undefined ? 0 : flags.jump) |
      (nextJump === undefined ? 0 : flags.nextJump),
  );
  writer.number(latest.main).number(latest.sub);
  writer.number(entry.createRevision).number(entry.version).number(entry.depth);
  if (lease !== 0n) writer.raw(leaseBytes(lease));
  if (jump !== undefined) writeJump(writer, jump);
  if (nextJump !== undefined) writeJump(writer, nextJump);
  return copyOf(writer);
}

export function decodeEntry(bytes: Uint8Array): IndexEntry {
  const reader = new ByteReader(bytes);
  const set = reader.byte();
  const latest = { main: reader.number(), sub: reader.number() };
  const createRevision = reader.number();
  const version = reader.number();
  const depth = reader.number();
  const lease = (set & flags.lease) === 0 ? 0n : leaseId(reader.raw(8));
  const jump = (set & flags.jump) === 0 ? undefined : readJump(reader);
  const nextJump = (set & flags.nextJump) === 0 ? undefined : readJump(reader);
  const deleted = (set & flags.deleted) !== 0;
  return { deleted, latest, createRevision, version, depth, lease, jump, nextJump };
}

/** Whether an encoded entry is that of a key which is there, without decoding it. */
export function isLive(entry: Uint8Array): boolean {
  return (entry[0]! & flags.deleted) === 0;
}

function writeJump(writer: ByteWriter, { main, sub, depth }: Jump): void {
  writer.number(main).number(sub).number(depth);
}

function readJump(reader: ByteReader): Jump {
  return { main: reader.number(), sub: reader.number(), depth: reader.number() };
}
