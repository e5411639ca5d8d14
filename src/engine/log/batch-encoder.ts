/**
 * Turns what waits into one batch: the table first, with each entry's checksum, then the data
 * behind it in the same buffer; great entries are not copied but written from where they are.
 *
 * Encoding moves each group's `written` state on, and the segments' knowledge of who needs them.
 * There is one buffer, for there is only one batch on its way to the disk at any time.
 */
import { assert } from '../../base/assert.ts';
import { NeighbourHasher } from '../../base/xxhash32.ts';
import type { Entry, HardState } from '../../raft/entry.ts';
import { type BatchHead, batchBytes, encodeHead, encodeMark } from './batch-format.ts';
import { TableWriter } from './batch-table.ts';
import type { GroupLog } from './group-log.ts';
import type { GroupWrite } from './log-write.ts';
import { blockBytes } from './segment-format.ts';
import type { Segments } from './segments.ts';

/** An entry's data from this size on is not copied. */
const copyBytesMax = 32 * 2 ** 10;

/** What the buffer keeps when a batch has made it larger. */
const keptBytesMax = 4 * 2 ** 20;

/** Entries of a group as they go into the batch. */
interface Run {
  readonly group: GroupLog;
  readonly entries: readonly Entry[];
  readonly from: number;
  readonly to: number;
  /** Written again to a newer segment, not all of them from memory. */
  readonly moved: boolean;
}

export interface EncodedBatch {
  readonly buffers: readonly Uint8Array[];
  readonly bytes: number;
  readonly entries: number;
}

export class BatchEncoder {
  readonly #segments: Segments;
  readonly #table = new TableWriter();
  readonly #hasher = new NeighbourHasher();
  #runs: Run[] = [];
  #checksums: number[] = [];
  #dataBytes = 0;
  #copiedBytes = 0;

  constructor(segments: Segments) {
    this.#segments = segments;
  }

  begin(): void {
    this.#table.shrink(keptBytesMax);
    this.#table.begin(blockBytes);
    this.#runs = [];
    this.#checksums.length = 0;
    this.#dataBytes = 0;
    this.#copiedBytes = 0;
  }

  /** Says of every group how it stands in the segments before this one. */
  checkpoint(groups: Iterable<GroupLog>): void {
    for (const { id, written } of groups) this.#table.checkpoint({ group: id, ...written });
  }

  /** A snapshot stands for the group's log. */
  reset(group: GroupLog, position: NonNullable<GroupWrite['snapshot']>): void {
    this.#table.reset(group.id, position);
    this.#segments.forget(group.id);
    group.written.base = position;
    group.written.last = position;
  }

  /** A group with nothing waiting is written again as it is, so that older segments can go. */
  moved(group: GroupLog, entries: readonly Entry[]): void {
    assert(group.queued === 0, 'a group is moved while writes wait');
    this.#add({ group, entries, from: 0, to: entries.length, moved: true });
  }

  /** `entries[from … to − 1]`, at least one, which replace what stands there. */
  entries(group: GroupLog, entries: readonly Entry[], from: number, to: number): void {
    this.#add({ group, entries, from, to, moved: false });
  }

  #add(run: Run): void {
    const { group, entries, from, to } = run;
    const first = entries[from]!.index;
    const last = entries[to - 1]!;
    this.#table.entries(group.id, first, to - from);
    let term = 0;
    for (let i = from; i < to; i++) {
      const entry = entries[i]!;
      const { data } = entry;
      const checksum = this.#hasher.hash(data);
      this.#table.entry(entry, term, checksum);
      this.#checksums.push(checksum);
      this.#dataBytes += data.length;
      if (data.length < copyBytesMax) this.#copiedBytes += data.length;
      term = entry.term;
    }
    this.#runs.push(run);
    this.#segments.note(group, first, last.index);
    group.written.last = { index: last.index, term: last.term };
  }

  state(group: GroupLog, hardState: HardState): void {
    this.#table.state(group.id, hardState);
    group.written.hardState = hardState;
  }

  /** Says where the group's log begins, if that has moved within what is written. */
  base(group: GroupLog): void {
    const { base, written } = group;
    if (base.index <= written.base.index || base.index > written.last.index) return;
    this.#table.base(group.id, base);
    written.base = base;
  }

  removed(group: GroupLog): void {
    this.#table.removed(group.id);
    this.#segments.forget(group.id);
  }

  /** Finishes the batch that will stand at the segments' position. */
  finish(facts: Omit<BatchHead, 'kind' | 'tableBytes' | 'dataBytes'>, seed: number): EncodedBatch {
    const table = this.#table;
    const tableBytes = table.at - blockBytes;
    const dataBytes = this.#dataBytes;
    const { number, syncedThrough, voteSequence, oldestSegment } = facts;
    const head: BatchHead = {
      kind: 'batch',
      number,
      syncedThrough,
      voteSequence,
      oldestSegment,
      tableBytes,
      dataBytes,
    };
    const { position } = this.#segments;
    table.reserve(this.#copiedBytes + 2 * blockBytes);
    encodeHead(table.bytes, head, { seed, position });
    const headed = table.bytes.subarray(0, table.at);
    const buffers = this.#data(position + table.at);
    const bytes = batchBytes(head);
    const start = table.at;
    encodeMark(table.bytes, start, headed);
    const end = start + bytes - (blockBytes + tableBytes + dataBytes);
    table.bytes.fill(0, start + 8, end);
    buffers.push(table.bytes.subarray(this.#sliceFrom, end));
    assert(this.#segments.fits(bytes), 'the batch does not fit into its segment');
    const entries = this.#checksums.length;
    this.#runs = [];
    return { buffers, bytes, entries };
  }

  #sliceFrom = 0;

  /** Puts the data behind the table, and notes where each entry's is, from `position` on. */
  #data(position: number): Uint8Array[] {
    const table = this.#table;
    const { bytes } = table;
    const { sequence } = this.#segments.current;
    const buffers: Uint8Array[] = [];
    this.#sliceFrom = 0;
    let at = position;
    let next = 0;
    for (const { group, entries, from, to, moved } of this.#runs) {
      for (let i = from; i < to; i++) {
        const entry = entries[i]!;
        const { data, index } = entry;
        const lengthBytes = data.length;
        if (lengthBytes < copyBytesMax) {
          bytes.set(data, table.at);
          table.at += lengthBytes;
        } else {
          buffers.push(bytes.subarray(this.#sliceFrom, table.at), data);
          this.#sliceFrom = table.at;
        }
        const checksum = this.#checksums[next++]!;
        // A write that waits may have replaced the entry already, or a snapshot.
        if (moved || group.cached(index) === entry) {
          const isConfiguration = entry.type === 'configuration';
          group.places.set(index, { position: at, lengthBytes, isConfiguration, checksum });
          group.segments.set(index, sequence);
        }
        at += lengthBytes;
      }
    }
    return buffers;
  }
}
