/**
 * A bounded cache for ranges over many keys at the present revision: the keys of one bucket of
 * `key-counts.ts` with their values, as they are answered (`pair-bytes.ts`), in the order of the keys.
 * A range is then a few pages copied one behind the other, instead of a walk over the index and a
 * read of the store for each key.
 *
 * A page is right but for its *stale* keys: whatever changes a key says so, and before the page is
 * next read those are looked up anew. So what a page tells never depends on whether it was there:
 * the cache is no part of the replicated state.
 */
import { compareBytes } from '../base/compare-bytes.ts';
import type { StoreView } from '../ports/store.ts';
import type { Bucket, KeyCounts } from './key-counts.ts';
import { readEntry, walkIndex } from './key-index.ts';
import { comparePairKey, type Pairs, PairWriter } from './pair-bytes.ts';
import { decodeEntry, type IndexEntry } from './record.ts';
import { keyValue, recordAt } from './states.ts';

/** What a cache may hold, and from when on it is used. */
export interface PageLimits {
  /** Bytes of all pages. */
  readonly bytesMax: number;
  /** Ranges that find fewer keys are better off with a walk. */
  readonly keysMin: number;
}

export const defaultPageLimits: PageLimits = { bytesMax: 64 * 2 ** 20, keysMin: 32 };

/** A bucket whose pairs take more is not kept: values are large there, and reads of the store few. */
const pageBytesMax = 2 ** 20;

/** A range over more buckets is walked: it would put everything else out of the cache. */
const bucketsMax = 256;

/** With more stale keys a page is better read as a whole. */
const staleMax = 32;

/** What answers write before and behind the pairs of a range: their own prefix, header and count. */
export const roomBytes = 64;

interface Page extends Pairs {
  /** The bucket's, when the page was read. */
  readonly shape: number;
  readonly stale: Uint8Array[];
  /** Nothing is kept of a bucket that is too large. */
  readonly tooLarge: boolean;
}

/** What a range found. */
export interface PagedPairs {
  /** The pairs, with {@link roomBytes} before and behind them. */
  readonly bytes: Uint8Array;
  /** The keys in the range, whatever the limit was. */
  readonly count: number;
}

/** See above. */
export class KeyPages {
  readonly #view: StoreView;
  readonly #counts: KeyCounts;
  readonly #limits: PageLimits;
  /** The one that was used longest ago comes first. */
  readonly #pages = new Map<Bucket, Page>();
  readonly #writer = new PairWriter();
  #bytes = 0;

  constructor(view: StoreView, counts: KeyCounts, limits: PageLimits = defaultPageLimits) {
    this.#view = view;
    this.#counts = counts;
    this.#limits = limits;
  }

