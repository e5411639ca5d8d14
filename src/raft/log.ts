/**
 * The log as the core sees it: the storage's stable part and the unstable end as one sequence,
 * with three marks on it.
 *
 *     first …… applied …… applying …… committed …… last
 *
 * Invariants: applied ≤ applying ≤ committed ≤ last, and none of them ever moves back. Committed
 * entries are never cut off (leader completeness, §5.4). `applying` runs ahead of `applied` while
 * the host applies what it was given.
 */
import { assert } from '../base/assert.ts';
import {
  ENTRY_OVERHEAD_BYTES,
  type Entry,
  entriesBytes,
  entryBytes,
  type Position,
  type Snapshot,
} from './entry.ts';
import type { LogStorage } from './storage.ts';
import { Unstable } from './unstable.ts';

export class Log {
  readonly storage: LogStorage;
  readonly unstable: Unstable;
  /** The largest index known to be durable on a quorum. */
  committed: number;
  /** The largest index handed out for applying. */
  applying: number;
  /** The largest index that the host has applied. */
  applied: number;
  /** Limits what is handed out for applying and not yet applied. */
  readonly #applyingBytesMax: number;
  #applyingBytes = 0;
  /** Set while that limit holds entries back. */
  #applyingPaused = false;

  constructor(storage: LogStorage, applyingBytesMax: number) {
    this.storage = storage;
    this.unstable = new Unstable(storage.lastIndex() + 1);
    const compacted = storage.firstIndex() - 1;
    this.committed = compacted;
    this.applying = compacted;
    this.applied = compacted;
    this.#applyingBytesMax = applyingBytesMax;
  }

  firstIndex(): number {
    const { snapshot } = this.unstable;
    return snapshot === undefined ? this.storage.firstIndex() : snapshot.index + 1;
  }

  lastIndex(): number {
    return this.unstable.lastIndex() ?? this.storage.lastIndex();
  }

  last(): Position {
    const index = this.lastIndex();
    const term = this.term(index);
    assert(term !== undefined, () => `the term of the last entry, ${index}, is unknown`);
    return { term, index };
  }

  /** The last entry known to be committed. */
  committedPosition(): Position {
    const index = this.committed;
    const term = this.term(index);
    assert(term !== undefined, () => `the term of the committed entry ${index} is unknown`);
    return { term, index };
  }

  /** The term at `index`, or undefined where the entry is compacted away or does not exist. */
  term(index: number): number | undefined {
    const term = this.unstable.term(index);
    if (term !== undefined) return term;
    // The entry before the first is gone, but its term is known: appends are matched against it.
    if (index + 1 < this.firstIndex() || index > this.lastIndex()) return undefined;
    return this.storage.term(index);
  }

  matches(position: Position): boolean {
    return this.term(position.index) === position.term;
  }

  /** The vote rule's comparison (§5.4.1): is a log that ends at `position` at least as good? */
  isUpToDate(position: Position): boolean {
    const last = this.last();
    return (
      position.term > last.term || (position.term === last.term && position.index >= last.index)
    );
  }

  /**
   * Entries from `from` on, as many as fit into `bytesMax` but at least one; empty at the end.
   * Undefined where they are compacted away or not at hand.
   */
  entriesFrom(from: number, bytesMax: number): readonly Entry[] | undefined {
    return this.slice(from, this.lastIndex() + 1, bytesMax);
  }

  /** Entries from `from` up to and without `to`, limited as {@link entriesFrom}. */
  slice(from: number, to: number, bytesMax: number): readonly Entry[] | undefined {
    if (from >= to) return [];
    if (from < this.firstIndex()) return undefined;
    const { offset } = this.unstable;
    if (from >= offset) return this.#unstableSlice(from, to, bytesMax);
    const boundary = Math.min(to, offset);
    const stable = this.storage.entries(from, boundary, bytesMax);
    if (stable === undefined || stable.length < boundary - from || boundary === to) return stable;
    const bytesLeft = bytesMax - entriesBytes(stable);
    if (bytesLeft < entryBytes(this.unstable.at(offset))) return stable;
    return stable.concat(this.#unstableSlice(offset, to, bytesLeft));
  }

  #unstableSlice(from: number, to: number, bytesMax: number): readonly Entry[] {
    let end = from + 1;
    let bytes = entryBytes(this.unstable.at(from));
    while (end < to) {
      bytes += ENTRY_OVERHEAD_BYTES + this.unstable.at(end).data.length;
      if (bytes > bytesMax) break;
      end++;
    }
    return this.unstable.slice(from, end);
  }

