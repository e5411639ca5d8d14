/**
 * A store with a layer in memory. The Raft log makes a command durable, so its effects need not be
 * written on the way to the answer: they go into the layer, reads look there first, and now and then
 * the layer is written behind in one large sorted batch, together with the mark that says which
 * command it reaches to. What is in the store is thus always the state after exactly one command,
 * and after a crash the log is replayed from there.
 *
 * Life of a change: `put` and `remove` belong to the command that is being applied, until
 * {@link LayeredStore.commit} or {@link LayeredStore.rollback}; they lie in the *active* table. A
 * flush turns the active table into the *frozen* one, which is sorted and written while the next
 * active table fills. Once the store has it, the frozen table is dropped.
 *
 * Keys are 1 … 1900 bytes and do not begin with a zero byte, which is the layer's own. Byte strings
 * that are given belong to the layer, and those that are read must not be changed.
 */
import { assert } from '../base/assert.ts';
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { QuorateError } from '../base/errors.ts';
import type { Done } from '../ports/callbacks.ts';
import {
  type Store,
  type StorePair,
  type StoreRange,
  type StoreSize,
  type StoreSnapshot,
  type StoreView,
  type StoreWrite,
  storeKeyBytesMax,
} from '../ports/store.ts';
import { type Layered, MergedWalk } from './merged-walk.ts';
import { SortedTable, type SortedView } from './sorted-table.ts';

/** What the store holds all effects up to; the same as the engine's `KeptMark`. */
export interface StoreMark {
  readonly position: { readonly index: number; readonly term: number };
  /** What the engine keeps with it. */
  readonly state: Uint8Array;
}

/** How much a layer may hold. */
export interface LayerLimits {
  /** From so many bytes on a flush is worth while; also the size of a restore's batches. */
  readonly muchBytes: number;
  /**
   * With so many beside what is being written, nothing more should be applied before that is done:
   * this bounds the next batch, and so the time in which it is handed to the store in one go.
   */
  readonly fullBytes: number;
}

/**
 * LMDB takes a batch in one go: 1 MiB, some three thousand entries, stalls the member for 3 to 10 ms,
 * 4 MiB for as much as 40 while the machine has other work. Larger batches write fewer pages, and
 * stall longer.
 */
export const defaultLayerLimits: LayerLimits = { muchBytes: 2 ** 20, fullBytes: 4 * 2 ** 20 };

/** What an entry costs beside its bytes: two objects, and its place in two arrays. */
const entryOverheadBytes = 200;

const markKey = Uint8Array.of(0);
const markVersion = 1;
const afterMark = Uint8Array.of(1);

/** See above. It fulfils the engine's `Kept` for the machine that stands on it. */
export class LayeredStore implements StoreView {
  readonly #store: Store;
  readonly #limits: LayerLimits;
  #active = new SortedTable<Layered>();
  #activeBytes = 0;
  #frozen: SortedView<Layered> | undefined;
  #frozenBytes = 0;
  /** How to undo the changes since the last commit, oldest first. */
  #undo: { key: Uint8Array; before: Layered | undefined; bytes: number }[] = [];
  #mark: StoreMark | undefined;
  /** Raised by whatever would invalidate a walk. */
  #changes = 0;
  /** While an old state is being removed, what the store still holds does not count. */
  #masked = false;
  #restoring = false;
  #writing = false;
  /** Counts restores: a flush begun before one says nothing about what comes after it. */
  #life = 0;
  #failure: QuorateError | undefined;
  #waiting: Done | undefined;

  /** @param store open; nobody else may write to it. */
  constructor(store: Store, limits: LayerLimits = defaultLayerLimits) {
    assert(limits.muchBytes <= limits.fullBytes, 'a full layer must hold much');
    this.#store = store;
    this.#limits = limits;
    const mark = store.get(markKey);
    if (mark !== undefined) this.#mark = decodeMark(mark);
    // What a restore left that never came to its end is nobody's state.
    else if (!isEmpty(store)) this.#clear();
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const active = this.#active.get(key);
    if (active !== undefined) return active ?? undefined;
    const frozen = this.#frozen?.get(key);
    if (frozen !== undefined) return frozen ?? undefined;
    return this.#masked ? undefined : this.#store.get(key);
  }

