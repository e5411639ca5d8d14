/**
 * The vote file: for every group the term, the vote in it, and whether the group is suspect (see
 * repair in recovery.ts). Two slots of a fixed size, written in turn, so that a torn write leaves
 * the version before.
 *
 *     magic · checksum · format · flags · sequence · logSyncedThrough · count of rows
 *     rows: group · term · vote · flags
 *
 * The checksum starts from the directory's identity and the slot's number.
 */
import { crc32c } from '../../base/crc32c.ts';
import { readUint32, readWide, writeUint32, writeWide } from './fixed-numbers.ts';
import { checkFormat } from './format.ts';
import type { Identity } from './identity.ts';
import type { GroupId } from './log-write.ts';
import { segmentSeed } from './segment-format.ts';

export const votePath = 'vote';

/** Room for 20,000 groups and more. */
export const slotBytes = 2 ** 20;

export const voteFormat = 1;

const magic = 0x65746f56;
const headBytes = 40;
const rowBytes = 25;

/** What is kept of one group. */
export interface VoteRow {
  readonly term: number;
  readonly vote: number;
  /** Neither votes nor counts until it has caught up. */
  readonly suspect: boolean;
  /** Suspect, and this term and vote may be older than what was said once. */
  readonly voteLost: boolean;
}

/** One version of the table. */
export interface VoteTable {
  readonly sequence: number;
  /** The last batch of the log that was known to be synced. */
  readonly logSyncedThrough: number;
  /** Groups that are not in the table are suspect too: all was lost once. */
  readonly unknownSuspect: boolean;
  readonly rows: ReadonlyMap<GroupId, VoteRow>;
}

/** Which slot a version goes to. */
export function slotOf(sequence: number): 0 | 1 {
  return sequence % 2 === 0 ? 0 : 1;
}

export function encodeVotes(table: VoteTable, identity: Identity): Uint8Array {
  const bytes = new Uint8Array(headBytes + table.rows.size * rowBytes);
  writeUint32(bytes, 0, magic);
  writeUint32(bytes, 8, voteFormat);
  writeUint32(bytes, 12, table.unknownSuspect ? 1 : 0);
  writeWide(bytes, 16, table.sequence);
  writeWide(bytes, 24, table.logSyncedThrough);
  writeUint32(bytes, 32, table.rows.size);
  let at = headBytes;
  for (const [group, row] of table.rows) {
    writeWide(bytes, at, group);
    writeWide(bytes, at + 8, row.term);
    writeWide(bytes, at + 16, row.vote);
    bytes[at + 24] = (row.suspect ? 1 : 0) + (row.voteLost ? 2 : 0);
    at += rowBytes;
  }
  const seed = segmentSeed(identity, slotOf(table.sequence));
  writeUint32(bytes, 4, crc32c(bytes, 8, bytes.length, seed));
  return bytes;
}

/** How many bytes of a slot its table takes by what its head says, at most the slot. */
export function tableLength(slot: Uint8Array): number {
  if (slot.length < headBytes || readUint32(slot, 0) !== magic) return headBytes;
  return Math.min(slotBytes, headBytes + readUint32(slot, 32) * rowBytes);
}

/**
 * The table in a slot; undefined where it is damaged or torn.
 *
 * @throws QuorateError `format-too-new`
 */
export function decodeVotes(
  slot: Uint8Array,
  number: 0 | 1,
  identity: Identity,
): VoteTable | undefined {
  if (slot.length < headBytes || readUint32(slot, 0) !== magic) return undefined;
  const count = readUint32(slot, 32);
  const length = headBytes + count * rowBytes;
  if (length > slot.length) return undefined;
  const seed = segmentSeed(identity, number);
  if (readUint32(slot, 4) !== crc32c(slot, 8, length, seed)) return undefined;
  checkFormat(votePath, readUint32(slot, 8), voteFormat);
  const rows = new Map<GroupId, VoteRow>();
  for (let at = headBytes; at < length; at += rowBytes) {
    const flags = slot[at + 24]!;
    rows.set(readWide(slot, at), {
      term: readWide(slot, at + 8),
      vote: readWide(slot, at + 16),
      suspect: flags % 2 === 1,
      voteLost: flags >= 2,
    });
  }
  return {
    sequence: readWide(slot, 16),
    logSyncedThrough: readWide(slot, 24),
    unknownSuspect: readUint32(slot, 12) === 1,
    rows,
  };
}
