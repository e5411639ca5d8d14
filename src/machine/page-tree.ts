/**
 * An ordered map in memory whose state can be frozen in no time: a B+ tree of pages that are copied
 * when they are written for the first time after a freeze (copy on write).
 *
 * A page carries the epoch in which it was made. Freezing hands out the root and begins a new epoch;
 * a page of an earlier epoch may be seen by a frozen view and is copied before it is changed. So a
 * freeze costs nothing, and while a view is being walked each page is copied at most once.
 *
 * Pages hold up to {@link PAGE_ENTRIES_MAX} entries. A page that falls below a quarter of that is
 * merged with a neighbour, or shares with it evenly; so none but the root is ever empty, save the
 * newest at the right end, which is split behind its last entry: keys that come in order fill pages.
 */
import { assert } from '../base/assert.ts';
import { compareKeys, type Key } from './key.ts';

export const PAGE_ENTRIES_MAX = 64;
const MERGE_BELOW = PAGE_ENTRIES_MAX / 4;
const MERGED_ENTRIES_MAX = (PAGE_ENTRIES_MAX * 3) / 4;

/** Says that there is no entry, where undefined is a value like any other. */
export const absent = Symbol('absent');
export type Absent = typeof absent;

interface Leaf<Value> {
  readonly leaf: true;
  readonly epoch: number;
  readonly keys: Key[];
  readonly values: Value[];
}

interface Branch<Value> {
  readonly leaf: false;
  readonly epoch: number;
  /** Key i is not after any key in child i + 1, and after all in child i. */
  readonly keys: Key[];
  readonly children: Page<Value>[];
}

type Page<Value> = Leaf<Value> | Branch<Value>;

/** Where a walk goes: from the first key that is not before `from`, up to but without `to`. */
export interface KeyRange {
  readonly from?: Key | undefined;
  readonly to?: Key | undefined;
  /** From the last to the first. */
  readonly reverse?: boolean | undefined;
}

/** A frozen state of a tree. */
export interface TreeView<Value> {
  readonly root: unknown;
  readonly size: number;
  entries(): IterableIterator<[Key, Value]>;
}

export class PageTree<Value> {
  #root: Page<Value>;
  #size = 0;
  #epoch = 0;
  /** Counts what may move entries, so that a walk notices and finds its place again. */
  #moves = 0;
  /** Where the last {@link get} found its key: a `set` of the same key mostly follows, and a look. */
  #found: Leaf<Value> | undefined;
  #foundAt = 0;
  #foundMoves = 0;

  constructor() {
    this.#root = { leaf: true, epoch: 0, keys: [], values: [] };
  }

  get size(): number {
    return this.#size;
  }

