/**
 * Sets of keys as a union of half-open intervals, for access rules: whether a range that is asked
 * for lies inside what was granted, also where only several grants together cover it.
 */
import { compareBytes } from '../base/compare-bytes.ts';

/** From `from` up to, and without, `to`; `to` undefined: every key from there on. */
export interface KeyInterval {
  readonly from: Uint8Array;
  readonly to: Uint8Array | undefined;
}

/**
 * What a key and a range end mean, as in ranges: no end is the one key, an end of one zero byte is
 * everything from the key on. Undefined for an empty range, whose end is not behind its key.
 */
export function keyInterval(key: Uint8Array, rangeEnd: Uint8Array): KeyInterval | undefined {
  if (rangeEnd.length === 0) {
    const to = new Uint8Array(key.length + 1);
    to.set(key);
    return { from: key, to };
  }
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return { from: key, to: undefined };
  return compareBytes(key, rangeEnd) < 0 ? { from: key, to: rangeEnd } : undefined;
}

/** An unchanging set of keys. */
export class KeyIntervals {
  /** Sorted, neither overlapping nor touching. */
  readonly #intervals: readonly KeyInterval[];

  constructor(intervals: readonly KeyInterval[]) {
    const sorted = [...intervals].sort((a, b) => compareBytes(a.from, b.from));
    const merged: KeyInterval[] = [];
    for (const interval of sorted) {
      const last = merged.at(-1);
      if (last === undefined || isBefore(last.to, interval.from)) merged.push(interval);
      else merged[merged.length - 1] = { from: last.from, to: furthest(last.to, interval.to) };
    }
    this.#intervals = merged;
  }

  /** Whether every key of the interval is in the set. */
  covers({ from, to }: KeyInterval): boolean {
    let low = 0;
    let high = this.#intervals.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes(this.#intervals[middle]!.from, from) <= 0) low = middle + 1;
      else high = middle;
    }
    const found = this.#intervals[low - 1];
    if (found === undefined) return false;
    if (found.to === undefined) return true;
    return to !== undefined && compareBytes(to, found.to) <= 0;
  }
}

/** Whether an interval that ends there leaves a gap before `from`. */
function isBefore(to: Uint8Array | undefined, from: Uint8Array): boolean {
  return to !== undefined && compareBytes(to, from) < 0;
}

function furthest(a: Uint8Array | undefined, b: Uint8Array | undefined): Uint8Array | undefined {
  if (a === undefined || b === undefined) return undefined;
  return compareBytes(a, b) > 0 ? a : b;
}
