/**
 * One walk over several sorted sources that lie on top of each other: of entries with the same key
 * the upper source's counts, and where that is a removal (`null`), there is no entry.
 */
import { compareBytes } from '../base/compare-bytes.ts';
import type { StorePair, StoreRange, StoreView } from '../ports/store.ts';
import type { TableCursor } from './sorted-table.ts';

/** What a layer holds for a key; `null` says that it was removed. */
export type Layered = Uint8Array | null;

/** See above. The sources come with the uppermost first. */
export class MergedWalk implements IterableIterator<StorePair> {
  readonly #sources: readonly TableCursor<Layered>[];
  readonly #store: StoreCursor;
  readonly #sign: number;
  readonly #check: () => void;

  /** @param check called before each step, to throw if the ground has moved. */
  constructor(
    layers: readonly TableCursor<Layered>[],
    store: StoreView | undefined,
    range: StoreRange,
    check: () => void,
  ) {
    this.#store = new StoreCursor(store?.range(range));
    this.#sources = [...layers, this.#store];
    this.#sign = range.reverse === true ? -1 : 1;
    this.#check = check;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<StorePair> {
    this.#check();
    for (;;) {
      let first: TableCursor<Layered> | undefined;
      for (const source of this.#sources) {
        if (!source.valid) continue;
        if (first === undefined || compareBytes(source.key, first.key) * this.#sign < 0) {
          first = source;
        }
      }
      if (first === undefined) return { done: true, value: undefined };
      const { key, value } = first;
      for (const source of this.#sources) {
        if (source !== first && source.valid && compareBytes(source.key, key) === 0) {
          source.advance();
        }
      }
      first.advance();
      if (value !== null) return { done: false, value: { key, value } };
    }
  }

  return(): IteratorResult<StorePair> {
    this.#store.close();
    return { done: true, value: undefined };
  }
}

/** A store's own walk, as a cursor. */
class StoreCursor implements TableCursor<Layered> {
  readonly #walk: IterableIterator<StorePair> | undefined;
  #pair: StorePair | undefined;

  constructor(walk: IterableIterator<StorePair> | undefined) {
    this.#walk = walk;
    this.advance();
  }

  get valid(): boolean {
    return this.#pair !== undefined;
  }

  get key(): Uint8Array {
    return this.#pair!.key;
  }

  get value(): Layered {
    return this.#pair!.value;
  }

  advance(): void {
    const step = this.#walk?.next();
    this.#pair = step === undefined || step.done === true ? undefined : step.value;
  }

  close(): void {
    if (this.#pair === undefined) return;
    this.#pair = undefined;
    this.#walk?.return?.();
  }
}
