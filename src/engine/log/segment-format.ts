/**
 * Segments: the log's files, `log/<16 hex digits>.log`, numbered without gaps, each of a fixed size
 * that is allocated before its first use, so that writing a batch changes no metadata.
 *
 *     0     magic, 8 bytes · format · checksum · cluster id · member id · incarnation ·
 *           sequence · size of the file · number of the first batch, where that is known
 *     4096  batches, one behind the other (see batch-format.ts)
 *
 * The header has a page of its own: no later write can tear it. A file under preparation is called
 * `.new` and gets its name only when its header is durable, so a file called `.log` that is shorter
 * than its header says has lost its tail.
 *
 * Segments are used again (writing 64 MiB of zeros for each would double what the disk has to
 * do), so behind the last batch there may be batches of the file's former life. Every batch's
 * checksum therefore starts from {@link segmentSeed}: whose directory it is and which segment.
 * What was written anywhere else fails its checksum here.
 */
import { crc32c } from '../../base/crc32c.ts';
import { QuorateError } from '../../base/errors.ts';
import { readUint32, readWide, writeUint32, writeWide } from './fixed-numbers.ts';
import { checkFormat } from './format.ts';
import type { Identity } from './identity.ts';

export const logDirectory = 'log';

/** Where a segment's first batch begins. */
export const segmentHeaderBytes = 4096;

/** A batch begins on a multiple of this: its head never lies across two sectors of a disk. */
export const blockBytes = 64;

/** What a batch takes beside its table and data, at most. */
export const batchOverheadBytes = 3 * blockBytes;

/** The format this program writes; it reads this and all before it. */
export const segmentFormat = 1;

const magic = [0x51, 0x75, 0x6f, 0x72, 0x4c, 0x6f, 0x67, 0x0a]; // "QuorLog\n"
const usedBytes = 64;

/** What a segment's header says. */
export interface SegmentHeader {
  readonly sequence: number;
  readonly sizeBytes: number;
  /** The number of its first batch; 0 for a segment prepared ahead of its use. */
  readonly firstNumber: number;
}

export function segmentPath(sequence: number): string {
  return `${logDirectory}/${sequence.toString(16).padStart(16, '0')}.log`;
}

/** The name while the file is not ready. */
export function newSegmentPath(sequence: number): string {
  return `${logDirectory}/${sequence.toString(16).padStart(16, '0')}.new`;
}

/** The name of a file that waits to become a segment again. */
export function sparePath(number: number): string {
  return `${logDirectory}/${number.toString(16).padStart(16, '0')}.spare`;
}

/** The sequence that a file's name in the log's directory stands for, by its ending. */
export function sequenceOf(name: string, ending: 'log' | 'spare'): number | undefined {
  const match = /^([0-9a-f]{16})\.([a-z]+)$/.exec(name);
  if (match === null || match[2] !== ending) return undefined;
  const sequence = Number.parseInt(match[1]!, 16);
  return Number.isSafeInteger(sequence) ? sequence : undefined;
}

/** What every checksum in a segment starts from. */
export function segmentSeed(identity: Identity, sequence: number): number {
  const bytes = new Uint8Array(32);
  writeWide(bytes, 0, identity.clusterId);
  writeWide(bytes, 8, identity.memberId);
  writeWide(bytes, 16, identity.incarnation);
  writeWide(bytes, 24, sequence);
  return crc32c(bytes);
}

/** The whole first page. */
export function encodeSegmentHeader(identity: Identity, header: SegmentHeader): Uint8Array {
  const page = new Uint8Array(segmentHeaderBytes);
  page.set(magic);
  writeUint32(page, 8, segmentFormat);
  writeWide(page, 16, identity.clusterId);
  writeWide(page, 24, identity.memberId);
  writeWide(page, 32, identity.incarnation);
  writeWide(page, 40, header.sequence);
  writeWide(page, 48, header.sizeBytes);
  writeWide(page, 56, header.firstNumber);
  writeUint32(page, 12, checksum(page));
  return page;
}

/**
 * What the first page of a segment says; undefined where it is damaged.
 *
 * @throws QuorateError `format-too-new`, `wrong-directory` where it is whole and says so.
 */
export function decodeSegmentHeader(
  page: Uint8Array,
  identity: Identity,
  path: string,
): SegmentHeader | undefined {
  if (page.length < usedBytes || magic.some((byte, at) => page[at] !== byte)) return undefined;
  if (readUint32(page, 12) !== checksum(page)) return undefined;
  checkFormat(path, readUint32(page, 8), segmentFormat);
  const theirs = [readWide(page, 16), readWide(page, 24), readWide(page, 32)];
  const ours = [identity.clusterId, identity.memberId, identity.incarnation];
  if (theirs.some((part, at) => part !== ours[at])) {
    throw new QuorateError(
      'wrong-directory',
      `${path} belongs to cluster ${theirs[0]}, member ${theirs[1]}, incarnation ${theirs[2]}; ` +
        `this directory to ${ours.join(', ')}`,
      { details: { path, offset: 16 } },
    );
  }
  return {
    sequence: readWide(page, 40),
    sizeBytes: readWide(page, 48),
    firstNumber: readWide(page, 56),
  };
}

/** Over all but itself, and the rest of the page stays free for later formats. */
function checksum(page: Uint8Array): number {
  return crc32c(page, 16, usedBytes, crc32c(page, 0, 12));
}
