/**
 * An ordered map in memory from bytes to values, which can be kept as it is at any moment in no
 * time: the layer above a store.
 *
 * It has two levels: an array of pages, each a sorted run of at most {@link pageEntriesMax} entries.
 * That is as good as a tree as long as the pages number some tens of thousands, which the bound of
 * a layer sees to. A snapshot shares all pages; a page that is shared is copied before it is
 * changed (copy on write), and so is the array of pages.
 */
import { compareBytes } from '../base/compare-bytes.ts';

/** A page that would hold more is split in two. */
const pageEntriesMax = 128;

interface Page<V> {
  /** The table state that may change the page; any other copies it. */
  readonly owner: object;
  readonly keys: Uint8Array[];
  readonly values: V[];
}

/** Bounds of a walk, as in the Store port. */
export interface TableRange {
  readonly from?: Uint8Array | undefined;
  readonly to?: Uint8Array | undefined;
  readonly reverse?: boolean | undefined;
}

/** Stands on one entry after the other: `key` and `value` hold while {@link TableCursor.valid}. */
export interface TableCursor<V> {
  readonly valid: boolean;
  readonly key: Uint8Array;
  readonly value: V;
  advance(): void;
}

/** What can be read of a table, and of the snapshot of one. */
export class SortedView<V> {
  protected pages: Page<V>[];
  protected entryCount: number;

  protected constructor(pages: Page<V>[], entryCount: number) {
    this.pages = pages;
    this.entryCount = entryCount;
  }

  /** How many entries there are. */
  get size(): number {
    return this.entryCount;
  }

  get(key: Uint8Array): V | undefined {
    const page = this.pages[this.pageFor(key)];
    if (page === undefined) return undefined;
    const at = lowerBound(page.keys, key);
    const found = page.keys[at];
    return found !== undefined && compareBytes(found, key) === 0 ? page.values[at] : undefined;
  }

  /** A walk over the entries as they are now, in a snapshot; a table must not change during it. */
  cursor(range: TableRange = {}): TableCursor<V> {
    return range.reverse === true
      ? new BackwardCursor(this.pages, range, (key) => this.pageFor(key))
      : new ForwardCursor(this.pages, range, (key) => this.pageFor(key));
  }

