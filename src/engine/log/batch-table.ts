/**
 * The table of a batch: records of what changes, group by group, to be taken in order.
 *
 *     entries     group, first index, count, then for each: head (length × 4, + 2 where the term
 *                 differs from the one before, + 1 for a configuration), term where it differs,
 *                 checksum of the data. What stands at the first index and behind is replaced.
 *     state       group, term, vote, commit
 *     base        group, index, term: entries up to here are not needed any more
 *     reset       group, index, term: a snapshot stands for everything up to here, and nothing
 *                 follows it
 *     checkpoint  group, base and last entry, each with index and term, and its state; for every
 *                 group at the head of a segment, so that older segments can go
 *     removed     group
 */
import { QuorateError } from '../../base/errors.ts';
import type { Entry, HardState, Position } from '../../raft/entry.ts';
import { maxEntryDataBytes } from './batch-format.ts';
import { readUint32, writeUint32 } from './fixed-numbers.ts';
import type { GroupId } from './log-write.ts';

/** The record kinds' numbers on disk: only ever add. */
export const recordKinds = {
  entries: 1,
  state: 2,
  base: 3,
  reset: 4,
  checkpoint: 5,
  removed: 6,
} as const;

/** What a checkpoint says about a group. */
export interface Checkpoint {
  readonly group: GroupId;
  readonly base: Position;
  readonly last: Position;
  readonly hardState: HardState;
}

/** What an entry takes in the table at most: head, term, checksum. */
export const entryHeadBytesMax = 5 + 8 + 4;

/** What any record takes at most, its entries not counted. */
export const recordBytesMax = 1 + 8 * 8;

/** Writes a table into a buffer that grows by doubling, behind a space for the batch's head. */
export class TableWriter {
  bytes: Uint8Array = new Uint8Array(64 * 1024);
  at = 0;

  begin(at: number): void {
    this.at = at;
  }

  /** Makes room for `more` bytes. */
  reserve(more: number): void {
    if (this.at + more <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.at + more, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.at));
    this.bytes = larger;
  }

  /** Gives up a buffer that one great batch has made large. */
  shrink(bytesMax: number): void {
    if (this.bytes.length > bytesMax) this.bytes = new Uint8Array(bytesMax);
  }

  /** The head of a record of `entries`, whose heads follow by {@link entry}. */
  entries(group: GroupId, firstIndex: number, count: number): void {
    this.reserve(recordBytesMax + count * entryHeadBytesMax);
    this.bytes[this.at++] = recordKinds.entries;
    this.#number(group);
    this.#number(firstIndex);
    this.#number(count);
  }

  entry(entry: Entry, termBefore: number, checksum: number): void {
    const newTerm = entry.term !== termBefore;
    const flags = (newTerm ? 2 : 0) + (entry.type === 'configuration' ? 1 : 0);
    this.#number(entry.data.length * 4 + flags);
    if (newTerm) this.#number(entry.term);
    writeUint32(this.bytes, this.at, checksum);
    this.at += 4;
  }

  state(group: GroupId, { term, vote, commit }: HardState): void {
    this.#record(recordKinds.state, [group, term, vote, commit]);
  }

  base(group: GroupId, { index, term }: Position): void {
    this.#record(recordKinds.base, [group, index, term]);
  }

  reset(group: GroupId, { index, term }: Position): void {
    this.#record(recordKinds.reset, [group, index, term]);
  }

  checkpoint({ group, base, last, hardState }: Checkpoint): void {
    const { term, vote, commit } = hardState;
    const numbers = [group, base.index, base.term, last.index, last.term, term, vote, commit];
    this.#record(recordKinds.checkpoint, numbers);
  }

  removed(group: GroupId): void {
    this.#record(recordKinds.removed, [group]);
  }

  #record(kind: number, numbers: readonly number[]): void {
    this.reserve(recordBytesMax);
    this.bytes[this.at++] = kind;
    for (const number of numbers) this.#number(number);
  }

  #number(value: number): void {
    const { bytes } = this;
    let rest = value;
    while (rest >= 128) {
      bytes[this.at++] = (rest % 128) | 128;
      rest = rest < 2 ** 31 ? rest >>> 7 : Math.floor(rest / 128);
    }
    bytes[this.at++] = rest;
  }
}

