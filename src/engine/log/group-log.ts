/**
 * One group's part of the log, as Raft sees it: where it begins and ends and the term of every entry
 * are always at hand, the newest entries are in memory, older ones are read back when asked for.
 *
 *     base │ on disk only │ on disk and in memory │ in memory, being written
 *          firstIndex     cacheFirst                                    lastIndex
 *
 * It changes when something is handed to the log, before that is durable: Raft itself remembers
 * what it was not yet told to be stable, and reads only what was.
 */
import { assert } from '../../base/assert.ts';
import { type ConfigurationState, emptyConfiguration } from '../../raft/configuration.ts';
import {
  ENTRY_OVERHEAD_BYTES,
  type Entry,
  type HardState,
  NOBODY,
  type Position,
  type Snapshot,
} from '../../raft/entry.ts';
import type { LogStorage } from '../../raft/storage.ts';
import { type CachedEntries, cachedBytes, type EntryCache } from './entry-cache.ts';
import { EntryPlaces } from './entry-places.ts';
import type { GroupId, Ticket } from './log-write.ts';
import { RunList } from './run-list.ts';

/** Released entries that stay in memory: whoever leads next may have to send them once more. */
const keptEntries = 256;

/** What a group needs of the log that it is part of. */
export interface GroupHost {
  readonly cache: EntryCache;
  /** Entries that were read back, from `from` on, if they are at hand; else begins to read them. */
  readBack(group: GroupLog, from: number): readonly Entry[] | undefined;
  /** Something of the group that stands in the log's tables has changed. */
  changed(group: GroupLog): void;
}

export class GroupLog implements LogStorage, CachedEntries {
  readonly id: GroupId;
  readonly #host: GroupHost;
  /** Entries up to here are not needed any more. Invariant: never moves back. */
  base: Position = { index: 0, term: 0 };
  /** The latest that was handed to the log; `commit` is only a hint. */
  hardState: HardState = { term: 0, vote: NOBODY, commit: 0 };
  /** Counts cuts of the end, so that what was read from disk meanwhile is not believed. */
  cuts = 0;
  /** Writes that are not encoded into a batch yet. */
  queued = 0;
  /** How the group stands in the batches that were encoded so far. */
  written: { base: Position; last: Position; hardState: HardState } = {
    base: { index: 0, term: 0 },
    last: { index: 0, term: 0 },
    hardState: { term: 0, vote: NOBODY, commit: 0 },
  };
  readonly places = new EntryPlaces();
  /** The segment of each entry whose place is known. */
  readonly segments = new RunList();
  readonly #terms = new RunList();
  /** The end of the log, from `#cacheHead` on. */
  #cache: Entry[] = [];
  #cacheHead = 0;
  /** Entries from `index` on were replaced with `ticket`, and perhaps again before. */
  #replaced = { index: 0, ticket: 0 };
  /**
   * Where each write begins that may not be durable yet, in the order of their tickets. Those that
   * are durable go when the next one begins, so it is no longer than what is on its way.
   */
  #pending: { readonly first: number; readonly ticket: Ticket }[] = [];
  #snapshot: Snapshot | undefined;
  /** A snapshot was asked for where there is none; whoever makes one takes this back. */
  snapshotWanted = false;
  #configuration: ConfigurationState = emptyConfiguration;

  constructor(id: GroupId, host: GroupHost) {
    this.id = id;
    this.#host = host;
  }