  /** The state as it is now; nothing may be changed until the walk has ended. */
  range(range: StoreRange): IterableIterator<StorePair> {
    const changes = this.#changes;
    const tables = this.#frozen === undefined ? [this.#active] : [this.#active, this.#frozen];
    return new MergedWalk(
      tables.map((table) => table.cursor(withoutMark(range))),
      this.#masked ? undefined : this.#store,
      withoutMark(range),
      () => assert(this.#changes === changes, 'a state was changed while it was walked'),
    );
  }

  /** Part of the command that is being applied. */
  put(key: Uint8Array, value: Uint8Array): void {
    this.#set(key, value, entryOverheadBytes + key.length + value.length);
  }

  /** Part of the command that is being applied. It is no error if there is no such key. */
  remove(key: Uint8Array): void {
    this.#set(key, null, entryOverheadBytes + key.length);
  }

  /** The command took effect: what was changed stays. */
  commit(): void {
    if (this.#undo.length > 0) this.#undo = [];
  }

  /** The command was refused: nothing of what it changed since the last commit stays. */
  rollback(): void {
    for (const { key, before, bytes } of this.#undo.reverse()) {
      if (before === undefined) this.#active.remove(key);
      else this.#active.set(key, before);
      this.#activeBytes -= bytes;
    }
    this.#undo = [];
    this.#changes++;
  }

  /** Whether anything was changed since the last commit. */
  get uncommitted(): boolean {
    return this.#undo.length > 0;
  }

  /** The last mark that is synced; undefined where the store holds no whole state. */
  mark(): StoreMark | undefined {
    return this.#mark;
  }

  /**
   * Writes and syncs everything committed until this call, with the mark, as one batch. One at a
   * time, and not within a command. `disk-full`: it may be called again. Other failures last.
   */
  flush(mark: StoreMark, done: Done): void {
    assert(!this.uncommitted, 'a flush in the middle of a command');
    this.#restoring = false;
    this.#write(mark, done);
  }

  /** How much waits in memory; see the engine's `Kept`. */
  pressure(): 'little' | 'much' | 'full' {
    // What a full disk refused goes into the next batch too.
    const next = this.#activeBytes + (this.#writing ? 0 : this.#frozenBytes);
    if (next >= this.#limits.fullBytes) return 'full';
    return this.#activeBytes >= this.#limits.muchBytes ? 'much' : 'little';
  }

  /** The committed state as it is now, to be walked whenever it suits; to be closed. */
  snapshot(): StoreSnapshot {
    assert(!this.uncommitted, 'a snapshot in the middle of a command');
    const active = this.#active.snapshot();
    const tables = this.#frozen === undefined ? [active] : [active, this.#frozen];
    return new LayeredSnapshot(tables, this.#masked ? undefined : this.#store.snapshot());
  }

  /** Bytes on disk, and of those in use; what waits in memory is not counted. */
  size(): StoreSize {
    return this.#store.size();
  }

  /** Bytes that wait in memory. */
  get layerBytes(): number {
    return this.#activeBytes + this.#frozenBytes;
  }

  /**
   * Empties the store, to take another state by {@link put}. There is no mark until the next flush,
   * so that a crash on the way leaves a store that says that it holds no whole state.
   */
  beginRestore(): void {
    this.#life++;
    this.#active = new SortedTable();
    this.#activeBytes = 0;
    this.#frozen = undefined;
    this.#frozenBytes = 0;
    this.#undo = [];
    this.#changes++;
    this.#mark = undefined;
    this.#restoring = true;
    // A flush that has not begun has nothing left to write.
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) this.#later(waiting);
    this.#clear();
  }

  /** Empties the store for good; `done` when that would survive a loss of power. */
  clear(done: Done): void {
    this.beginRestore();
    this.#restoring = false;
    this.#store.write([], (error) => done(error ?? this.#failure ?? null));
  }

  /** Between the parts of a restored state: `done` when there is room for more. */
  drain(done: Done): void {
    assert(this.#restoring, 'no restore is going on');
    this.commit();
    if (this.#activeBytes >= this.#limits.muchBytes) this.#write(undefined, done);
    else this.#later(done);
  }

  /** Waits for what is being written, then closes the store. What was not flushed is forgotten. */
  close(done: Done): void {
    this.#store.close(done);
  }

  #set(key: Uint8Array, value: Layered, bytes: number): void {
    assert(
      key.length > 0 && key.length <= storeKeyBytesMax && key[0] !== 0,
      `a key of ${key.length} bytes that begins with ${key[0]}`,
    );
    this.#changes++;
    const before = this.#active.set(key, value);
    let grown = bytes;
    if (before !== undefined) grown -= entryOverheadBytes + key.length + (before?.length ?? 0);
    this.#activeBytes += grown;
    if (!this.#restoring) this.#undo.push({ key, before, bytes: grown });
  }

  /** Empties the store; until that is done, what it holds does not count. */
  #clear(): void {
    const life = this.#life;
    this.#masked = true;
    this.#writing = true;
    this.#store.clear((error) => {
      if (life !== this.#life) return;
      this.#writing = false;
      if (error !== null) this.#failure = error;
      else this.#masked = false;
      this.#changes++;
      this.#resume();
    });
  }

  /** Freezes and writes, or waits for its turn behind the clearing of a restore. */
  #write(mark: StoreMark | undefined, done: Done): void {
    if (this.#failure !== undefined) {
      this.#later(done);
      return;
    }
    if (this.#writing) {
      assert(this.#waiting === undefined, 'one flush at a time');
      const life = this.#life;
      this.#waiting = (error) => {
        if (error === null && life === this.#life) this.#write(mark, done);
        else done(error);
      };
      return;
    }
    this.#freeze();
    const batch: StoreWrite[] = [];
    if (mark !== undefined) batch.push({ key: markKey, value: encodeMark(mark) });
    for (const cursor = this.#frozen!.cursor(); cursor.valid; cursor.advance()) {
      batch.push({ key: cursor.key, value: cursor.value ?? undefined });
    }
    this.#writing = true;
    const life = this.#life;
    this.#store.write(batch, (error) => {
      if (life !== this.#life) {
        done(error);
        return;
      }
      this.#writing = false;
      this.#changes++;
      if (error === null) {
        this.#frozen = undefined;
        this.#frozenBytes = 0;
        if (mark !== undefined) this.#mark = mark;
      } else if (error.code !== 'disk-full') this.#failure = error;
      done(error);
      this.#resume();
    });
  }

  /** What a full disk refused before is still frozen, and goes into the same batch. */
  #freeze(): void {
    this.#changes++;
    if (this.#frozen !== undefined) {
      const active = this.#active.snapshot();
      const together = new SortedTable<Layered>();
      for (const table of [this.#frozen, active]) {
        for (const cursor = table.cursor(); cursor.valid; cursor.advance()) {
          together.set(cursor.key, cursor.value);
        }
      }
      this.#active = together;
    }
    this.#frozen = this.#active.snapshot();
    this.#frozenBytes += this.#activeBytes;
    this.#active = new SortedTable();
    this.#activeBytes = 0;
  }

  #resume(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.(this.#failure ?? null);
  }

