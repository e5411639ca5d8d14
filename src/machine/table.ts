/**
 * What stands behind every collection: an ordered table of keys and values that keeps its hash,
 * tells the journal of each change, and can be frozen. `memory-table.ts` has the one in memory.
 */
import type { Journal } from './journal.ts';
import type { Key } from './key.ts';
import type { Absent, KeyRange } from './page-tree.ts';

/** A state of a table that stays as it is. */
export interface FrozenTable {
  readonly size: number;
  /** As kept, to be encoded. */
  entries(): IterableIterator<[Key, unknown]>;
}

export interface Table {
  readonly name: string;
  readonly size: number;
  /** The sum of the entries' hashes. */
  readonly hash: number;
  get(key: Key): unknown | Absent;
  has(key: Key): boolean;
  /** @throws QuorateError `read-only`, `over-quota`, `unsupported-value`, `value-too-large` */
  set(key: Key, value: unknown): void;
  /** Whether there was something. */
  delete(key: Key): boolean;
  clear(): void;
  /** Keys and values as they may be given out. */
  entries(range?: KeyRange): IterableIterator<[Key, unknown]>;
  /** The first or, in reverse, the last entry. */
  end(reverse: boolean): [Key, unknown] | undefined;
  freeze(): FrozenTable;
  /** For a restore, which writes without a journal. */
  load(key: Key, value: unknown): void;
  /** For a restore: forgets everything. */
  reset(): void;
}

/** What a table is opened with. */
export interface TableInit {
  readonly name: string;
  readonly journal: Journal;
  readonly entriesMax: number;
}

/** A state that stays as it is. */
export interface FrozenState {
  /** To be called once it is not needed any more. */
  close(): void;
  readonly tables: readonly { readonly name: string; readonly table: FrozenTable }[];
  readonly plain: readonly { readonly name: string; readonly bytes: Uint8Array }[];
}
