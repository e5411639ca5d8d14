/** A table in memory, on a tree of pages that are copied when written after a freeze. */
import { QuorateError } from '../base/errors.ts';
import { everything, type Journal, type Recorder } from './journal.ts';
import { giveValue, keepValue, lookAtValue } from './kept-value.ts';
import { giveKey, type Key, keepKey } from './key.ts';
import { type Absent, absent, type KeyRange, PageTree, type TreeView } from './page-tree.ts';
import type { FrozenTable, Table, TableInit } from './table.ts';
import { addHash, entryHash, subtractHash, textHash } from './value-hash.ts';

interface Emptied {
  readonly view: TreeView<unknown>;
  readonly hash: number;
}

export class MemoryTable implements Table, Recorder {
  readonly name: string;
  readonly #journal: Journal;
  readonly #entriesMax: number;
  readonly #tree = new PageTree<unknown>();
  readonly #seed: number;
  #hash = 0;

  constructor({ name, journal, entriesMax }: TableInit) {
    this.name = name;
    this.#journal = journal;
    this.#entriesMax = entriesMax;
    this.#seed = textHash(name) >>> 0;
  }

  get size(): number {
    return this.#tree.size;
  }

  get hash(): number {
    return this.#hash;
  }

  get(key: Key): unknown | Absent {
    return giveValue(this.#tree.get(key));
  }

  has(key: Key): boolean {
    return this.#tree.get(key) !== absent;
  }

  set(key: Key, value: unknown): void {
    this.#journal.check();
    const keptKey = keepKey(key);
    const kept = keepValue(value);
    const before = this.#put(keptKey, kept);
    if (before === absent && this.#tree.size > this.#entriesMax) {
      this.#put(keptKey, absent);
      const message = `${this.name} holds at most ${this.#entriesMax} entries`;
      throw new QuorateError('over-quota', message, { details: { part: this.name } });
    }
    this.#journal.record(this, keptKey, before, kept);
  }

  delete(key: Key): boolean {
    this.#journal.check();
    const keptKey = keepKey(key);
    const before = this.#put(keptKey, absent);
    if (before === absent) return false;
    this.#journal.record(this, keptKey, before, absent);
    return true;
  }

  clear(): void {
    this.#journal.check();
    if (this.#tree.size === 0) return;
    const before: Emptied = { view: this.#tree.freeze(), hash: this.#hash };
    this.reset();
    this.#journal.record(this, everything, before, absent);
  }

  *entries(range?: KeyRange): IterableIterator<[Key, unknown]> {
    for (const [key, kept] of this.#tree.entries(range)) yield [giveKey(key), giveValue(kept)];
  }

  end(reverse: boolean): [Key, unknown] | undefined {
    const entry = reverse ? this.#tree.last() : this.#tree.first();
    return entry === undefined ? undefined : [giveKey(entry[0]), giveValue(entry[1])];
  }

  freeze(): FrozenTable {
    const view = this.#tree.freeze();
    return {
      size: view.size,
      *entries() {
        for (const [key, kept] of view.entries()) yield [key, lookAtValue(kept)];
      },
    };
  }

  load(key: Key, value: unknown): void {
    this.#put(keepKey(key), keepValue(value));
  }

  reset(): void {
    this.#tree.clear();
    this.#hash = 0;
  }

  undo(key: Key | typeof everything, before: unknown): void {
    if (key !== everything) {
      this.#put(key, before);
      return;
    }
    const { view, hash } = before as Emptied;
    this.#tree.revert(view);
    this.#hash = hash;
  }

  give(after: unknown): unknown {
    return giveValue(after);
  }

  /** Writes as kept, or removes, and keeps the hash; returns what was kept before. */
  #put(key: Key, kept: unknown): unknown {
    const before = kept === absent ? this.#tree.delete(key) : this.#tree.set(key, kept);
    if (before !== absent) this.#hash = subtractHash(this.#hash, this.#entryHash(key, before));
    if (kept !== absent) this.#hash = addHash(this.#hash, this.#entryHash(key, kept));
    return before;
  }

  #entryHash(key: Key, kept: unknown): number {
    return entryHash(this.#seed, key, lookAtValue(kept));
  }
}
