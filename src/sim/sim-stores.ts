/**
 * Simulated stores: sorted tables that lie on a node's volume and outlive its processes. A batch
 * becomes durable all at once, some time after it was given, and is answered some time after that:
 * a crash finds it not there, there, or there but not answered. The volume's planned failures and
 * chances of failing writes and syncs count, with the store's path; what stores hold is not counted
 * against the volume's capacity.
 */
import { assert } from '../base/assert.ts';
import { QuorateError } from '../base/errors.ts';
import type { Answer, Done } from '../ports/callbacks.ts';
import { pathParts } from '../ports/disk-path.ts';
import {
  type Store,
  type StorePair,
  type StoreRange,
  type StoreSize,
  type StoreSnapshot,
  type Stores,
  type StoreWrite,
  storeKeyBytesMax,
} from '../ports/store.ts';
import { SortedTable, type SortedView } from '../store/sorted-table.ts';
import type { SimProcess } from './sim-process.ts';
import type { SimVolume } from './sim-volume.ts';

/** What a store holds on a volume. */
export type StoreContent = SortedTable<Uint8Array>;

/** See {@link Stores}. */
export class SimStores implements Stores {
  readonly #volume: SimVolume;
  readonly #process: SimProcess;

  constructor(volume: SimVolume, process: SimProcess) {
    this.#volume = volume;
    this.#process = process;
  }

  open(path: string, answer: Answer<Store>): void {
    if (!this.#process.calls()) return;
    const parts = pathParts(path);
    this.#process.plan(this.#volume.latencyMs('names'), `store: open ${path}`, () => {
      if (parts instanceof QuorateError) return answer(parts);
      const failed = this.#volume.failureOf('read', path);
      if (failed !== null) return answer(failure('opening', path));
      let content = this.#volume.stores.get(path);
      if (content === undefined) {
        content = new SortedTable();
        this.#volume.stores.set(path, content);
      }
      answer(new SimStore(path, content, this.#volume, this.#process));
    });
  }

  remove(path: string, done: Done): void {
    if (!this.#process.calls()) return;
    const parts = pathParts(path);
    this.#process.plan(this.#volume.latencyMs('sync'), `store: remove ${path}`, () => {
      if (parts instanceof QuorateError) return done(parts);
      this.#volume.stores.delete(path);
      done(null);
    });
  }
}

/** What is to become of a store: the changes, or everything gone. */
type Change = readonly StoreWrite[] | 'clear';

class SimStore implements Store {
  readonly #path: string;
  readonly #content: StoreContent;
  readonly #volume: SimVolume;
  readonly #process: SimProcess;
  /** Batches not yet durable, the oldest under way: a store writes one after the other. */
  readonly #queue: { readonly change: Change; readonly done: Done }[] = [];
  #unanswered = 0;
  #closing: Done | undefined;

  constructor(path: string, content: StoreContent, volume: SimVolume, process: SimProcess) {
    this.#path = path;
    this.#content = content;
    this.#volume = volume;
    this.#process = process;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#content.get(key)?.slice();
  }

  range(range: StoreRange): IterableIterator<StorePair> {
    return walk(this.#content, range);
  }

  write(batch: readonly StoreWrite[], done: Done): void {
    for (const { key } of batch) {
      assert(
        key.length > 0 && key.length <= storeKeyBytesMax,
        () => `a key of ${key.length} bytes`,
      );
    }
    this.#give(
      batch.map(({ key, value }) => ({ key: key.slice(), value: value?.slice() })),
      done,
    );
  }

  clear(done: Done): void {
    this.#give('clear', done);
  }

  snapshot(): StoreSnapshot {
    const view = this.#content.snapshot();
    return {
      get: (key) => view.get(key)?.slice(),
      range: (range) => walk(view, range),
      close: () => {},
    };
  }

  size(): StoreSize {
    let usedBytes = 0;
    for (const cursor = this.#content.cursor(); cursor.valid; cursor.advance()) {
      usedBytes += cursor.key.length + cursor.value.length;
    }
    return { fileBytes: usedBytes, usedBytes };
  }

  close(done: Done): void {
    assert(this.#closing === undefined, 'the store is closed');
    this.#closing = done;
    if (this.#unanswered === 0) this.#end();
  }

  #give(change: Change, done: Done): void {
    assert(this.#closing === undefined, 'the store is closed');
    if (!this.#process.calls()) return;
    this.#unanswered++;
    this.#queue.push({ change, done });
    if (this.#queue.length === 1) this.#begin();
  }

  #begin(): void {
    this.#process.plan(this.#volume.latencyMs('sync'), `store: write ${this.#path}`, () => {
      const { change, done } = this.#queue[0]!;
      const wrong =
        this.#volume.failureOf('write', this.#path) ?? this.#volume.failureOf('sync', this.#path);
      if (wrong === null) this.#apply(change);
      this.#process.plan(this.#volume.latencyMs('names'), `store: written ${this.#path}`, () => {
        this.#queue.shift();
        if (this.#queue.length > 0) this.#begin();
        const full = wrong === 'disk-full' || wrong === 'short-write';
        this.#unanswered--;
        done(wrong === null ? null : failure('writing to', this.#path, full));
        if (this.#unanswered === 0 && this.#closing !== undefined) this.#end();
      });
    });
  }

  #apply(change: Change): void {
    if (change === 'clear') {
      const view = this.#content.snapshot();
      for (const cursor = view.cursor(); cursor.valid; cursor.advance()) {
        this.#content.remove(cursor.key);
      }
      return;
    }
    for (const { key, value } of change) {
      if (value === undefined) this.#content.remove(key);
      else this.#content.set(key, value);
    }
  }

  #end(): void {
    const done = this.#closing!;
    this.#process.plan(this.#volume.latencyMs('names'), `store: close ${this.#path}`, () =>
      done(null),
    );
  }
}

function* walk(view: SortedView<Uint8Array>, range: StoreRange): IterableIterator<StorePair> {
  for (const cursor = view.cursor(range); cursor.valid; cursor.advance()) {
    yield { key: cursor.key.slice(), value: cursor.value.slice() };
  }
}

function failure(doing: string, path: string, full = false): QuorateError {
  const message = `${doing} the store ${path}: simulated`;
  return new QuorateError(full ? 'disk-full' : 'disk-failed', message, { details: { path } });
}
