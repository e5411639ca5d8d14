/**
 * A store that lasts as long as its process: for machines whose state is rebuilt from snapshots and
 * the log, and for tests of what stands on stores.
 */
import type { Done } from '../ports/callbacks.ts';
import type {
  Store,
  StorePair,
  StoreRange,
  StoreSize,
  StoreSnapshot,
  StoreWrite,
} from '../ports/store.ts';
import { SortedTable, type SortedView } from './sorted-table.ts';

export class MemoryStore implements Store {
  #table = new SortedTable<Uint8Array>();
  readonly #later: (callback: () => void) => void;

  /** @param later calls back after this turn, as ports do */
  constructor(later: (callback: () => void) => void) {
    this.#later = later;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#table.get(key);
  }

  range(range: StoreRange): IterableIterator<StorePair> {
    return walk(this.#table, range);
  }

  write(batch: readonly StoreWrite[], done: Done): void {
    for (const { key, value } of batch) {
      if (value === undefined) this.#table.remove(key);
      else this.#table.set(key, value);
    }
    this.#later(() => done(null));
  }

  clear(done: Done): void {
    this.#table = new SortedTable();
    this.#later(() => done(null));
  }

  snapshot(): StoreSnapshot {
    const view = this.#table.snapshot();
    return {
      get: (key) => view.get(key),
      range: (range) => walk(view, range),
      close: () => {},
    };
  }

  /** It has no files. */
  size(): StoreSize {
    return { fileBytes: 0, usedBytes: 0 };
  }

  close(done: Done): void {
    this.#later(() => done(null));
  }
}

function* walk(view: SortedView<Uint8Array>, range: StoreRange): Generator<StorePair> {
  for (const cursor = view.cursor(range); cursor.valid; cursor.advance()) {
    yield { key: cursor.key, value: cursor.value };
  }
}
