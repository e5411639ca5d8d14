/**
 * The collections that a machine's state is made of. They behave like JavaScript's own, with three
 * differences that replication asks for: keys are compared by content and walked in their order,
 * which is the same on all replicas; a value that was put in is a copy, and one that was got is
 * frozen or a copy, so that the state only changes by `set` and its like; and only commands write.
 */
import type { Key } from './key.ts';
import { absent } from './page-tree.ts';
import type { Table } from './table.ts';

/** Where keys are lists, a bound may be the beginning of one: it stands before all that begin so. */
export type BoundOf<K> = K extends readonly Key[] ? readonly Key[] : K;

/** Which keys of an ordered map: from the first that is not before `from`, up to but without `to`. */
export interface RangeOf<K> {
  readonly from?: BoundOf<K>;
  readonly to?: BoundOf<K>;
  /** From the last to the first. */
  readonly reverse?: boolean;
  /** At most so many. */
  readonly limit?: number;
}

/** A map in a machine's state; `map()` makes it. */
export class StateMap<K extends Key, V> {
  /** For the library. */
  protected readonly table: Table;

  /** For the library: `map()` says that a state has one. */
  constructor(table: Table) {
    this.table = table;
  }

  get size(): number {
    return this.table.size;
  }

  get(key: K): V | undefined {
    const value = this.table.get(key);
    return value === absent ? undefined : (value as V);
  }

  has(key: K): boolean {
    return this.table.has(key);
  }

  /** @throws QuorateError `read-only`, `over-quota`, `unsupported-value`, `value-too-large` */
  set(key: K, value: V): this {
    this.table.set(key, value);
    return this;
  }

  /** Whether there was such a key. */
  delete(key: K): boolean {
    return this.table.delete(key);
  }

  clear(): void {
    this.table.clear();
  }

  entries(): IterableIterator<[K, V]> {
    return this.table.entries() as IterableIterator<[K, V]>;
  }

  *keys(): IterableIterator<K> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): IterableIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries();
  }
}

/** A map whose order is part of what it is for; `orderedMap()` makes it. */
export class StateOrderedMap<K extends Key, V> extends StateMap<K, V> {
  /** Entries of a range, in order. */
  *range({
    limit = Number.POSITIVE_INFINITY,
    ...range
  }: RangeOf<K> = {}): IterableIterator<[K, V]> {
    let left = limit;
    if (left <= 0) return;
    for (const entry of this.table.entries(range)) {
      yield entry as [K, V];
      if (--left <= 0) return;
    }
  }

  first(): [K, V] | undefined {
    return this.table.end(false) as [K, V] | undefined;
  }

  last(): [K, V] | undefined {
    return this.table.end(true) as [K, V] | undefined;
  }
}

/** A set in a machine's state; `set()` makes it. */
export class StateSet<E extends Key> {
  readonly #table: Table;

  /** For the library: `set()` says that a state has one. */
  constructor(table: Table) {
    this.#table = table;
  }

  get size(): number {
    return this.#table.size;
  }

  has(element: E): boolean {
    return this.#table.has(element);
  }

  /** @throws QuorateError `read-only`, `over-quota`, `unsupported-value` */
  add(element: E): this {
    if (!this.#table.has(element)) this.#table.set(element, undefined);
    return this;
  }

  /** Whether there was such an element. */
  delete(element: E): boolean {
    return this.#table.delete(element);
  }

  clear(): void {
    this.#table.clear();
  }

  *values(): IterableIterator<E> {
    for (const [element] of this.#table.entries()) yield element as E;
  }

  [Symbol.iterator](): IterableIterator<E> {
    return this.values();
  }
}

/**
 * A list in a machine's state, open at both ends; `list()` makes it. Elements stand at places that
 * are counted on for ever, so that taking from the front moves nothing.
 */
export class StateList<V> {
  readonly #table: Table;

  /** For the library: `list()` says that a state has one. */
  constructor(table: Table) {
    this.#table = table;
  }

  get length(): number {
    return this.#table.size;
  }

  /** The element at an index; from the end if that is negative. */
  at(index: number): V | undefined {
    const place = this.#place(index);
    return place === undefined ? undefined : (this.#table.get(place) as V);
  }

  /** Replaces the element at an index; whether there was one. */
  set(index: number, value: V): boolean {
    const place = this.#place(index);
    if (place === undefined) return false;
    this.#table.set(place, value);
    return true;
  }

  /** Adds at the end; returns the new length. */
  push(...values: readonly V[]): number {
    for (const value of values) {
      const last = this.#table.end(true);
      this.#table.set(last === undefined ? 0 : (last[0] as number) + 1, value);
    }
    return this.length;
  }

  /** Takes the last. */
  pop(): V | undefined {
    return this.#take(true);
  }

  /** Takes the first. */
  shift(): V | undefined {
    return this.#take(false);
  }

  /** Adds at the front, the last of them first; returns the new length. */
  unshift(...values: readonly V[]): number {
    for (const value of values.toReversed()) {
      const first = this.#table.end(false);
      this.#table.set(first === undefined ? 0 : (first[0] as number) - 1, value);
    }
    return this.length;
  }

  clear(): void {
    this.#table.clear();
  }

  *values(): IterableIterator<V> {
    for (const [, value] of this.#table.entries()) yield value as V;
  }

  [Symbol.iterator](): IterableIterator<V> {
    return this.values();
  }

  #take(last: boolean): V | undefined {
    const entry = this.#table.end(last);
    if (entry === undefined) return undefined;
    this.#table.delete(entry[0]);
    return entry[1] as V;
  }

  #place(index: number): number | undefined {
    const { size } = this.#table;
    const at = index < 0 ? size + index : index;
    if (!Number.isInteger(at) || at < 0 || at >= size) return undefined;
    return (this.#table.end(false)![0] as number) + at;
  }
}

/** One value in a machine's state; `cell()` makes it. */
export class StateCell<V> {
  readonly #table: Table;
  readonly #initial: V;

  /** For the library: `cell()` says that a state has one. */
  constructor(table: Table, initial: V) {
    this.#table = table;
    this.#initial = initial;
  }

  get value(): V {
    const value = this.#table.get(0);
    return value === absent ? this.#initial : (value as V);
  }

  /** @throws QuorateError `read-only`, `unsupported-value`, `value-too-large` */
  set value(value: V) {
    this.#table.set(0, value);
  }
}
