/**
 * The end of the log that is not known to be durable: entries and perhaps a snapshot that were not
 * yet handed to the host, or were handed out and are being written.
 *
 *     … stable in storage │ being written │ not yet handed out
 *                      offset          written            end
 *
 * Invariants: offset ≤ written ≤ end; entry i has index offset + i. `offset` may lie below the
 * storage's last index: then the next write replaces what stands there.
 */
import { assert } from '../base/assert.ts';
import type { Entry, Position, Snapshot } from './entry.ts';

export class Unstable {
  /** The index of the first entry held, or of the next one to come. */
  offset: number;
  snapshot: Snapshot | undefined = undefined;
  #entries: Entry[] = [];
  /** Entries below this index were handed out for writing. */
  #written: number;
  #snapshotWritten = false;

  constructor(offset: number) {
    this.offset = offset;
    this.#written = offset;
  }

  get empty(): boolean {
    return this.#entries.length === 0;
  }

  /** One past the last index held. */
  get end(): number {
    return this.offset + this.#entries.length;
  }

  /** The last index, or undefined where only the storage knows it. */
  lastIndex(): number | undefined {
    return this.empty ? this.snapshot?.index : this.end - 1;
  }

  /** The term at `index`, or undefined where only the storage may know it. */
  term(index: number): number | undefined {
    if (index >= this.offset) return this.#entries[index - this.offset]?.term;
    return this.snapshot?.index === index ? this.snapshot.term : undefined;
  }

  /** Entries from `from` up to and without `to`, all of which must be held. */
  slice(from: number, to: number): readonly Entry[] {
    assert(
      this.offset <= from && from <= to && to <= this.end,
      () => `unstable [${from}, ${to}) is not held`,
    );
    return this.#entries.slice(from - this.offset, to - this.offset);
  }

  at(index: number): Entry {
    const entry = this.#entries[index - this.offset];
    assert(entry !== undefined, () => `unstable entry ${index} is not held`);
    return entry;
  }

  get hasUnwritten(): boolean {
    return this.#written < this.end;
  }

  /** Entries not yet handed out. */
  unwritten(): readonly Entry[] {
    return this.hasUnwritten ? this.slice(this.#written, this.end) : [];
  }

  /** The snapshot, if it was not yet handed out. */
  unwrittenSnapshot(): Snapshot | undefined {
    return this.#snapshotWritten ? undefined : this.snapshot;
  }

  /** Everything held has been handed out. */
  markWritten(): void {
    this.#written = this.end;
    this.#snapshotWritten = this.snapshot !== undefined;
  }

  /**
   * Everything up to `last` is durable and nothing on its way can overwrite it. A position that is
   * not held, or was replaced by another term's entry since, changes nothing.
   */
  markStable(last: Position): void {
    if (last.index < this.offset || this.term(last.index) !== last.term) return;
    this.#entries.splice(0, last.index + 1 - this.offset);
    this.offset = last.index + 1;
    this.#written = Math.max(this.#written, this.offset);
  }

  markSnapshotStable(index: number): void {
    if (this.snapshot?.index !== index) return;
    this.snapshot = undefined;
    this.#snapshotWritten = false;
  }

  /** The snapshot replaces everything. */
  restore(snapshot: Snapshot): void {
    this.offset = snapshot.index + 1;
    this.#written = this.offset;
    this.#entries = [];
    this.snapshot = snapshot;
    this.#snapshotWritten = false;
  }

  /** Appends, cutting off first what stands at the first new index and behind it. */
  append(entries: readonly Entry[]): void {
    const from = entries[0]!.index;
    assert(from <= this.end, () => `entry ${from} leaves a gap behind ${this.end - 1}`);
    if (from <= this.offset) {
      this.offset = from;
      this.#entries.length = 0;
    } else {
      this.#entries.length = from - this.offset;
    }
    this.#written = Math.min(this.#written, from);
    for (const entry of entries) this.#entries.push(entry);
  }
}
