/**
 * Stores on LMDB (Howard Chu, "MDB: A Memory-Mapped Database and Backend for OpenLDAP", 2011): a
 * B+tree of pages that are copied when they change, whose root is replaced last. So a crash leaves
 * the old state or the new one; readers see one state as long as they like, on which no writer
 * waits; and pages that nobody sees any more are used again, without a pause to clean up.
 *
 * Every batch is one transaction that is synced before it is answered. What would make that weaker
 * is off: overlapping syncs, and trust in pages that were written but not synced.
 */
import fs from 'node:fs';
import path from 'node:path';
import { open as openDatabase, type RootDatabase, type Transaction } from 'lmdb';
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
import { ByteShelf } from './byte-shelf.ts';
import { checkLmdbFile } from './lmdb-file.ts';
import { diskError } from './system-errors.ts';

type Database = RootDatabase<Uint8Array, Uint8Array>;

/** How many snapshots and readers of one store may be open at a time. */
const readersMax = 1024;

const fileName = 'data.mdb';

/** See above. */
export class NodeStores implements Stores {
  readonly #root: string;

  /** @param root the member's directory. */
  constructor(root: string) {
    this.#root = path.resolve(root);
  }

  open(name: string, answer: Answer<Store>): void {
    const directory = this.#directory(name);
    setImmediate(() => {
      if (directory instanceof QuorateError) answer(directory);
      else answer(openAt(directory, name));
    });
  }

  remove(name: string, done: Done): void {
    const directory = this.#directory(name);
    if (directory instanceof QuorateError) setImmediate(done, directory);
    else {
      fs.rm(directory, { recursive: true, force: true }, (error) => {
        done(error === null ? null : diskError(error, { doing: 'removing', path: name }));
      });
    }
  }

  #directory(name: string): string | QuorateError {
    const parts = pathParts(name);
    return parts instanceof QuorateError ? parts : path.join(this.#root, ...parts);
  }
}

function openAt(directory: string, name: string): Store | QuorateError {
  try {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
    checkLmdbFile(path.join(directory, fileName), name);
    const database: Database = openDatabase({
      path: directory,
      // A directory's name may have a dot, which would otherwise pass for a file's.
      noSubdir: false,
      encoder: valueCode,
      keyEncoder: keyCode,
      // Batches are put together here. LMDB's own way leaves promises behind that nobody can catch.
      eventTurnBatching: false,
      overlappingSync: false,
      safeRestore: true,
      maxReaders: readersMax,
      maxDbs: 1,
    } as Parameters<typeof openDatabase>[0]);
    return new NodeStore(database, path.join(directory, fileName), name);
  } catch (error) {
    return storeError(error, `opening the store ${name}`);
  }
}

/** LMDB lends what it reads until the next reading: these make copies, and so no Buffers get out. */
const shelf = new ByteShelf();

const valueCode = {
  encode: (value: Uint8Array): Uint8Array => value,
  decode: (lent: Uint8Array): Uint8Array => shelf.copy(lent, 0, lent.length),
};

const keyCode = {
  writeKey(key: Uint8Array, into: Uint8Array, at: number): number {
    into.set(key, at);
    return at + key.length;
  },
  readKey: (lent: Uint8Array, from: number, end: number): Uint8Array => shelf.copy(lent, from, end),
};

class NodeStore implements Store {
  readonly #database: Database;
  readonly #file: string;
  readonly #name: string;
  #writing = 0;
  #closed: Done | undefined;

  constructor(database: Database, file: string, name: string) {
    this.#database = database;
    this.#file = file;
    this.#name = name;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return getFrom(this.#database, key, undefined);
  }

