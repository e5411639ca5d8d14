/**
 * Reads one segment after a start, a stretch at a time: first the chain of intact batches, each
 * with the number that must come next; then, behind where the chain ends, everything that may
 * still vouch for something: the heads of batches and seals that are whole.
 */

import { QuorateError } from '../../base/errors.ts';
import { viewOf, xxhash32 } from '../../base/xxhash32.ts';
import { type BatchHead, batchBytes, decodeHead, markMatches } from './batch-format.ts';
import { type EntryHead, readTable, type TableVisitor } from './batch-table.ts';
import { damaged } from './damage.ts';
import type { DiskRequests } from './disk-requests.ts';
import type { RecoveredGroups } from './recovered-groups.ts';
import { blockBytes, segmentHeaderBytes } from './segment-format.ts';

/** What is read at once; a batch that is larger is read as a whole. */
const stretchBytes = 4 * 2 ** 20;

/** What is known of the log so far, from one segment to the next. */
export interface Chain {
  /** The number of the next batch; undefined before the first, whose number may be any. */
  next: number | undefined;
  /** Where the last intact batch lies. */
  last: { readonly path: string; readonly position: number; readonly bytes: number } | undefined;
  /** What the last intact batch says. */
  oldestSegment: number;
  /** The last batch that anything whole says was synced, and the newest version of the votes. */
  syncedThrough: number;
  voteSequence: number;
  batches: number;
  bytes: number;
}

/** Where the chain ends in a segment, and what is there. */
export interface ScanEnd {
  readonly position: number;
  /** Batches of the chain in this segment. */
  readonly batches: number;
  /** The head at the position, where a batch has one that is whole. */
  readonly head: BatchHead | undefined;
  /** Whether anything but zeros is in the block at the position. */
  readonly dirty: boolean;
  /** Whether anything whole lies in this segment at all. */
  readonly anything: boolean;
}

export interface ScannedSegment {
  readonly path: string;
  readonly sizeBytes: number;
  readonly seed: number;
}

/** Reads a segment through; `then` gets where its chain ends. */
export function scanSegment(
  disk: DiskRequests,
  segment: ScannedSegment,
  state: { readonly chain: Chain; readonly groups: RecoveredGroups },
  then: (result: ScanEnd | QuorateError) => void,
): void {
  new SegmentScan(disk, segment, state, then).run();
}

class SegmentScan {
  readonly #disk: DiskRequests;
  readonly #segment: ScannedSegment;
  readonly #chain: Chain;
  readonly #groups: RecoveredGroups;
  readonly #then: (result: ScanEnd | QuorateError) => void;
  /** Bytes of the segment from `#windowAt` on. */
  #window: Uint8Array = new Uint8Array(0);
  #view = viewOf(this.#window);
  #windowAt = 0;
  #position = segmentHeaderBytes;
  #batches = 0;
  #anything = false;
  /** Where the search for what vouches goes on; undefined while the chain goes on. */
  #tailAt: number | undefined;
  #end: Pick<ScanEnd, 'head' | 'dirty'> = { head: undefined, dirty: false };

  constructor(
    disk: DiskRequests,
    segment: ScannedSegment,
    state: { readonly chain: Chain; readonly groups: RecoveredGroups },
    then: (result: ScanEnd | QuorateError) => void,
  ) {
    this.#disk = disk;
    this.#segment = segment;
    this.#chain = state.chain;
    this.#groups = state.groups;
    this.#then = then;
  }

  run(): void {
    let wanted: { position: number; bytes: number } | 'end' | 'more' = 'more';
    try {
      while (wanted === 'more') {
        wanted = this.#tailAt === undefined ? this.#followChain() : this.#searchTail(this.#tailAt);
      }
    } catch (error) {
      if (error instanceof QuorateError) return this.#then(error);
      throw error;
    }
    if (wanted !== 'end') return this.#read(wanted.position, wanted.bytes);
    const { head, dirty } = this.#end;
    const position = this.#position;
    this.#then({ position, batches: this.#batches, head, dirty, anything: this.#anything });
  }

