/**
 * Batches: what is written and synced at once, for all groups together. A batch counts wholly or
 * not at all.
 *
 *     0   magic · checksum of the head · number · syncedThrough · vote sequence ·
 *         oldest segment · position · length of the table · length of the data · kind
 *     64  table: what the batch says (see batch-table.ts), with a checksum for each entry's data
 *         data: the entries' bytes, one behind the other
 *         commit mark: magic · checksum of head and table
 *         zeros up to the next multiple of 64
 *
 * Each byte is under one checksum: the data under those in the table, so that one entry can be read
 * back and checked alone; the table under the commit mark; the head under its own, since it must
 * speak for itself when the rest is torn: it says which batch it is and through which one the log
 * is known to be synced. Data have XXH32, which costs a quarter of the CRC32C that all else has.
 * The latter start from the segment's seed, and the head holds its position, so that a batch from
 * elsewhere (a former life of the file, a misdirected write) is never taken for one that belongs
 * here.
 *
 * A **seal** is a head alone. It stands where the next batch will begin, vouches for the last one,
 * and is overwritten by the next: both heads lie in the same bytes of one sector, so at every moment
 * one of them is there and vouches. Its twin stands in the segment's last block: it is written at
 * once when nothing follows a batch, for no later batch must wait for it; and a sector may go bad
 * that holds both the last batch's end and the seal behind it.
 */
import { crc32c } from '../../base/crc32c.ts';
import { readUint32, readWide, writeUint32, writeWide } from './fixed-numbers.ts';
import { blockBytes } from './segment-format.ts';

/** The head of a batch or of a seal. */
export interface BatchHead {
  readonly kind: 'batch' | 'seal';
  /** Batches are numbered without gaps; a seal has the number of the batch before it. */
  readonly number: number;
  /** The last batch that was known to be synced when this was made. */
  readonly syncedThrough: number;
  /** The newest version of the vote file that was synced when this was made: this rests on it. */
  readonly voteSequence: number;
  /** Segments below this one are not needed once this is durable. */
  readonly oldestSegment: number;
  readonly tableBytes: number;
  readonly dataBytes: number;
}

/** The most bytes that an entry's data may have. */
export const maxEntryDataBytes = 2 ** 29 - 1;

const headMagic = 0x31425121;
const markMagic = 0x444e4521;
const markBytes = 8;
const kinds = ['batch', 'seal'] as const;

/** The bytes that a batch takes in its segment. */
export function batchBytes({ kind, tableBytes, dataBytes }: BatchHead): number {
  if (kind === 'seal') return blockBytes;
  return roundUp(blockBytes + tableBytes + dataBytes + markBytes);
}

export function roundUp(bytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes;
}

/** Writes the head of what will stand at `position` of the segment into the first 64 bytes. */
export function encodeHead(
  into: Uint8Array,
  head: BatchHead,
  { seed, position }: { seed: number; position: number },
): void {
  into.fill(0, 0, blockBytes);
  writeUint32(into, 0, headMagic);
  writeWide(into, 8, head.number);
  writeWide(into, 16, head.syncedThrough);
  writeWide(into, 24, head.voteSequence);
  writeWide(into, 32, head.oldestSegment);
  writeWide(into, 40, position);
  writeUint32(into, 48, head.tableBytes);
  writeUint32(into, 52, head.dataBytes);
  writeUint32(into, 56, kinds.indexOf(head.kind));
  writeUint32(into, 4, crc32c(into, 8, blockBytes, seed));
}

/** The head at `bytes[at]`, which lies at `position` of the segment; undefined if none is intact. */
export function decodeHead(
  bytes: Uint8Array,
  at: number,
  { seed, position }: { seed: number; position: number },
): BatchHead | undefined {
  if (at + blockBytes > bytes.length || readUint32(bytes, at) !== headMagic) return undefined;
  if (readUint32(bytes, at + 4) !== crc32c(bytes, at + 8, at + blockBytes, seed)) return undefined;
  const kind = kinds[readUint32(bytes, at + 56)];
  if (readWide(bytes, at + 40) !== position || kind === undefined) return undefined;
  return {
    kind,
    number: readWide(bytes, at + 8),
    syncedThrough: readWide(bytes, at + 16),
    voteSequence: readWide(bytes, at + 24),
    oldestSegment: readWide(bytes, at + 32),
    tableBytes: readUint32(bytes, at + 48),
    dataBytes: readUint32(bytes, at + 52),
  };
}

/** Writes the commit mark behind the data, for a head and table that begin `headed`. */
export function encodeMark(into: Uint8Array, at: number, headed: Uint8Array): void {
  writeUint32(into, at, markMagic);
  writeUint32(into, at + 4, crc32c(headed));
}

/** Whether the mark at `bytes[at]` is that of the head and table in `bytes[from … to − 1]`. */
export function markMatches(
  bytes: Uint8Array,
  at: number,
  { from, to }: { from: number; to: number },
): boolean {
  return (
    readUint32(bytes, at) === markMagic && readUint32(bytes, at + 4) === crc32c(bytes, from, to)
  );
}