  get(key: Key): Value | Absent {
    const found = this.#found;
    if (
      found !== undefined &&
      this.#foundMoves === this.#moves &&
      found.keys[this.#foundAt] === key
    ) {
      return found.values[this.#foundAt]!;
    }
    let page = this.#root;
    while (!page.leaf) page = page.children[after(page.keys, key)]!;
    const at = notBefore(page.keys, key);
    if (at >= page.keys.length || compareKeys(page.keys[at]!, key) !== 0) return absent;
    this.#found = page;
    this.#foundAt = at;
    this.#foundMoves = this.#moves;
    return page.values[at]!;
  }

  /** Returns what was there before. */
  set(key: Key, value: Value): Value | Absent {
    const found = this.#found;
    // A page of this epoch was reached through pages of this epoch: none is to be copied.
    if (
      found !== undefined &&
      this.#foundMoves === this.#moves &&
      found.epoch === this.#epoch &&
      found.keys[this.#foundAt] === key
    ) {
      const before = found.values[this.#foundAt]!;
      found.values[this.#foundAt] = value;
      return before;
    }
    this.#found = undefined;
    const root = this.#own(this.#root);
    this.#root = root;
    const before = this.#set(root, key, value, true);
    if (length(root) > PAGE_ENTRIES_MAX) {
      const [divider, right] = this.#split(root, true);
      this.#root = {
        leaf: false,
        epoch: this.#epoch,
        keys: [divider],
        children: [root, right],
      };
    }
    return before;
  }

  /** Returns what was there. */
  delete(key: Key): Value | Absent {
    const root = this.#own(this.#root);
    this.#root = root;
    const before = this.#delete(root, key);
    if (!root.leaf && root.children.length === 1) this.#root = root.children[0]!;
    return before;
  }

  /** The state as it is now, for good. */
  freeze(): TreeView<Value> {
    this.#epoch++;
    const root = this.#root;
    return { root, size: this.#size, entries: () => walk(root) };
  }

  /** Goes back to a state of this very tree, in no time. */
  revert(view: TreeView<Value>): void {
    this.#epoch++;
    this.#moves++;
    this.#root = view.root as Page<Value>;
    this.#size = view.size;
  }

  /** Forgets everything, in no time. */
  clear(): void {
    this.#moves++;
    this.#root = { leaf: true, epoch: this.#epoch, keys: [], values: [] };
    this.#size = 0;
  }

  first(): [Key, Value] | undefined {
    let page = this.#root;
    while (!page.leaf) page = page.children[0]!;
    return page.keys.length === 0 ? undefined : [page.keys[0]!, page.values[0]!];
  }

  last(): [Key, Value] | undefined {
    let page = this.#root;
    while (!page.leaf) page = page.children.at(-1)!;
    return page.keys.length === 0 ? undefined : [page.keys.at(-1)!, page.values.at(-1)!];
  }

  /** Walks in order; what is changed meanwhile is seen if the walk has not come there yet. */
  *entries(range: KeyRange = {}): IterableIterator<[Key, Value]> {
    const { from, to, reverse = false } = range;
    let moves = -1;
    let leaf: Leaf<Value> | undefined;
    let at = 0;
    let seen: Key | undefined;
    for (;;) {
      if (moves !== this.#moves || leaf === undefined || at < 0 || at >= leaf.keys.length) {
        const place = reverse ? this.#seekBack(seen ?? to) : this.#seek(seen ?? from, seen);
        if (place === undefined) return;
        [leaf, at] = place;
        moves = this.#moves;
      }
      const key = leaf.keys[at]!;
      if (reverse && from !== undefined && compareKeys(key, from) < 0) return;
      if (!reverse && to !== undefined && compareKeys(key, to) >= 0) return;
      yield [key, leaf.values[at]!];
      seen = key;
      at += reverse ? -1 : 1;
    }
  }

  /** The first entry at or after `key`, or after it if it was seen. */
  #seek(key: Key | undefined, seen: Key | undefined): [Leaf<Value>, number] | undefined {
    let page = this.#root;
    let rest: Page<Value> | undefined;
    while (!page.leaf) {
      const child = key === undefined ? 0 : after(page.keys, key);
      rest = page.children[child + 1] ?? rest;
      page = page.children[child]!;
    }
    let at = key === undefined ? 0 : notBefore(page.keys, key);
    const isSeen = seen !== undefined && at < page.keys.length;
    if (isSeen && compareKeys(page.keys[at]!, seen) === 0) at++;
    if (at < page.keys.length) return [page, at];
    while (rest !== undefined && !rest.leaf) rest = rest.children[0]!;
    return rest === undefined || rest.keys.length === 0 ? undefined : [rest, 0];
  }

  /** The last entry before `key`. */
  #seekBack(key: Key | undefined): [Leaf<Value>, number] | undefined {
    let page = this.#root;
    let rest: Page<Value> | undefined;
    while (!page.leaf) {
      const child = key === undefined ? page.children.length - 1 : after(page.keys, key);
      rest = page.children[child - 1] ?? rest;
      page = page.children[child]!;
    }
    const at = (key === undefined ? page.keys.length : notBefore(page.keys, key)) - 1;
    if (at >= 0) return [page, at];
    while (rest !== undefined && !rest.leaf) rest = rest.children.at(-1)!;
    return rest === undefined || rest.keys.length === 0 ? undefined : [rest, rest.keys.length - 1];
  }

  /** A page that may be changed: itself, or its copy of this epoch. */
  #own<Kind extends Page<Value>>(page: Kind): Kind {
    if (page.epoch === this.#epoch) return page;
    this.#moves++;
    const epoch = this.#epoch;
    const copy = page.leaf
      ? { leaf: true, epoch, keys: page.keys.slice(), values: page.values.slice() }
      : { leaf: false, epoch, keys: page.keys.slice(), children: page.children.slice() };
    return copy as Kind;
  }

  #set(page: Page<Value>, key: Key, value: Value, rightmost: boolean): Value | Absent {
    if (page.leaf) {
      const { keys, values } = page;
      const at = notBefore(keys, key);
      if (at < keys.length && compareKeys(keys[at]!, key) === 0) {
        const before = values[at]!;
        values[at] = value;
        return before;
      }
      insert(keys, at, key);
      insert(values, at, value);
      this.#size++;
      this.#moves++;
      return absent;
    }
    const at = after(page.keys, key);
    const child = this.#own(page.children[at]!);
    page.children[at] = child;
    const last = rightmost && at === page.children.length - 1;
    const before = this.#set(child, key, value, last);
    if (length(child) > PAGE_ENTRIES_MAX) {
      const [divider, right] = this.#split(child, last);
      insert(page.keys, at, divider);
      insert(page.children, at + 1, right);
    }
    return before;
  }

  /** Moves the right part of a page into a new one. */
  #split(page: Page<Value>, rightmost: boolean): [Key, Page<Value>] {
    const epoch = this.#epoch;
    const at = rightmost ? PAGE_ENTRIES_MAX - 1 : PAGE_ENTRIES_MAX >> 1;
    if (page.leaf) {
      const keys = page.keys.splice(at);
      const values = page.values.splice(at);
      return [keys[0]!, { leaf: true, epoch, keys, values }];
    }
    const children = page.children.splice(at);
    const keys = page.keys.splice(at);
    const divider = page.keys.pop();
    assert(divider !== undefined, 'a branch of one child was split');
    return [divider, { leaf: false, epoch, keys, children }];
  }

  #delete(page: Page<Value>, key: Key): Value | Absent {
    if (page.leaf) {
      const { keys, values } = page;
      const at = notBefore(keys, key);
      if (at >= keys.length || compareKeys(keys[at]!, key) !== 0) return absent;
      const before = values[at]!;
      keys.splice(at, 1);
      values.splice(at, 1);
      this.#size--;
      this.#moves++;
      return before;
    }
    const at = after(page.keys, key);
    const child = this.#own(page.children[at]!);
    page.children[at] = child;
    const before = this.#delete(child, key);
    if (length(child) < MERGE_BELOW) this.#merge(page, at);
    return before;
  }

