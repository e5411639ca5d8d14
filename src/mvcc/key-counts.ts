/**
 * How many keys lie in a range, without walking over them: etcd's answers tell the count of the whole
 * range however small their limit is, and a list in pages would walk the whole range for each page.
 *
 * The keys are cut into buckets of up to {@link bucketKeysMax}; a bucket begins at a key (the first
 * at the empty one) and knows how many keys there are from there to the next one's beginning. The
 * count of a range is the sum of the buckets that lie in it, and a walk in the two at its ends. The
 * table of buckets is small, an entry for a hundred keys, and is held in memory; what has changed in it is
 * saved when the model is.
 */
import { assert } from '../base/assert.ts';
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { compareBytes } from '../base/compare-bytes.ts';
import type { StoreView } from '../ports/store.ts';
import type { LayeredStore } from '../store/layered-store.ts';
import { sliceBytes, walkIndex } from './key-index.ts';
import { countPrefix, prefixed } from './layout.ts';
import { isLive } from './record.ts';

/** A bucket with more is split in two. */
const bucketKeysMax = 128;

/** See above. */
export interface Bucket {
  readonly from: Uint8Array;
  count: number;
  /** Changes when some of its keys have become another bucket's. */
  shape: number;
  /** A bucket that could not be split, for all its keys begin with one long slice. */
  whole: boolean;
}

/** See above. Counts keys that are there now, not those that were. */
export class KeyCounts {
  readonly #store: LayeredStore;
  readonly #buckets: Bucket[] = [];
  readonly #unsaved = new Set<Bucket>();
  readonly #removed: Bucket[] = [];
  #total = 0;

  constructor(store: LayeredStore) {
    this.#store = store;
    for (const { key, value } of store.range({
      from: Uint8Array.of(countPrefix),
      to: Uint8Array.of(countPrefix + 1),
    })) {
      const count = new ByteReader(value).number();
      this.#buckets.push({ from: key.subarray(1), count, shape: 0, whole: false });
      this.#total += count;
    }
    if (this.#buckets[0]?.from.length !== 0) {
      assert(this.#buckets.length === 0, 'the first bucket of keys is missing');
      this.#buckets.push({ from: new Uint8Array(0), count: 0, shape: 0, whole: false });
    }
  }

  /** All keys. */
  get total(): number {
    return this.#total;
  }

  /** A key has come into being; it is in the index already. */
  added(key: Uint8Array): void {
    const at = this.find(key);
    const bucket = this.#buckets[at]!;
    bucket.count++;
    this.#total++;
    this.#unsaved.add(bucket);
    if (bucket.count > bucketKeysMax && !bucket.whole) this.#split(at);
  }

  /** A key was deleted. */
  removed(key: Uint8Array): void {
    const at = this.find(key);
    const bucket = this.#buckets[at]!;
    assert(bucket.count > 0, 'a key that was not counted was deleted');
    bucket.count--;
    this.#total--;
    this.#unsaved.add(bucket);
    if (bucket.count > 0 || at === 0) return;
    this.#buckets.splice(at, 1);
    this.#unsaved.delete(bucket);
    this.#removed.push(bucket);
  }

  /** How many keys there are from `from` on, up to and without `to`; undefined: no end. */
  count(from: Uint8Array, to: Uint8Array | undefined): number {
    if (to !== undefined && compareBytes(from, to) >= 0) return 0;
    const first = this.find(from);
    const last = to === undefined ? this.#buckets.length - 1 : this.find(to);
    if (first === last) return this.#within(first, from, to);
    let count = this.#within(first, from, this.#buckets[first + 1]!.from);
    for (let at = first + 1; at < last; at++) count += this.#buckets[at]!.count;
    return count + this.#within(last, this.#buckets[last]!.from, to);
  }

  /** Writes what has changed to the store. */
  save(): void {
    for (const { from } of this.#removed) this.#store.remove(prefixed(countPrefix, from));
    for (const { from, count } of this.#unsaved) {
      this.#store.put(prefixed(countPrefix, from), new ByteWriter(8).number(count).finish());
    }
    this.#removed.length = 0;
    this.#unsaved.clear();
  }

  /** Counts inside one bucket, without a walk where all of it is asked for. */
  #within(at: number, from: Uint8Array, to: Uint8Array | undefined): number {
    const bucket = this.#buckets[at]!;
    const next = this.#buckets[at + 1];
    const wholeEnd =
      to === undefined
        ? next === undefined
        : next !== undefined && compareBytes(next.from, to) === 0;
    if (bucket.count === 0 || (wholeEnd && compareBytes(bucket.from, from) === 0)) {
      return bucket.count;
    }
    return countLive(this.#store, from, to);
  }

  /** How many buckets there are. */
  get buckets(): number {
    return this.#buckets.length;
  }

  bucketAt(at: number): Readonly<Bucket> {
    return this.#buckets[at]!;
  }

  /** The place of the bucket that a key lies in. */
  find(key: Uint8Array): number {
    let low = 1;
    let high = this.#buckets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes(this.#buckets[middle]!.from, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #split(at: number): void {
    const bucket = this.#buckets[at]!;
    const to = this.#buckets[at + 1]?.from;
    const half = bucket.count >>> 1;
    let lower = 0;
    let border: Uint8Array | undefined;
    for (const { key, entry } of walkIndex(this.#store, { from: bucket.from, to })) {
      // A border is cut to what a key of the store has room for; what is then equal lies above it.
      const cut = key.length > sliceBytes ? key.subarray(0, sliceBytes) : key;
      if (lower >= half && compareBytes(cut, bucket.from) > 0) {
        border = cut;
        if (cut !== key) lower = countLive(this.#store, bucket.from, border);
        break;
      }
      if (isLive(entry)) lower++;
    }
    if (border === undefined || lower === 0 || lower >= bucket.count) {
      bucket.whole = true;
      return;
    }
    const upper = { from: border.slice(), count: bucket.count - lower, shape: 0, whole: false };
    bucket.count = lower;
    bucket.shape++;
    this.#buckets.splice(at + 1, 0, upper);
    this.#unsaved.add(bucket).add(upper);
  }
}

/** Counts keys by walking over them. */
export function countLive(view: StoreView, from: Uint8Array, to: Uint8Array | undefined): number {
  let count = 0;
  for (const { entry } of walkIndex(view, { from, to })) if (isLive(entry)) count++;
  return count;
}
