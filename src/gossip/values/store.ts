/**
 * The store of shared values on one member: of every key the greatest entry seen so far.
 *
 * A delete leaves a tombstone, because a key that is merely gone would be brought back by the next
 * member that still holds it. Tombstones are reaped when they are `tombstoneMs` old; by then gossip
 * has long carried them everywhere. (A member that was cut off for longer may bring a deleted key
 * back; values live in memory, so a restart is not such a case.)
 *
 * For comparing two stores cheaply, keys are spread over {@link bucketCount} buckets, and each
 * bucket keeps the exclusive-or of the hashes of its entries. Tombstones due to be reaped are left
 * out, so that a member that has already reaped them and one that has not agree.
 *
 * Bounds: `entriesMax` and `bytesMax` hold strictly for writes of this member. What others wrote
 * within their own bounds is taken up to a quarter beyond, so that concurrent writes near the limit
 * still converge; what exceeds even that is refused and counted.
 */
import { QuorateError } from '../../base/errors.ts';
import { compareEntries, type Entry, type EntryKey, encodeEntry, hashBytes } from './entry.ts';

/** Into how many buckets keys are spread for comparison. */
export const bucketCount = 256;

/** How much of the limits what others wrote may fill. */
const foreignShare = 1.25;

/** The limits of a {@link ValuesStore}. */
export interface StoreLimits {
  /** How many keys, tombstones included. */
  readonly entriesMax: number;
  /** How many bytes all entries may have on the wire. */
  readonly bytesMax: number;
  /** How long a tombstone is kept, in milliseconds. */
  readonly tombstoneMs: number;
}

/** What merging an entry did: only after `applied` is the store another one. */
export type MergeResult = 'applied' | 'known' | 'expired' | 'full';

interface Stored {
  readonly entry: Entry;
  readonly bytes: number;
  readonly high: number;
  readonly low: number;
  readonly bucket: number;
}

/** Holds the winners; see the module's comment. */
export class ValuesStore {
  readonly #limits: StoreLimits;
  readonly #collections = new Map<string, Map<string, Stored>>();
  /** Two halves for each bucket: the exclusive-or of its entries' hashes. */
  readonly #hashes = new Uint32Array(bucketCount * 2);
  #entryCount = 0;
  #byteCount = 0;

  constructor(limits: StoreLimits) {
    this.#limits = limits;
  }

  /** How many keys there are, tombstones included. */
  get entryCount(): number {
    return this.#entryCount;
  }

  /** How many bytes the entries take on the wire. */
  get byteCount(): number {
    return this.#byteCount;
  }

  /** The entry under `key`, which may be a tombstone. */
  get(key: EntryKey): Entry | undefined {
    return this.#collections.get(key.collection)?.get(key.key)?.entry;
  }

  /** The entry's hash, for telling apart entries of equal stamps; 0 where there is none. */
  hashOf(key: EntryKey): number {
    return this.#collections.get(key.collection)?.get(key.key)?.low ?? 0;
  }

  /** All entries of a collection, tombstones included, oldest key first. */
  *entriesOf(collection: string): IterableIterator<Entry> {
    for (const stored of this.#collections.get(collection)?.values() ?? []) yield stored.entry;
  }

  /** The entries whose keys fall into one of `buckets`, without tombstones due to be reaped. */
  *entriesIn(buckets: ReadonlySet<number>, nowMs: number): IterableIterator<Entry> {
    for (const collection of this.#collections.values()) {
      for (const stored of collection.values()) {
        if (buckets.has(stored.bucket) && !this.#isExpired(stored.entry, nowMs)) yield stored.entry;
      }
    }
  }

  /**
   * Puts an entry of this member.
   * Throws `gossip-values-full` if a limit would be exceeded; nothing has changed then.
   */
  put(entry: Entry): void {
    const stored = store(entry);
    if (!this.#fits(stored, 1)) {
      throw new QuorateError('gossip-values-full', 'the shared values are at their limit', {
        details: { entries: this.#entryCount, bytes: this.#byteCount },
      });
    }
    this.#replace(stored);
  }

  /** Takes in an entry of another member if it wins over what is here. */
  merge(entry: Entry, nowMs: number): MergeResult {
    const current = this.get(entry);
    if (current !== undefined && compareEntries(entry, current) <= 0) return 'known';
    if (current === undefined && this.#isExpired(entry, nowMs)) return 'expired';
    const stored = store(entry);
    if (!this.#fits(stored, foreignShare)) return 'full';
    this.#replace(stored);
    return 'applied';
  }

  /** Forgets tombstones that are old enough. Returns how many. */
  reap(nowMs: number): number {
    let reaped = 0;
    for (const collection of this.#collections.values()) {
      for (const stored of collection.values()) {
        if (!this.#isExpired(stored.entry, nowMs)) continue;
        this.#remove(stored);
        reaped++;
      }
    }
    return reaped;
  }

  /** The hashes of all buckets at `nowMs`, two halves each. */
  bucketHashes(nowMs: number): Uint32Array {
    const hashes = this.#hashes.slice();
    // Tombstones that are due and not yet reaped are few: sweeps are frequent beside their age.
    for (const collection of this.#collections.values()) {
      for (const stored of collection.values()) {
        if (this.#isExpired(stored.entry, nowMs)) toggle(hashes, stored);
      }
    }
    return hashes;
  }

  #isExpired(entry: Entry, nowMs: number): boolean {
    return entry.value === undefined && entry.stamp.wallMs + this.#limits.tombstoneMs <= nowMs;
  }

  #fits(stored: Stored, share: number): boolean {
    const current = this.#collections.get(stored.entry.collection)?.get(stored.entry.key);
    const entries = this.#entryCount + (current === undefined ? 1 : 0);
    const bytes = this.#byteCount + stored.bytes - (current?.bytes ?? 0);
    // What makes the store no larger always fits, so that a full store can still be emptied.
    if (current !== undefined && stored.bytes <= current.bytes) return true;
    return entries <= this.#limits.entriesMax * share && bytes <= this.#limits.bytesMax * share;
  }

  #replace(stored: Stored): void {
    const { collection: name, key } = stored.entry;
    const collection = this.#collections.get(name) ?? new Map<string, Stored>();
    this.#collections.set(name, collection);
    const current = collection.get(key);
    if (current === undefined) {
      this.#entryCount++;
    } else {
      this.#byteCount -= current.bytes;
      toggle(this.#hashes, current);
    }
    collection.set(key, stored);
    this.#byteCount += stored.bytes;
    toggle(this.#hashes, stored);
  }

  #remove(stored: Stored): void {
    const collection = this.#collections.get(stored.entry.collection);
    collection?.delete(stored.entry.key);
    if (collection?.size === 0) this.#collections.delete(stored.entry.collection);
    this.#entryCount--;
    this.#byteCount -= stored.bytes;
    toggle(this.#hashes, stored);
  }
}

function store(entry: Entry): Stored {
  const encoded = encodeEntry(entry);
  const { high, low } = hashBytes(encoded);
  const names = new TextEncoder().encode(`${entry.collection}\u0000${entry.key}`);
  const bucket = hashBytes(names).low % bucketCount;
  return { entry, bytes: encoded.length, high, low, bucket };
}

/** Adds an entry to its bucket's hash, or takes it out: exclusive-or undoes itself. */
function toggle(hashes: Uint32Array, stored: Stored): void {
  const at = stored.bucket * 2;
  hashes[at] = hashes[at]! ^ stored.high;
  hashes[at + 1] = hashes[at + 1]! ^ stored.low;
}