  initialState(): { hardState: HardState; configuration: ConfigurationState } {
    return { hardState: this.hardState, configuration: this.#configuration };
  }

  firstIndex(): number {
    return this.base.index + 1;
  }

  lastIndex(): number {
    return this.places.lastIndex;
  }

  term(index: number): number {
    if (index === this.base.index) return this.base.term;
    assert(
      this.base.index < index && index <= this.lastIndex(),
      () => `entry ${index} is not stored`,
    );
    return this.#terms.at(index);
  }

  /** The position of the last entry, or of the base. */
  last(): Position {
    const index = this.lastIndex();
    return { index, term: this.term(index) };
  }

  entries(from: number, to: number, bytesMax: number): readonly Entry[] | undefined {
    const { lastIndex } = this.places;
    assert(
      this.base.index < from && from <= to && to <= lastIndex + 1,
      () => `entries [${from}, ${to}) are not stored`,
    );
    if (from === to) return [];
    const start = from - this.cacheFirst();
    if (start >= 0) return limited(this.#cache, this.#cacheHead + start, to - from, bytesMax);
    const read = this.#host.readBack(this, from);
    if (read === undefined) return undefined;
    return limited(read, from - read[0]!.index, to - from, bytesMax);
  }

  /** The snapshot, for the member itself. */
  get ownSnapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  snapshot(): Snapshot | undefined {
    if (this.#snapshot === undefined) this.snapshotWanted = true;
    return this.#snapshot;
  }

  /**
   * What {@link snapshot} shall say: the newest that is durable here, or undefined where none is.
   * Its index must be at least `firstIndex() − 1`.
   */
  setSnapshot(snapshot: Snapshot | undefined): void {
    assert(
      snapshot === undefined || snapshot.index >= this.base.index,
      () =>
        `group ${this.id}: a snapshot at ${snapshot?.index} lies before the log, ${this.base.index}`,
    );
    this.#snapshot = snapshot;
  }

  /** What {@link initialState} shall say: the configuration at what is applied. */
  setConfiguration(configuration: ConfigurationState): void {
    this.#configuration = configuration;
  }

  /**
   * Entries up to here are durable as they stand now. What is committed may reach further, for a
   * quorum may be made of other members; what is applied never does.
   */
  durableIndex(): number {
    this.#dropDurable();
    return this.#pending.reduce((least, { first }) => Math.min(least, first - 1), this.lastIndex());
  }

  /**
   * Whatever stands for the log up to `index` (a snapshot, a store, its own beginning) must not know
   * more than the log itself would after a loss of power: else the log would come back shorter than
   * what rests on it, or with what the leader has since replaced.
   */
  assertDurable(index: number): void {
    assert(
      index <= this.base.index || index <= this.durableIndex(),
      () => `group ${this.id}: entry ${index} is not durable, only ${this.durableIndex()}`,
    );
  }

  /**
   * Entries up to `index` are not needed any more: a durable snapshot or a synced store covers
   * them. Their files go when no group needs anything in them. An index that was compacted
   * before changes nothing; one beyond what is durable here is a bug.
   */
  compactTo(index: number): void {
    if (index <= this.base.index) return;
    this.assertDurable(index);
    const base = { index, term: this.term(index) };
    this.uncacheThrough(index);
    this.rebase(base);
    this.#host.changed(this);
  }

  /** The index of the first entry that is in memory, or the one after the last. */
  cacheFirst(): number {
    return this.places.lastIndex + 1 - (this.#cache.length - this.#cacheHead);
  }

  /** The entry if it is in memory. */
  cached(index: number): Entry | undefined {
    const offset = index - this.cacheFirst();
    return offset < 0 ? undefined : this.#cache[this.#cacheHead + offset];
  }

  /**
   * Nobody is expected to ask for entries up to `index` soon: they need not be kept in memory. Those
   * that do not grow old cost the collector next to nothing, so this is worth saying every turn.
   */
  release(index: number): void {
    this.uncacheDurable(index - keptEntries, this.#host.cache.durableTicket);
  }

  uncacheDurable(index: number, durableTicket: Ticket): void {
    const { index: replaced, ticket } = this.#replaced;
    this.uncacheThrough(ticket > durableTicket ? Math.min(index, replaced - 1) : index);
  }

  uncacheThrough(index: number): void {
    const drop = Math.min(index + 1 - this.cacheFirst(), this.#cache.length - this.#cacheHead);
    if (drop <= 0) return;
    let bytes = 0;
    for (let i = this.#cacheHead; i < this.#cacheHead + drop; i++) {
      bytes += cachedBytes(this.#cache[i]!);
    }
    this.#host.cache.dropped(bytes);
    this.#cacheHead += drop;
    // Only now and then, so that giving up one entry does not cost a move of all.
    if (this.#cacheHead * 2 > this.#cache.length) {
      this.#cache = this.#cache.slice(this.#cacheHead);
      this.#cacheHead = 0;
    }
  }

  // What follows is for the log itself.

  /** Takes over entries that are handed to the log; what stands from the first on is replaced. */
  append(entries: readonly Entry[], ticket: Ticket): void {
    const first = entries[0]!.index;
    assert(first > this.base.index, () => `group ${this.id}: entry ${first} is compacted away`);
    assert(first <= this.lastIndex() + 1, () => `group ${this.id}: entry ${first} leaves a gap`);
    if (first <= this.lastIndex()) this.#replace(first, ticket);
    this.#begun(first, ticket);
    let { term } = this.last();
    let bytes = 0;
    let next = first;
    for (const entry of entries) {
      assert(
        entry.index === next && entry.term >= term,
        () => `group ${this.id}: entry out of order`,
      );
      if (entry.term !== term || this.#terms.empty) {
        term = entry.term;
        this.#terms.set(next, term);
      }
      this.places.extend();
      this.#cache.push(entry);
      bytes += cachedBytes(entry);
      next++;
    }
    this.#host.cache.added(this, next - 1, ticket, bytes);
  }

  /** Until the ticket is durable, what now stands from `first` on can only be had from memory. */
  #replace(first: number, ticket: Ticket): void {
    const { index, ticket: before } = this.#replaced;
    const pending = before > this.#host.cache.durableTicket;
    this.#replaced = { index: pending ? Math.min(index, first) : first, ticket };
    this.cutFrom(first);
  }

  /** Adds an entry that was found on disk: not in memory, its place yet to be set. */
  recovered(index: number, term: number): void {
    assert(index === this.lastIndex() + 1, () => `group ${this.id}: entry ${index} leaves a gap`);
    if (this.#terms.empty || this.term(index - 1) !== term) this.#terms.set(index, term);
    this.places.extend();
  }

  /** Forgets entries from `index` on. */
  cutFrom(index: number): void {
    const first = this.cacheFirst();
    const keep = Math.max(0, index - first) + this.#cacheHead;
    let bytes = 0;
    for (let i = keep; i < this.#cache.length; i++) bytes += cachedBytes(this.#cache[i]!);
    if (bytes > 0) this.#host.cache.dropped(bytes);
    this.#cache.length = Math.min(this.#cache.length, keep);
    this.#terms.cutFrom(index);
    this.segments.cutFrom(index);
    this.places.cutFrom(index);
    this.cuts++;
  }

  /** A snapshot from the leader stands for everything up to its position; nothing follows it. */
  install(position: Position, ticket: Ticket): void {
    if (position.index < this.lastIndex()) this.#replace(position.index + 1, ticket);
    this.#begun(position.index + 1, ticket);
    this.reset(position);
  }

  /** A write is on its way, of what begins at `first`. */
  #begun(first: number, ticket: Ticket): void {
    this.#dropDurable();
    this.#pending.push({ first, ticket });
  }

  #dropDurable(): void {
    const { durableTicket } = this.#host.cache;
    const pending = this.#pending;
    let durable = 0;
    while (durable < pending.length && pending[durable]!.ticket <= durableTicket) durable++;
    if (durable > 0) pending.splice(0, durable);
  }

  /** Entries up to the new base are forgotten; it lies in the log. */
  rebase(base: Position): void {
    this.base = base;
    this.places.dropThrough(base.index);
    this.#terms.dropBefore(base.index + 1);
    this.segments.dropBefore(base.index + 1);
    if (this.#snapshot !== undefined && this.#snapshot.index < base.index) {
      this.#snapshot = undefined;
    }
  }

  /** The log begins anew behind `position`. */
  reset(position: Position): void {
    this.cutFrom(this.firstIndex());
    // Runs may begin before the log does.
    this.#terms.cutFrom(0);
    this.segments.cutFrom(0);
    this.base = position;
    this.places.reset(position.index + 1);
    if (this.#snapshot !== undefined && this.#snapshot.index < position.index) {
      this.#snapshot = undefined;
    }
  }
}

/** As many of `count` entries from `start` on as have at most `bytesMax`, but at least one. */
function limited(
  entries: readonly Entry[],
  start: number,
  count: number,
  bytesMax: number,
): readonly Entry[] {
  const limit = Math.min(entries.length, start + count);
  let end = start;
  let bytes = 0;
  while (end < limit) {
    bytes += ENTRY_OVERHEAD_BYTES + entries[end]!.data.length;
    if (bytes > bytesMax && end > start) break;
    end++;
  }
  return entries.slice(start, end);
}