  /** The last page that begins at or before `key`; the first if all begin after it. */
  protected pageFor(key: Uint8Array): number {
    let low = 1;
    let high = this.pages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes(this.pages[middle]!.keys[0]!, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** The map itself. Values are never undefined. */
export class SortedTable<V> extends SortedView<V> {
  /** Pages with this owner, and the array of pages if its owner is this, are nobody else's. */
  #owner: object = {};
  #pagesOwner: object = this.#owner;

  constructor() {
    super([], 0);
  }

  /** Puts a value in a key's place; answers the one that was there. */
  set(key: Uint8Array, value: V): V | undefined {
    this.#ownPages();
    if (this.pages.length === 0) {
      this.pages.push({ owner: this.#owner, keys: [key], values: [value] });
      this.entryCount = 1;
      return undefined;
    }
    const pageAt = this.pageFor(key);
    const page = this.#ownPage(pageAt);
    const at = lowerBound(page.keys, key);
    const found = page.keys[at];
    if (found !== undefined && compareBytes(found, key) === 0) {
      const before = page.values[at]!;
      page.values[at] = value;
      return before;
    }
    this.entryCount++;
    if (at === page.keys.length) {
      page.keys.push(key);
      page.values.push(value);
    } else {
      page.keys.splice(at, 0, key);
      page.values.splice(at, 0, value);
    }
    if (page.keys.length > pageEntriesMax) this.#split(pageAt, page, at);
    return undefined;
  }

  /** Takes an entry out; answers the value that was there. */
  remove(key: Uint8Array): V | undefined {
    if (this.pages.length === 0) return undefined;
    const pageAt = this.pageFor(key);
    const at = lowerBound(this.pages[pageAt]!.keys, key);
    const found = this.pages[pageAt]!.keys[at];
    if (found === undefined || compareBytes(found, key) !== 0) return undefined;
    this.#ownPages();
    const page = this.#ownPage(pageAt);
    const before = page.values[at];
    page.keys.splice(at, 1);
    page.values.splice(at, 1);
    this.entryCount--;
    if (page.keys.length === 0) this.pages.splice(pageAt, 1);
    return before;
  }

  /** The entries as they are now, whatever happens to the table. */
  snapshot(): SortedView<V> {
    this.#owner = {};
    return new Snapshot(this.pages, this.entryCount);
  }

  #ownPages(): void {
    if (this.#pagesOwner === this.#owner) return;
    this.pages = this.pages.slice();
    this.#pagesOwner = this.#owner;
  }

  #ownPage(at: number): Page<V> {
    const page = this.pages[at]!;
    if (page.owner === this.#owner) return page;
    const copy = { owner: this.#owner, keys: page.keys.slice(), values: page.values.slice() };
    this.pages[at] = copy;
    return copy;
  }

  /** Keys that arrive in order leave full pages behind; others are split in the middle. */
  #split(pageAt: number, page: Page<V>, insertedAt: number): void {
    const appended = insertedAt === page.keys.length - 1;
    const half = appended ? page.keys.length - 1 : page.keys.length >>> 1;
    this.pages.splice(pageAt + 1, 0, {
      owner: this.#owner,
      keys: page.keys.splice(half),
      values: page.values.splice(half),
    });
  }
}

class Snapshot<V> extends SortedView<V> {
  // Public, unlike the view's own, which is for those who extend it.
  constructor(pages: Page<V>[], entryCount: number) {
    super(pages, entryCount);
  }
}

/** The place of the first key that is not before `key`. */
function lowerBound(keys: readonly Uint8Array[], key: Uint8Array): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes(keys[middle]!, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

class ForwardCursor<V> implements TableCursor<V> {
  readonly #pages: readonly Page<V>[];
  readonly #to: Uint8Array | undefined;
  #pageAt: number;
  #at = 0;

  constructor(pages: readonly Page<V>[], range: TableRange, pageFor: (key: Uint8Array) => number) {
    this.#pages = pages;
    this.#to = range.to;
    this.#pageAt = range.from === undefined ? 0 : pageFor(range.from);
    const page = pages[this.#pageAt];
    if (range.from !== undefined && page !== undefined)
      this.#at = lowerBound(page.keys, range.from);
    this.#settle();
  }

  get valid(): boolean {
    return this.#pageAt < this.#pages.length;
  }

  get key(): Uint8Array {
    return this.#pages[this.#pageAt]!.keys[this.#at]!;
  }

  get value(): V {
    return this.#pages[this.#pageAt]!.values[this.#at]!;
  }

  advance(): void {
    this.#at++;
    this.#settle();
  }

  #settle(): void {
    const page = this.#pages[this.#pageAt];
    if (page === undefined) return;
    if (this.#at === page.keys.length) {
      this.#pageAt++;
      this.#at = 0;
    }
    if (this.valid && this.#to !== undefined && compareBytes(this.key, this.#to) >= 0) {
      this.#pageAt = this.#pages.length;
    }
  }
}

class BackwardCursor<V> implements TableCursor<V> {
  readonly #pages: readonly Page<V>[];
  readonly #from: Uint8Array | undefined;
  #pageAt: number;
  #at: number;

  constructor(pages: readonly Page<V>[], range: TableRange, pageFor: (key: Uint8Array) => number) {
    this.#pages = pages;
    this.#from = range.from;
    this.#pageAt = -1;
    this.#at = 0;
    if (pages.length === 0) return;
    this.#pageAt = range.to === undefined ? pages.length - 1 : pageFor(range.to);
    const { keys } = pages[this.#pageAt]!;
    this.#at = (range.to === undefined ? keys.length : lowerBound(keys, range.to)) - 1;
    this.#settle();
  }

  get valid(): boolean {
    return this.#pageAt >= 0;
  }

  get key(): Uint8Array {
    return this.#pages[this.#pageAt]!.keys[this.#at]!;
  }

  get value(): V {
    return this.#pages[this.#pageAt]!.values[this.#at]!;
  }

  advance(): void {
    this.#at--;
    this.#settle();
  }

  #settle(): void {
    if (this.#pageAt < 0) return;
    if (this.#at < 0) {
      this.#pageAt--;
      if (this.#pageAt >= 0) this.#at = this.#pages[this.#pageAt]!.keys.length - 1;
    }
    if (this.valid && this.#from !== undefined && compareBytes(this.key, this.#from) < 0) {
      this.#pageAt = -1;
    }
  }
}