  #read(position: number, bytes: number): void {
    const { path, sizeBytes } = this.#segment;
    const lengthBytes = Math.min(Math.max(bytes, stretchBytes), sizeBytes - position);
    this.#disk.bytes({ type: 'read', path, position, lengthBytes }, (result) => {
      if (result instanceof QuorateError) return this.#then(result);
      if (result.length < lengthBytes) {
        return this.#then(damaged(path, position + result.length, 'the file ends early'));
      }
      this.#window = result;
      this.#view = viewOf(result);
      this.#windowAt = position;
      this.run();
    });
  }

  /** Whether the window holds `bytes` from `position` on. */
  #holds(position: number, bytes: number): boolean {
    const at = position - this.#windowAt;
    return at >= 0 && at + bytes <= this.#window.length;
  }

  #followChain(): { position: number; bytes: number } | 'end' | 'more' {
    const position = this.#position;
    const { sizeBytes } = this.#segment;
    if (position + blockBytes > sizeBytes) return 'end';
    if (!this.#holds(position, blockBytes)) return { position, bytes: blockBytes };
    const head = this.#headAt(position);
    const { next } = this.#chain;
    const expected = head?.kind === 'batch' && (next === undefined || head.number === next);
    if (head === undefined || !expected) return this.#endChain(undefined);
    const bytes = batchBytes(head);
    if (position + bytes > sizeBytes) return this.#endChain(head);
    if (!this.#holds(position, bytes)) return { position, bytes };
    if (!this.#take(head, position, bytes)) return this.#endChain(head);
    return 'more';
  }

  #endChain(head: BatchHead | undefined): 'more' {
    const at = this.#position - this.#windowAt;
    const dirty = this.#window.subarray(at, at + blockBytes).some((byte) => byte !== 0);
    this.#end = { head, dirty };
    this.#tailAt = this.#position;
    return 'more';
  }

  /** Takes over a batch if it is intact. */
  #take(head: BatchHead, position: number, bytes: number): boolean {
    const window = this.#window;
    const from = position - this.#windowAt;
    const to = from + blockBytes + head.tableBytes;
    if (!markMatches(window, to + head.dataBytes, { from, to })) return false;
    const table = window.subarray(from + blockBytes, to);
    const check = new DataCheck(this.#view, { from: to, to: to + head.dataBytes });
    this.#readTable(table, check);
    if (!check.good) return false;
    const { path } = this.#segment;
    const dataPosition = position + blockBytes + head.tableBytes;
    this.#groups.beginBatch({ path, position, dataPosition });
    this.#readTable(table, this.#groups);
    const chain = this.#chain;
    chain.next = head.number + 1;
    chain.last = { path, position, bytes };
    chain.oldestSegment = head.oldestSegment;
    chain.batches++;
    chain.bytes += bytes;
    this.#position = position + bytes;
    this.#batches++;
    return true;
  }

  #readTable(table: Uint8Array, visitor: TableVisitor): void {
    try {
      readTable(table, visitor);
    } catch (error) {
      // Its checksum was right, so it was made like this: not to be read as something else.
      if (!(error instanceof QuorateError) || error.code !== 'malformed-message') throw error;
      throw damaged(this.#segment.path, this.#position, error.message);
    }
  }

  /** Looks at each block from `from` on for a head that is whole. */
  #searchTail(from: number): { position: number; bytes: number } | 'end' | 'more' {
    const { sizeBytes } = this.#segment;
    if (from + blockBytes > sizeBytes) return 'end';
    if (!this.#holds(from, blockBytes)) return { position: from, bytes: blockBytes };
    const window = this.#window;
    const windowAt = this.#windowAt;
    const end = windowAt + window.length - blockBytes;
    let position = from;
    for (; position <= end; position += blockBytes) {
      // The first byte of a head: nearly all blocks are zeros.
      if (window[position - windowAt] === 0x21) this.#headAt(position);
    }
    this.#tailAt = position;
    return 'more';
  }

  /** The head at a position of the window if it is whole; what it vouches for is noted. */
  #headAt(position: number): BatchHead | undefined {
    const { seed } = this.#segment;
    const head = decodeHead(this.#window, position - this.#windowAt, { seed, position });
    if (head === undefined) return undefined;
    this.#anything = true;
    const chain = this.#chain;
    chain.syncedThrough = Math.max(chain.syncedThrough, head.syncedThrough);
    chain.voteSequence = Math.max(chain.voteSequence, head.voteSequence);
    return head;
  }
}

/** Checks each entry's data against its checksum, and that the table speaks of all the data. */
class DataCheck implements TableVisitor {
  readonly #bytes: DataView;
  readonly #from: number;
  readonly #to: number;
  #reached: number;
  #matches = true;

  constructor(bytes: DataView, { from, to }: { from: number; to: number }) {
    this.#bytes = bytes;
    this.#from = from;
    this.#to = to;
    this.#reached = from;
  }

  get good(): boolean {
    return this.#matches && this.#reached === this.#to;
  }

  entry({ dataOffset, lengthBytes, checksum }: EntryHead): void {
    const start = this.#from + dataOffset;
    const end = start + lengthBytes;
    this.#reached = end;
    if (!this.#matches || end > this.#to || xxhash32(this.#bytes, start, end) !== checksum) {
      this.#matches = false;
    }
  }

  entries(): void {}
  state(): void {}
  base(): void {}
  reset(): void {}
  checkpoint(): void {}
  removed(): void {}
}
