/**
 * Shared values as applications use them: a single value with a name, or a map with a name.
 *
 * They are eventually consistent: a write takes effect here at once and everywhere soon, and of
 * concurrent writes the last one, by hybrid clock, wins everywhere. Whoever needs more than that (a
 * counter, a lock, a balance) needs the strongly consistent half of this library.
 */
import { QuorateError } from '../../base/errors.ts';
import { AsyncQueue } from '../queue.ts';
import { decodeValue, encodeValue } from './codec.ts';
import { type Entry, keyBytesMax, nameBytesMax } from './entry.ts';
import type { ValuesReplica } from './replica.ts';

/** A change of a shared value. */
export interface ValueChange<T> {
  /** The key in its map; empty for a single value. */
  readonly key: string;
  /** The value now, or undefined if it was deleted. */
  readonly value: T | undefined;
  /** The name of the member that wrote it. */
  readonly writer: string;
}

/** How changes are read. */
export interface ChangesOptions {
  /** Ends the iteration when aborted. */
  readonly signal?: AbortSignal;
}

/** One value shared by all members. */
export interface SharedValue<T> {
  /** The value as known here, or undefined if none was written or it was deleted. */
  get(): T | undefined;
  /**
   * Writes the value here and spreads it.
   * Throws `gossip-value-too-large`, `gossip-values-full`, or `malformed-message` for what cannot
   * be encoded (functions, instances of classes, cycles).
   */
  set(value: T): void;
  /** Deletes the value here and spreads that. Deleting what does not exist does nothing. */
  delete(): void;
  /** The changes from now on, own and others', as an async iterator. */
  changes(options?: ChangesOptions): AsyncIterableIterator<ValueChange<T>>;
}

/** A map shared by all members; each key is a value of its own. */
export interface SharedMap<T> {
  /** The value under `key` as known here. */
  get(key: string): T | undefined;
  has(key: string): boolean;
  /** How many keys there are here. */
  readonly size: number;
  /** Writes one key; the same errors as {@link SharedValue.set}. Keys have 1 … 256 bytes. */
  set(key: string, value: T): void;
  /** Deletes one key. Returns whether it existed here. */
  delete(key: string): boolean;
  keys(): IterableIterator<string>;
  /** Keys and values as known here, in no particular order. */
  entries(): IterableIterator<[string, T]>;
  [Symbol.iterator](): IterableIterator<[string, T]>;
  /** The changes from now on, own and others', as an async iterator. */
  changes(options?: ChangesOptions): AsyncIterableIterator<ValueChange<T>>;
}

/** How many changes may wait for one reader before it fails with `gossip-slow-consumer`. */
const changesMax = 10_000;

const textEncoder = new TextEncoder();

/** Opens values and maps by name over one {@link ValuesReplica}. */
export class SharedValues {
  readonly #replica: () => ValuesReplica;
  readonly #valueBytesMax: number;
  readonly #readers = new Map<string, Set<(entry: Entry) => void>>();
  readonly #open = new Set<() => void>();

  /** @param replica is asked for when first needed. */
  constructor(replica: () => ValuesReplica, valueBytesMax: number) {
    this.#replica = replica;
    this.#valueBytesMax = valueBytesMax;
  }

  /** The value called `name`. Throws `invalid-config` for a name not of 1 … 126 bytes. */
  value<T>(name: string): SharedValue<T> {
    const collection = `v:${checkedName(name)}`;
    return {
      get: () => this.#get<T>(collection, ''),
      set: (value) => this.#set(collection, '', value),
      delete: () => {
        this.#delete(collection, '');
      },
      changes: (options) => this.#changes<T>(collection, options),
    };
  }