  /** Joins a small child with a neighbour, or shares evenly where both do not fit into one page. */
  #merge(page: Branch<Value>, at: number): void {
    const left = at > 0 ? at - 1 : at;
    const one = this.#own(page.children[left]!);
    const other = this.#own(page.children[left + 1]!);
    page.children[left] = one;
    const total = length(one) + length(other);
    let divider: Key | undefined;
    const half = total <= MERGED_ENTRIES_MAX ? 0 : total >> 1;
    if (one.leaf && other.leaf) {
      const keys = [...one.keys, ...other.keys];
      const values = [...one.values, ...other.values];
      if (half > 0) {
        replace(other.keys, keys.splice(half));
        replace(other.values, values.splice(half));
        divider = other.keys[0]!;
      }
      replace(one.keys, keys);
      replace(one.values, values);
    } else if (!one.leaf && !other.leaf) {
      const keys = [...one.keys, page.keys[left]!, ...other.keys];
      const children = [...one.children, ...other.children];
      if (half > 0) {
        replace(other.children, children.splice(half));
        replace(other.keys, keys.splice(half));
        divider = keys.pop()!;
      }
      replace(one.keys, keys);
      replace(one.children, children);
    }
    if (divider !== undefined) {
      page.keys[left] = divider;
      page.children[left + 1] = other;
      return;
    }
    page.keys.splice(left, 1);
    page.children.splice(left + 1, 1);
  }
}

function replace<Item>(items: Item[], by: readonly Item[]): void {
  items.length = 0;
  for (const item of by) items.push(item);
}

function length<Value>(page: Page<Value>): number {
  return page.leaf ? page.keys.length : page.children.length;
}

/** `splice` for one element, without an array of what was removed. */
function insert<Item>(items: Item[], at: number, item: Item): void {
  items.push(item);
  for (let i = items.length - 1; i > at; i--) items[i] = items[i - 1]!;
  items[at] = item;
}

/** The first place whose key is not before `key`. */
function notBefore(keys: readonly Key[], key: Key): number {
  const type = typeof key;
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = keys[middle]!;
    // Keys are mostly of one type, and then compared at once.
    const before =
      typeof other === type && type !== 'object' ? other < key : compareKeys(other, key) < 0;
    if (before) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first place whose key is after `key`. */
function after(keys: readonly Key[], key: Key): number {
  const type = typeof key;
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = keys[middle]!;
    const isAfter =
      typeof other === type && type !== 'object' ? other > key : compareKeys(other, key) > 0;
    if (isAfter) high = middle;
    else low = middle + 1;
  }
  return low;
}

function* walk<Value>(page: Page<Value>): IterableIterator<[Key, Value]> {
  if (page.leaf) {
    for (let i = 0; i < page.keys.length; i++) yield [page.keys[i]!, page.values[i]!];
    return;
  }
  for (const child of page.children) yield* walk(child);
}
