/**
 * What a machine whose state lives in a store keeps there beside the entries of its tables, and how
 * the engine is told: the facts are put into the store's layer at each flush, so that they are in
 * the batch that carries the mark.
 */
import type { Kept, KeptMark } from '../engine/machine.ts';
import type { Done } from '../ports/callbacks.ts';
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
}

export class StoredState implements Kept {
  readonly store: LayeredStore;
  readonly #facts: () => StoredFacts;
  readonly #emptied: () => void;

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
    return new ValueReader(bytes).value() as StoredFacts;
  }

  mark(): KeptMark | undefined {
    return this.store.mark();
  }

  flush(mark: KeptMark, done: Done): void {
    this.store.put(factsKey, encodeValue(this.#facts()));
    this.store.commit();
    this.store.flush(mark, done);
  }

  clear(done: Done): void {
    this.store.clear(done);
    this.#emptied();
  }

  pressure(): 'little' | 'much' | 'full' {
    return this.store.pressure();
  }
}
