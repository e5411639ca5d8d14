/**
 * A table in a store on disk, below a layer in memory that is written behind. Its entries lie under
 * a prefix of its own; keys are in an order-preserving form, values in their wire form. Size and
 * hash are kept in memory and written with every flush, in the same batch.
 */
import { assert } from '../base/assert.ts';
import { QuorateError } from '../base/errors.ts';
import {
  type StorePair,
  type StoreRange,
  type StoreView,
  storeKeyBytesMax,
} from '../ports/store.ts';
import type { LayeredStore } from '../store/layered-store.ts';
import { everything, type Journal, type Recorder } from './journal.ts';
import { giveKey, type Key } from './key.ts';
import { keyBytes, keyFromBytes } from './key-bytes.ts';
import { type Absent, absent, type KeyRange } from './page-tree.ts';
import type { FrozenTable, Table, TableInit } from './table.ts';
import { addHash, entryHash, subtractHash, textHash } from './value-hash.ts';
import { decodeValue } from './value-reader.ts';
import { encodeValue } from './value-writer.ts';

/** Entries that a walk reads at once: a state may change between two of its steps. */
const READ_AHEAD_MAX = 256;
const DATA = 1;

/** What is written of a table beside its entries. */
export interface TableFacts {
  readonly size: number;
  readonly hash: number;
  /**
   * The version that brought the table, or 0 for one that the state began with. It is part of where
   * the entries lie: a table that is dropped and comes again later does not find its old entries.
   */
  readonly generation?: number;
}

export class StoredTable implements Table, Recorder {
  readonly name: string;
  readonly #store: LayeredStore;
  readonly #journal: Journal;
  readonly #entriesMax: number;
  readonly #kind: string;
  #generation: number;
  #prefix: Uint8Array;
  readonly #seed: number;
  #size = 0;
  #hash = 0;

  constructor(
    { name, journal, entriesMax }: TableInit,
    store: LayeredStore,
    { kind, generation }: { readonly kind: string; readonly generation: number },
  ) {
    this.name = name;
    this.#kind = kind;
    this.#generation = generation;
    this.#store = store;
    this.#journal = journal;
    this.#entriesMax = entriesMax;
    this.#seed = textHash(name) >>> 0;
    this.#prefix = this.#prefixOf(generation);
  }

  /** Where all its entries lie. */
  get range(): StoreRange {
    return this.#bounds({});
  }

  #prefixOf(generation: number): Uint8Array {
    const path = generation === 0 ? [this.name, this.#kind] : [this.name, this.#kind, generation];
    return keyBytes(Uint8Array.of(DATA), path, storeKeyBytesMax);
  }

  get size(): number {
    return this.#size;
  }

  get hash(): number {
    return this.#hash;
  }