  /** Bytes that it holds. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A key is about to be changed, or has been. */
  touched(key: Uint8Array): void {
    if (this.#pages.size === 0) return;
    const bucket = this.#counts.bucketAt(this.#counts.find(key));
    const page = this.#pages.get(bucket);
    if (page === undefined) return;
    if (page.stale.length < staleMax) page.stale.push(key.slice());
    else this.#drop(bucket, page);
  }

  /**
   * The pairs from `from` on, up to and without `to` (undefined: no end), at most `limit` (0: all);
   * undefined where a walk is to do it.
   */
  read(from: Uint8Array, to: Uint8Array | undefined, limit: number): PagedPairs | undefined {
    const counts = this.#counts;
    const first = counts.find(from);
    const last = to === undefined ? counts.buckets - 1 : counts.find(to);
    if (!this.#worthwhile(first, last, limit)) return undefined;
    const runs: Run[] = [];
    let count = 0;
    let left = limit > 0 ? limit : Number.POSITIVE_INFINITY;
    let bytes = 0;
    for (let at = first; at <= last; at++) {
      if (left === 0 && at < last) {
        count += counts.bucketAt(at).count;
        continue;
      }
      const page = this.#page(at);
      if (page.tooLarge) return undefined;
      const low = at === first ? lowerBound(page, from) : 0;
      const high = at === last && to !== undefined ? lowerBound(page, to) : page.starts.length - 1;
      count += high - low;
      const taken = Math.min(high - low, left);
      left -= taken;
      const run = { page, from: page.starts[low]!, end: page.starts[low + taken]! };
      bytes += run.end - run.from;
      runs.push(run);
    }
    const all = new Uint8Array(bytes + 2 * roomBytes);
    let at = roomBytes;
    for (const run of runs) {
      all.set(run.page.bytes.subarray(run.from, run.end), at);
      at += run.end - run.from;
    }
    return { bytes: all, count };
  }

  /** Whether neither few keys nor very many are asked for. */
  #worthwhile(first: number, last: number, limit: number): boolean {
    const enough = limit > 0 ? limit : Number.POSITIVE_INFINITY;
    let keys = 0;
    // The first bucket may have almost nothing to give.
    let at = first + 1;
    for (; at <= last && keys < enough; at++) keys += this.#counts.bucketAt(at).count;
    if (at - first > bucketsMax) return false;
    return Math.min(enough, keys + this.#counts.bucketAt(first).count) >= this.#limits.keysMin;
  }

  /** The page of a bucket, as it is now. */
  #page(at: number): Page {
    const bucket = this.#counts.bucketAt(at);
    const known = this.#pages.get(bucket);
    let page = known;
    if (page === undefined || page.shape !== bucket.shape) page = this.#build(at, bucket);
    else if (page.stale.length > 0) page = page.tooLarge ? page : this.#refresh(page);
    // Put in again, it is the last to go.
    if (known !== undefined) this.#drop(bucket, known);
    this.#pages.set(bucket, page);
    this.#bytes += page.bytes.length;
    for (const [oldest, its] of this.#pages) {
      if (this.#bytes <= this.#limits.bytesMax || oldest === bucket) break;
      this.#drop(oldest, its);
    }
    return page;
  }

  #drop(bucket: Bucket, page: Page): void {
    this.#pages.delete(bucket);
    this.#bytes -= page.bytes.length;
  }

  #build(at: number, { from, shape }: Bucket): Page {
    const to = at + 1 < this.#counts.buckets ? this.#counts.bucketAt(at + 1).from : undefined;
    const writer = this.#writer;
    let tooLarge = false;
    for (const { entry: bytes } of walkIndex(this.#view, { from, to })) {
      const entry = decodeEntry(bytes);
      if (entry.deleted) continue;
      this.#write(entry);
      tooLarge = writer.length > pageBytesMax;
      if (tooLarge) break;
    }
    const pairs = writer.finish();
    return { ...(tooLarge ? noPairs : pairs), shape, stale: [], tooLarge };
  }

  #refresh(page: Page): Page {
    const writer = this.#writer;
    const end = page.starts.length - 1;
    let next = 0;
    let before: Uint8Array | undefined;
    for (const key of page.stale.sort(compareBytes)) {
      if (before !== undefined && compareBytes(before, key) === 0) continue;
      before = key;
      const at = lowerBound(page, key);
      writer.copy(page, next, at);
      const known = at < end && comparePairKey(page.bytes, page.starts[at]!, key) === 0;
      next = known ? at + 1 : at;
      const entry = readEntry(this.#view, key);
      if (entry?.deleted === false) this.#write(entry);
    }
    writer.copy(page, next, end);
    return { ...writer.finish(), shape: page.shape, stale: [], tooLarge: false };
  }

  #write(entry: IndexEntry): void {
    this.#writer.add(keyValue(entry.latest, recordAt(this.#view, entry.latest)));
  }
}

interface Run {
  readonly page: Page;
  readonly from: number;
  readonly end: number;
}

const noPairs: Pairs = { bytes: new Uint8Array(0), starts: [0] };

/** The place of the first pair whose key is not before `key`. */
function lowerBound({ bytes, starts }: Pairs, key: Uint8Array): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (comparePairKey(bytes, starts[middle]!, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
