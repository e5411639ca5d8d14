/** The changes of the last commands, for readers that come back: bounded, the oldest go first. */
import { assert } from '../base/assert.ts';
import { QuorateError } from '../base/errors.ts';
import type { Change } from './journal.ts';

/** What one command has changed. */
export interface Changes {
  /** The command's place in the log: to go on behind it, ask for `changes({ after: index })`. */
  readonly index: number;
  readonly term: number;
  readonly timeMs: number;
  /** The command's name; `migrate` where a version became active. */
  readonly command: string;
  /** In the order in which they were made; the last one of each key. */
  readonly changes: readonly Change[];
}

export class ChangeHistory {
  readonly #max: number;
  /** In order; those before `#first` have been dropped. */
  #kept: Changes[] = [];
  #first = 0;
  /** All changes after this index are known. */
  #completeAfter = 0;
  readonly #listeners = new Set<() => void>();

  constructor(max: number) {
    this.#max = max;
  }

  /** The oldest index that may be asked for. */
  get completeAfter(): number {
    return this.#completeAfter;
  }

  add(changes: Changes): void {
    if (this.#max > 0) this.#kept.push(changes);
    if (this.#kept.length - this.#first > this.#max) {
      this.#completeAfter = this.#kept[this.#first]!.index;
      this.#first++;
      // Cutting in large pieces keeps a drop cheap.
      if (this.#first > this.#max) {
        this.#kept = this.#kept.slice(this.#first);
        this.#first = 0;
      }
    } else if (this.#max === 0) this.#completeAfter = changes.index;
    for (const listener of this.#listeners) listener();
  }

  /** A snapshot was restored: how its state came to be is not known here. */
  restart(index: number): void {
    this.#kept = [];
    this.#first = 0;
    this.#completeAfter = index;
    for (const listener of this.#listeners) listener();
  }

  /**
   * The first known changes after an index.
   * @throws QuorateError `changes-compacted` if some after it are not known any more
   */
  after(index: number): Changes | undefined {
    if (index < this.#completeAfter) {
      throw new QuorateError(
        'changes-compacted',
        `changes are known behind index ${this.#completeAfter}, not ${index}`,
        { details: { completeAfter: this.#completeAfter } },
      );
    }
    let low = this.#first;
    let high = this.#kept.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#kept[middle]!.index <= index) low = middle + 1;
      else high = middle;
    }
    assert(low >= this.#first, 'a search within what is kept');
    return this.#kept[low];
  }

  /** Calls `listener` after each change; returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