  /** The map called `name`. Throws `invalid-config` for a name not of 1 … 126 bytes. */
  map<T>(name: string): SharedMap<T> {
    const collection = `m:${checkedName(name)}`;
    const shared = this;
    return {
      get: (key) => this.#get<T>(collection, key),
      has: (key) => this.#replica().store.get({ collection, key })?.value !== undefined,
      get size() {
        let size = 0;
        for (const _ of shared.#living(collection)) size++;
        return size;
      },
      set: (key, value) => this.#set(collection, checkedKey(key), value),
      delete: (key) => this.#delete(collection, key),
      *keys() {
        for (const entry of shared.#living(collection)) yield entry.key;
      },
      entries: () => this.#entries<T>(collection),
      [Symbol.iterator]: () => this.#entries<T>(collection),
      changes: (options) => this.#changes<T>(collection, options),
    };
  }

  /** Passes a change on to those who read changes; the replica's `onChange`. */
  publish(entry: Entry): void {
    for (const read of this.#readers.get(entry.collection) ?? []) read(entry);
  }

  /** Ends all iterations. */
  close(): void {
    for (const end of [...this.#open]) end();
  }

  #get<T>(collection: string, key: string): T | undefined {
    return decoded<T>(this.#replica().store.get({ collection, key }));
  }

  #set(collection: string, key: string, value: unknown): void {
    const bytes = encodeValue(value);
    if (bytes.length > this.#valueBytesMax) {
      throw new QuorateError(
        'gossip-value-too-large',
        `the value has ${bytes.length} bytes; at most ${this.#valueBytesMax} are allowed`,
        { details: { bytes: bytes.length, limit: this.#valueBytesMax } },
      );
    }
    this.#replica().write({ collection, key }, bytes);
  }

  #delete(collection: string, key: string): boolean {
    if (this.#replica().store.get({ collection, key })?.value === undefined) return false;
    this.#replica().write({ collection, key }, undefined);
    return true;
  }

  *#living(collection: string): IterableIterator<Entry> {
    for (const entry of this.#replica().store.entriesOf(collection)) {
      if (entry.value !== undefined) yield entry;
    }
  }

  *#entries<T>(collection: string): IterableIterator<[string, T]> {
    for (const entry of this.#living(collection)) yield [entry.key, decoded<T>(entry) as T];
  }

  #changes<T>(
    collection: string,
    options: ChangesOptions = {},
  ): AsyncIterableIterator<ValueChange<T>> {
    const readers = this.#readers.get(collection) ?? new Set();
    this.#readers.set(collection, readers);
    const read = (entry: Entry): void => {
      queue.push({ key: entry.key, value: decoded<T>(entry), writer: entry.stamp.writer });
    };
    const end = (): void => queue.end();
    const queue = new AsyncQueue<ValueChange<T>>({
      itemsMax: changesMax,
      signal: options.signal,
      onEnd: () => {
        readers.delete(read);
        this.#open.delete(end);
      },
    });
    if (options.signal?.aborted) return queue;
    readers.add(read);
    this.#open.add(end);
    return queue;
  }
}

/**
 * The value as the application knows it. Decoded at each reading, so that nobody can change what is
 * shared by changing what he was given. Bytes that are no value (of a newer form, or forged) count
 * as absent.
 */
function decoded<T>(entry: Entry | undefined): T | undefined {
  if (entry?.value === undefined) return undefined;
  try {
    return decodeValue(entry.value) as T;
  } catch (error) {
    if (error instanceof QuorateError) return undefined;
    throw error;
  }
}

function checkedName(name: string): string {
  const bytes = textEncoder.encode(name).length;
  // Two bytes of the limit are the prefix that tells values from maps.
  if (bytes < 1 || bytes > nameBytesMax - 2 || /[\0\p{Surrogate}]/u.test(name)) {
    const limit = nameBytesMax - 2;
    throw new QuorateError('invalid-config', `a name needs 1 … ${limit} bytes without NUL`);
  }
  return name;
}

function checkedKey(key: string): string {
  const bytes = textEncoder.encode(key).length;
  if (bytes < 1 || bytes > keyBytesMax) {
    throw new QuorateError('invalid-config', `a key needs 1 … ${keyBytesMax} bytes`);
  }
  // UTF-8 has no lone surrogates: what comes back must be the key that was written.
  if (/\p{Surrogate}/u.test(key)) {
    throw new QuorateError('invalid-config', 'a key must not have a lone surrogate');
  }
  return key;
}