  get facts(): TableFacts {
    return { size: this.#size, hash: this.#hash, generation: this.#generation };
  }

  /** For opening: what was written with the entries that are there. */
  setFacts({ size, hash, generation = 0 }: TableFacts): void {
    this.#generation = generation;
    this.#prefix = this.#prefixOf(generation);
    this.#size = size;
    this.#hash = hash;
  }

  get(key: Key): unknown | Absent {
    const bytes = this.#store.get(this.#keyBytes(key));
    return bytes === undefined ? absent : decodeValue(bytes);
  }

  has(key: Key): boolean {
    return this.#store.get(this.#keyBytes(key)) !== undefined;
  }

  set(key: Key, value: unknown): void {
    this.#journal.check();
    const at = this.#keyBytes(key);
    const bytes = encodeValue(value);
    const before = this.#store.get(at);
    if (before === undefined && this.#size >= this.#entriesMax) {
      const message = `${this.name} holds at most ${this.#entriesMax} entries`;
      throw new QuorateError('over-quota', message, { details: { part: this.name } });
    }
    this.#put(at, before, bytes);
    this.#journal.record(this, giveKey(key), before, bytes);
  }

  delete(key: Key): boolean {
    this.#journal.check();
    const at = this.#keyBytes(key);
    const before = this.#store.get(at);
    if (before === undefined) return false;
    this.#put(at, before, undefined);
    this.#journal.record(this, giveKey(key), before, absent);
    return true;
  }

  /** One entry after the other: a store has no quicker way that could be undone. */
  clear(): void {
    for (const [key] of this.entries()) this.delete(key);
  }

  *entries(range: KeyRange = {}): IterableIterator<[Key, unknown]> {
    let bounds = this.#bounds(range);
    for (let ahead = 8; ; ahead = Math.min(2 * ahead, READ_AHEAD_MAX)) {
      const pairs = read(this.#store, bounds, ahead);
      for (const { key, value } of pairs) yield [this.#key(key), decodeValue(value)];
      const last = pairs.at(-1)?.key;
      if (last === undefined || pairs.length < ahead) return;
      bounds = range.reverse === true ? { ...bounds, to: last } : { ...bounds, from: next(last) };
    }
  }

  end(reverse: boolean): [Key, unknown] | undefined {
    const [pair] = read(this.#store, this.#bounds({ reverse }), 1);
    return pair === undefined ? undefined : [this.#key(pair.key), decodeValue(pair.value)];
  }

  freeze(): FrozenTable {
    throw new QuorateError('invalid-config', 'a table in a store is frozen with its store');
  }

  /** The table in a frozen state of its store. */
  frozenIn(view: StoreView): FrozenTable {
    const [size, bounds] = [this.#size, this.#bounds({})];
    const key = (bytes: Uint8Array): Key => this.#key(bytes);
    return {
      size,
      *entries() {
        for (const pair of view.range(bounds)) yield [key(pair.key), decodeValue(pair.value)];
      },
    };
  }

  load(key: Key, value: unknown): void {
    this.#put(this.#keyBytes(key), undefined, encodeValue(value));
  }

  /** The store is emptied as a whole. */
  reset(): void {
    this.#size = 0;
    this.#hash = 0;
  }

  undo(key: Key | typeof everything, before: unknown): void {
    assert(key !== everything, 'a table in a store is emptied entry by entry');
    const at = this.#keyBytes(key);
    this.#put(at, this.#store.get(at), before as Uint8Array | undefined);
  }

  give(after: unknown): unknown {
    return decodeValue(after as Uint8Array);
  }

  #put(at: Uint8Array, before: Uint8Array | undefined, value: Uint8Array | undefined): void {
    if (before !== undefined) {
      this.#hash = subtractHash(this.#hash, entryHash(this.#seed, this.#hashed(at), before));
      this.#size--;
    }
    if (value === undefined) this.#store.remove(at);
    else {
      this.#store.put(at, value);
      this.#hash = addHash(this.#hash, entryHash(this.#seed, this.#hashed(at), value));
      this.#size++;
    }
  }

  /** Replicas that have the table by a snapshot have it elsewhere: the hash is that of the first place. */
  #hashed(at: Uint8Array): Uint8Array {
    if (this.#generation === 0) return at;
    const first = this.#prefixOf(0);
    const rest = at.subarray(this.#prefix.length);
    const bytes = new Uint8Array(first.length + rest.length);
    bytes.set(first);
    bytes.set(rest, first.length);
    return bytes;
  }

  #keyBytes(key: Key): Uint8Array {
    return keyBytes(this.#prefix, key, storeKeyBytesMax);
  }

  #key(bytes: Uint8Array): Key {
    return keyFromBytes(bytes, this.#prefix.length);
  }

  #bounds({ from, to, reverse = false }: KeyRange): StoreRange {
    return {
      from: from === undefined ? this.#prefix : this.#keyBytes(from),
      to: to === undefined ? after(this.#prefix) : this.#keyBytes(to),
      reverse,
    };
  }
}

function read(view: StoreView, range: StoreRange, limit: number): StorePair[] {
  const pairs: StorePair[] = [];
  for (const pair of view.range(range)) {
    pairs.push(pair);
    if (pairs.length >= limit) break;
  }
  return pairs;
}

/** The key right behind another. */
function next(key: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(key.length + 1);
  bytes.set(key);
  return bytes;
}

/** What is behind all keys that begin with a prefix; a prefix ends in 00, of a list's end. */
function after(prefix: Uint8Array): Uint8Array {
  const bytes = prefix.slice();
  bytes[bytes.length - 1]! += 1;
  return bytes;
}