/** Where an entry stands, and what it is; an object that is used for one after the other. */
export interface EntryHead {
  index: number;
  term: number;
  isConfiguration: boolean;
  lengthBytes: number;
  checksum: number;
  /** Where its data begins, counted from the batch's data. */
  dataOffset: number;
}

/** Takes what a table says. */
export interface TableVisitor {
  /** `count` calls of {@link entry} follow. */
  entries(group: GroupId, firstIndex: number, count: number): void;
  /** The object is used again: what is wanted of it must be copied. */
  entry(head: EntryHead): void;
  state(group: GroupId, hardState: HardState): void;
  base(group: GroupId, base: Position): void;
  reset(group: GroupId, position: Position): void;
  checkpoint(checkpoint: Checkpoint): void;
  removed(group: GroupId): void;
}

/**
 * Reads a table to its end.
 *
 * @throws QuorateError `malformed-message`: where the checksum was right, it was written by another
 *   program.
 */
export function readTable(table: Uint8Array, visitor: TableVisitor): void {
  const reader = new TableReader(table);
  while (!reader.atEnd) reader.record(visitor);
}

class TableReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #dataOffset = 0;
  readonly #head: EntryHead = {
    index: 0,
    term: 0,
    isConfiguration: false,
    lengthBytes: 0,
    checksum: 0,
    dataOffset: 0,
  };

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  record(visitor: TableVisitor): void {
    const kind = this.#bytes[this.#at++];
    const group = this.#number();
    switch (kind) {
      case recordKinds.entries:
        return this.#entries(group, visitor);
      case recordKinds.state:
        return visitor.state(group, this.#hardState());
      case recordKinds.base:
        return visitor.base(group, this.#position());
      case recordKinds.reset:
        return visitor.reset(group, this.#position());
      case recordKinds.checkpoint: {
        const base = this.#position();
        const last = this.#position();
        return visitor.checkpoint({ group, base, last, hardState: this.#hardState() });
      }
      case recordKinds.removed:
        return visitor.removed(group);
      default:
        throw this.#fault(`unknown record ${kind}`);
    }
  }

  #entries(group: GroupId, visitor: TableVisitor): void {
    const first = this.#number();
    const count = this.#number();
    // Each takes at least a byte for its head and four for its checksum.
    if (count * 5 > this.#bytes.length - this.#at) throw this.#fault('too many entries');
    visitor.entries(group, first, count);
    const head = this.#head;
    head.term = 0;
    for (let i = 0; i < count; i++) {
      const number = this.#number();
      head.index = first + i;
      head.lengthBytes = Math.floor(number / 4);
      if (head.lengthBytes > maxEntryDataBytes) throw this.#fault('an entry is too long');
      head.isConfiguration = number % 2 === 1;
      if (number % 4 >= 2) head.term = this.#number();
      if (this.#at + 4 > this.#bytes.length) throw this.#fault('ends early');
      head.checksum = readUint32(this.#bytes, this.#at);
      this.#at += 4;
      head.dataOffset = this.#dataOffset;
      this.#dataOffset += head.lengthBytes;
      visitor.entry(head);
    }
  }

  #position(): Position {
    const index = this.#number();
    return { index, term: this.#number() };
  }

  #hardState(): HardState {
    const term = this.#number();
    const vote = this.#number();
    return { term, vote, commit: this.#number() };
  }

  #number(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw this.#fault('ends early');
      if (byte < 128) return value + byte * scale;
      value += (byte - 128) * scale;
    }
    throw this.#fault('a number is too large');
  }

  #fault(what: string): QuorateError {
    return new QuorateError('malformed-message', `table of a batch: ${what}, at byte ${this.#at}`);
  }
}
