/**
 * Finds those who are interested in a key: a table for single keys, and for ranges a sorted array
 * in which each place also knows how far the ranges of its half reach (an implicit interval tree).
 * What was added lately lies beside it, so that ten thousand additions do not sort ten thousand
 * times.
 */
import { compareBytes } from '../../base/compare-bytes.ts';
import { latin1 } from '../../base/latin1.ts';
import type { KeyInterval } from '../../mvcc/key-intervals.ts';

interface Range<T> {
  readonly interval: KeyInterval;
  readonly members: Set<T>;
}

/** Ranges that are looked at one by one before they are sorted in. */
const RECENT_MAX = 256;
/** So many that nobody wants any more are left where they are, and so is a third of all ranges. */
const EMPTIED_MAX = 256;

export class RangeIndex<T> {
  readonly #single = new Map<string, Set<T>>();
  readonly #ranges = new Map<string, Range<T>>();
  #sorted: Range<T>[] = [];
  /** For each place: the furthest end in the subtree that it is the root of. */
  #reach: (Uint8Array | undefined)[] = [];
  #recent: Range<T>[] = [];
  /** Ranges in `sorted` that nobody is interested in any more. */
  #emptied = 0;

  /** @param single the one key `interval.from` */
  add(interval: KeyInterval, single: boolean, member: T): void {
    if (single) {
      const key = latin1(interval.from);
      const members = this.#single.get(key);
      if (members === undefined) this.#single.set(key, new Set([member]));
      else members.add(member);
      return;
    }
    const name = nameOf(interval);
    const known = this.#ranges.get(name);
    if (known !== undefined) {
      known.members.add(member);
      return;
    }
    const range = { interval, members: new Set([member]) };
    this.#ranges.set(name, range);
    this.#recent.push(range);
    if (this.#recent.length > RECENT_MAX) this.#sort();
  }

  remove(interval: KeyInterval, single: boolean, member: T): void {
    if (single) {
      const key = latin1(interval.from);
      const members = this.#single.get(key);
      members?.delete(member);
      if (members?.size === 0) this.#single.delete(key);
      return;
    }
    const name = nameOf(interval);
    const range = this.#ranges.get(name);
    if (range === undefined) return;
    range.members.delete(member);
    if (range.members.size > 0) return;
    this.#ranges.delete(name);
    this.#emptied++;
    if (this.#emptied > Math.max(EMPTIED_MAX, this.#sorted.length / 3)) this.#sort();
  }

  /** Calls `found` for everyone who is interested in the key. */
  each(key: Uint8Array, found: (member: T) => void): void {
    const members = this.#single.size === 0 ? undefined : this.#single.get(latin1(key));
    if (members !== undefined) for (const member of members) found(member);
    for (const range of this.#recent) {
      if (contains(range.interval, key)) for (const member of range.members) found(member);
    }
    this.#search({ low: 0, high: this.#sorted.length }, key, found);
  }

  /** How many are interested in the key. */
  count(key: Uint8Array): number {
    let count = 0;
    this.each(key, () => {
      count++;
    });
    return count;
  }

  #search(
    { low, high }: { readonly low: number; readonly high: number },
    key: Uint8Array,
    found: (member: T) => void,
  ): void {
    if (low >= high) return;
    const middle = (low + high) >>> 1;
    const reach = this.#reach[middle];
    if (reach !== undefined && compareBytes(key, reach) >= 0) return;
    this.#search({ low, high: middle }, key, found);
    const range = this.#sorted[middle]!;
    if (compareBytes(range.interval.from, key) > 0) return;
    if (contains(range.interval, key)) for (const member of range.members) found(member);
    this.#search({ low: middle + 1, high }, key, found);
  }

  #sort(): void {
    const wanted = ({ members }: Range<T>): boolean => members.size > 0;
    const recent = this.#recent.filter(wanted).sort(byBeginning);
    // Two runs in order, which to sort is to merge.
    this.#sorted = [...this.#sorted.filter(wanted), ...recent].sort(byBeginning);
    this.#recent = [];
    this.#emptied = 0;
    this.#reach = new Array<Uint8Array | undefined>(this.#sorted.length);
    this.#measure(0, this.#sorted.length);
  }

  /** Whether there is any range, and the furthest end. */
  #measure(low: number, high: number): { readonly end: Uint8Array | undefined } | undefined {
    if (low >= high) return undefined;
    const middle = (low + high) >>> 1;
    let end = this.#sorted[middle]!.interval.to;
    for (const half of [this.#measure(low, middle), this.#measure(middle + 1, high)]) {
      if (half === undefined || end === undefined) continue;
      if (half.end === undefined || compareBytes(half.end, end) > 0) end = half.end;
    }
    this.#reach[middle] = end;
    return { end };
  }
}

function byBeginning(a: Range<unknown>, b: Range<unknown>): number {
  return compareBytes(a.interval.from, b.interval.from);
}

function contains({ from, to }: KeyInterval, key: Uint8Array): boolean {
  return compareBytes(from, key) <= 0 && (to === undefined || compareBytes(key, to) < 0);
}

function nameOf({ from, to }: KeyInterval): string {
  return `${from.length} ${latin1(from)}${to === undefined ? '' : ` ${latin1(to)}`}`;
}