  /** Answers as callbacks are answered: not before the call has returned. */
  #later(done: Done): void {
    const failure = this.#failure;
    if (failure === undefined) this.#store.write([], done);
    else this.#store.write([], () => done(failure));
  }
}

class LayeredSnapshot implements StoreSnapshot {
  readonly #tables: readonly SortedView<Layered>[];
  readonly #store: StoreSnapshot | undefined;

  constructor(tables: readonly SortedView<Layered>[], store: StoreSnapshot | undefined) {
    this.#tables = tables;
    this.#store = store;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    for (const table of this.#tables) {
      const found = table.get(key);
      if (found !== undefined) return found ?? undefined;
    }
    return this.#store?.get(key);
  }

  range(range: StoreRange): IterableIterator<StorePair> {
    return new MergedWalk(
      this.#tables.map((table) => table.cursor(withoutMark(range))),
      this.#store,
      withoutMark(range),
      () => {},
    );
  }

  close(): void {
    this.#store?.close();
  }
}

function isEmpty(store: Store): boolean {
  const walk = store.range({});
  const empty = walk.next().done === true;
  walk.return?.();
  return empty;
}

/** The mark is nobody else's business. */
function withoutMark(range: StoreRange): StoreRange {
  if (range.from !== undefined) return range;
  const { to, reverse = false } = range;
  return to === undefined ? { from: afterMark, reverse } : { from: afterMark, to, reverse };
}

function encodeMark({ position, state }: StoreMark): Uint8Array {
  return new ByteWriter(state.length + 20)
    .byte(markVersion)
    .number(position.index)
    .number(position.term)
    .bytes(state)
    .finish();
}

function decodeMark(bytes: Uint8Array): StoreMark {
  const reader = new ByteReader(bytes);
  const version = reader.byte();
  if (version > markVersion) {
    throw new QuorateError('format-too-new', `the store's mark has version ${version}`);
  }
  const position = { index: reader.number(), term: reader.number() };
  const state = reader.bytes();
  reader.end();
  return { position, state };
}
