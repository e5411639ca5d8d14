/**
 * A number for each index of a log, where neighbours mostly have the same: the term of each entry,
 * the segment that each lies in. Kept as runs: where one begins, and its number.
 */
import { assert } from '../../base/assert.ts';

export class RunList {
  /** Ascending; each run reaches up to the next one's start. */
  readonly #starts: number[] = [];
  readonly #values: number[] = [];

  get empty(): boolean {
    return this.#starts.length === 0;
  }

  /** The number at `index`, which must not lie before the first run. */
  at(index: number): number {
    const starts = this.#starts;
    let low = starts.length - 1;
    assert(low >= 0 && index >= starts[0]!, () => `index ${index} lies before the first run`);
    // Almost every question is about the newest run.
    if (index < starts[low]!) {
      let high = low;
      low = 0;
      while (high - low > 1) {
        const middle = (low + high) >>> 1;
        if (starts[middle]! <= index) low = middle;
        else high = middle;
      }
    }
    return this.#values[low]!;
  }

  /** From `index` on the number is `value`; what was said of `index` and behind is forgotten. */
  set(index: number, value: number): void {
    this.cutFrom(index);
    if (this.#values[this.#values.length - 1] === value) return;
    this.#starts.push(index);
    this.#values.push(value);
  }

  cutFrom(index: number): void {
    while (this.#starts.length > 0 && this.#starts[this.#starts.length - 1]! >= index) {
      this.#starts.pop();
      this.#values.pop();
    }
  }

  /** Forgets runs that end before `index`. */
  dropBefore(index: number): void {
    let drop = 0;
    while (drop + 1 < this.#starts.length && this.#starts[drop + 1]! <= index) drop++;
    if (drop === 0) return;
    this.#starts.splice(0, drop);
    this.#values.splice(0, drop);
  }

  /** The first index after `index` at which another run begins, or infinity. */
  endOfRun(index: number): number {
    for (let run = this.#starts.length - 1; run >= 0; run--) {
      if (this.#starts[run]! <= index) return this.#starts[run + 1] ?? Number.POSITIVE_INFINITY;
    }
    return this.#starts[0] ?? Number.POSITIVE_INFINITY;
  }
}
