/**
 * What a machine whose state lives in a store keeps there beside the entries of its tables, and how
 * the engine is told: the facts are put into the store's layer at each flush, so that they are in
 * the batch that carries the mark.
 */
import type { Kept, KeptMark } from '../engine/machine.ts';
import type { Done } from '../ports/callbacks.ts';
import type { StoreRange } from '../ports/store.ts';
import type { LayeredStore } from '../store/layered-store.ts';
import type { SnapshotHead } from './machine-snapshot.ts';
import type { TableFacts } from './stored-table.ts';
import { ValueReader } from './value-reader.ts';
import { encodeValue } from './value-writer.ts';

const factsKey = Uint8Array.of(2);

/** Everything of a state but the entries. */
export interface StoredFacts extends SnapshotHead {
  readonly plain: ReadonlyMap<string, Uint8Array>;
  readonly tables: ReadonlyMap<string, TableFacts>;
  /** Where entries lie that no table has any more, and that are being removed. */
  readonly dropped?: readonly StoreRange[];
}

/** With each flush so much of what was dropped is removed: it shall not make the batch much larger. */
const sweptEntriesMax = 2000;

export class StoredState implements Kept {
  readonly store: LayeredStore;
  readonly #facts: () => StoredFacts;
  readonly #emptied: () => void;
  #dropped: readonly StoreRange[] = [];

  /**
   * @param facts asked at each flush
   * @param emptied the store holds nothing any more
   */
  constructor(store: LayeredStore, facts: () => StoredFacts, emptied: () => void) {
    this.store = store;
    this.#facts = facts;
    this.#emptied = emptied;
  }

  /** What was written with the mark; undefined where the store holds no whole state. */
  read(): StoredFacts | undefined {
    const bytes = this.store.get(factsKey);
    if (bytes === undefined || this.mark() === undefined) return undefined;
    const facts = new ValueReader(bytes).value() as StoredFacts;
    this.#dropped = facts.dropped ?? [];
    return facts;
  }

  /** The state has let go of what lies there: it is removed bit by bit. */
  drop(ranges: readonly StoreRange[]): void {
    this.#dropped = [...this.#dropped, ...ranges];
  }

  /** Another state comes: there is nothing left of this one. */
  beginRestore(): void {
    this.#dropped = [];
    this.store.beginRestore();
  }

  mark(): KeptMark | undefined {
    return this.store.mark();
  }

  flush(mark: KeptMark, done: Done): void {
    this.#sweep();
    const facts = { ...this.#facts(), dropped: this.#dropped };
    this.store.put(factsKey, encodeValue(facts));
    this.store.commit();
    this.store.flush(mark, done);
  }

  clear(done: Done): void {
    this.store.clear(done);
    this.#dropped = [];
    this.#emptied();
  }

  /** While something is left to be removed, one flush follows the other. */
  pressure(): 'little' | 'much' | 'full' {
    const pressure = this.store.pressure();
    return pressure === 'little' && this.#dropped.length > 0 ? 'much' : pressure;
  }

  #sweep(): void {
    const [range, ...rest] = this.#dropped;
    if (range === undefined) return;
    const keys: Uint8Array[] = [];
    for (const { key } of this.store.range(range)) {
      keys.push(key);
      if (keys.length >= sweptEntriesMax) break;
    }
    for (const key of keys) this.store.remove(key);
    if (keys.length < sweptEntriesMax) this.#dropped = rest;
  }
}