  range(range: StoreRange): IterableIterator<StorePair> {
    return rangeOf(this.#database, range, undefined);
  }

  write(batch: readonly StoreWrite[], done: Done): void {
    assert(this.#closed === undefined, 'the store is closed');
    for (const { key } of batch) {
      assert(key.length > 0 && key.length <= storeKeyBytesMax, `a key of ${key.length} bytes`);
    }
    const database = this.#database;
    this.#settle(
      'writing to',
      database.batch(() => {
        for (const { key, value } of batch) {
          if (value === undefined) void database.remove(key);
          else void database.put(key, value);
        }
      }),
      done,
    );
  }

  clear(done: Done): void {
    assert(this.#closed === undefined, 'the store is closed');
    this.#settle('clearing', this.#database.clearAsync(), done);
  }

  snapshot(): StoreSnapshot {
    return new NodeStoreSnapshot(this.#database);
  }

  size(): StoreSize {
    const stats = this.#database.getStats() as LmdbStats;
    const fileBytes = fs.statSync(this.#file).size;
    const pages = (stats.treeBranchPageCount ?? 0) + (stats.treeLeafPageCount ?? 0);
    const usedBytes = (pages + (stats.overflowPages ?? 0)) * stats.pageSize;
    return { fileBytes, usedBytes: Math.min(fileBytes, usedBytes) };
  }

  close(done: Done): void {
    assert(this.#closed === undefined, 'the store is closed');
    this.#closed = done;
    if (this.#writing === 0) this.#end();
  }

  #settle(doing: string, written: Promise<unknown>, done: Done): void {
    this.#writing++;
    const end = (error: QuorateError | null): void => {
      this.#writing--;
      // Else reads would see the state before for the rest of the turn.
      this.#database.resetReadTxn();
      done(error);
      if (this.#writing === 0 && this.#closed !== undefined) this.#end();
    };
    written.then(
      () => end(null),
      async (error: unknown) => {
        // The reason of a failed commit arrives in a promise of its own.
        const { commitError } = error as { commitError?: Promise<never> };
        const cause = commitError === undefined ? error : await commitError.catch((why) => why);
        end(storeError(cause, `${doing} the store ${this.#name}`, this.#file));
      },
    );
  }

  #end(): void {
    const done = this.#closed!;
    this.#database.close().then(
      () => done(null),
      (error: unknown) => done(storeError(error, `closing the store ${this.#name}`)),
    );
  }
}

class NodeStoreSnapshot implements StoreSnapshot {
  readonly #database: Database;
  readonly #transaction: Transaction;

  constructor(database: Database) {
    this.#database = database;
    this.#transaction = database.useReadTransaction();
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return getFrom(this.#database, key, this.#transaction);
  }

  range(range: StoreRange): IterableIterator<StorePair> {
    return rangeOf(this.#database, range, this.#transaction);
  }

  close(): void {
    this.#transaction.done();
  }
}

function getFrom(
  database: Database,
  key: Uint8Array,
  transaction: Transaction | undefined,
): Uint8Array | undefined {
  if (key.length === 0 || key.length > storeKeyBytesMax) return undefined;
  return transaction === undefined ? database.get(key) : database.get(key, { transaction });
}

/** The first of all keys. LMDB's own idea of it is for keys that it encodes itself. */
const firstKey = Uint8Array.of(0);

function rangeOf(
  database: Database,
  range: StoreRange,
  transaction: Transaction | undefined,
): IterableIterator<StorePair> {
  // LMDB's own bounds of a backward walk are the other way round in what they include, so such a
  // walk begins at the bound and leaves it out itself.
  const reverse = range.reverse === true;
  const from = range.from ?? firstKey;
  const start = reverse ? range.to : from;
  const end = reverse ? from : range.to;
  const options = {
    start,
    end,
    reverse,
    inclusiveEnd: reverse,
    exclusiveStart: reverse,
    transaction,
  };
  // The types of LMDB know no undefined fields, which mean the same as absent ones.
  const walk = database
    .getRange(options as Parameters<Database['getRange']>[0])
    [Symbol.iterator]() as IterableIterator<StorePair>;
  walk[Symbol.iterator] = () => walk;
  return walk;
}

/** What `getStats` tells, as far as it is needed here. */
interface LmdbStats {
  readonly pageSize: number;
  readonly treeBranchPageCount?: number;
  readonly treeLeafPageCount?: number;
  readonly overflowPages?: number;
}

/** LMDB's errors, by number, that have a name of their own here. */
const damaged = new Set([-30796, -30793, -30797, -30779]);
const full = new Set([-30792, 28, 122]);

/** With less, LMDB's failure to write is put down to a full disk: it tells both as an I/O error. */
const freeBytesMin = 2 ** 20;
const inputOutputError = 5;

function storeError(error: unknown, doing: string, file?: string): QuorateError {
  if (error instanceof QuorateError) return error;
  const system = error instanceof Error ? error.message : String(error);
  const number = (error as { code?: unknown }).code;
  const code =
    typeof number === 'number' && damaged.has(number)
      ? 'store-damaged'
      : full.has(number as number) || (number === inputOutputError && isFull(file))
        ? 'disk-full'
        : 'disk-failed';
  return new QuorateError(code, `${doing}: ${system}`, { cause: error, details: { system } });
}

function isFull(file: string | undefined): boolean {
  if (file === undefined) return false;
  try {
    const { bavail, bsize } = fs.statfsSync(path.dirname(file));
    return bavail * bsize < freeBytesMin;
  } catch {
    return false;
  }
}