  /** Appends behind what must not change: the committed part. */
  append(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    const from = entries[0]!.index;
    assert(from > this.committed, () => `entry ${from} would replace a committed one`);
    this.unstable.append(entries);
  }

  /**
   * The follower's half of AppendEntries (§5.3, steps 2 to 4): appends what is new if the entry
   * before matches, and cuts off only from the first conflict on. Returns whether it matched.
   */
  appendAfter(previous: Position, entries: readonly Entry[]): boolean {
    if (!this.matches(previous)) return false;
    const known = entries.findIndex((entry) => !this.matches(entry));
    if (known !== -1) this.append(known === 0 ? entries : entries.slice(known));
    return true;
  }

  /**
   * The largest index ≤ `index` at which a log that has `term` there could still match this one,
   * by its term alone: terms never decrease along a log. Saves a probe for each entry (§5.3).
   */
  possibleMatch(index: number, term: number): Position {
    for (let guess = index; guess > 0; guess--) {
      const ours = this.term(guess);
      // What is compacted away is committed and may match; 0 says that the term is unknown.
      if (ours === undefined) return { index: guess, term: 0 };
      if (ours <= term) return { index: guess, term: ours };
    }
    return { index: 0, term: 0 };
  }

  commitTo(index: number): void {
    if (index <= this.committed) return;
    const last = this.lastIndex();
    assert(
      index <= last,
      () => `commit ${index} lies beyond the last entry, ${last}: was the log lost?`,
    );
    this.committed = index;
  }

  /** Replaces everything by the snapshot. */
  restore(snapshot: Snapshot): void {
    assert(snapshot.index > this.committed, 'a snapshot takes back committed entries');
    this.committed = snapshot.index;
    this.unstable.restore(snapshot);
  }

  snapshot(): Snapshot | undefined {
    return this.unstable.snapshot ?? this.storage.snapshot();
  }

  /** Whether a snapshot waits to be installed or is being installed. */
  get installing(): boolean {
    return this.unstable.snapshot !== undefined;
  }

  /** The largest index that may be applied; without `unstable`, only what is durable here. */
  applicable(unstable: boolean): number {
    return unstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1);
  }

  hasCommitted(unstable: boolean): boolean {
    return !this.#applyingPaused && !this.installing && this.applying < this.applicable(unstable);
  }

  /** Committed entries to hand out for applying, or undefined while the storage fetches them. */
  nextCommitted(unstable: boolean): readonly Entry[] | undefined {
    if (!this.hasCommitted(unstable)) return [];
    assert(this.applying + 1 >= this.firstIndex(), 'an entry is compacted away unapplied');
    const bytesMax = this.#applyingBytesMax - this.#applyingBytes;
    assert(bytesMax > 0, 'entries are handed out beyond the limit');
    return this.slice(this.applying + 1, this.applicable(unstable) + 1, bytesMax);
  }

  /** Notes that `entries` were handed out for applying. */
  markApplying(entries: readonly Entry[], unstable: boolean): void {
    const last = entries[entries.length - 1]!.index;
    assert(
      this.applying < last && last <= this.committed,
      () => `entry ${last} must not be applied yet`,
    );
    this.applying = last;
    this.#applyingBytes += entriesBytes(entries);
    // Pause also where the next entry did not fit any more: it would not fit next time either.
    this.#applyingPaused =
      this.#applyingBytes >= this.#applyingBytesMax || last < this.applicable(unstable);
  }

  /** Notes that everything up to `index` is applied, `bytes` of it by {@link entriesBytes}. */
  markApplied(index: number, bytes: number): void {
    assert(
      this.applied <= index && index <= this.committed,
      () => `applied ${index} is out of range`,
    );
    this.applied = index;
    this.applying = Math.max(this.applying, index);
    this.#applyingBytes = Math.max(0, this.#applyingBytes - bytes);
    this.#applyingPaused = this.#applyingBytes >= this.#applyingBytesMax;
  }
}
