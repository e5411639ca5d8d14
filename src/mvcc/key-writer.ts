/**
 * Writes one transaction: every change gets the next sub-revision of one main revision, a record, a
 * new entry in the index, and an event for those who watch.
 *
 * Whoever uses it has checked everything before: nothing here refuses.
 */
import { assert } from '../base/assert.ts';
import { crc32c } from '../base/crc32c.ts';
import type { LayeredStore } from '../store/layered-store.ts';
import type { Facts } from './facts.ts';
import type { KeyCounts } from './key-counts.ts';
import { findPlace, type KeyIndex } from './key-index.ts';
import type { KeyPages } from './key-pages.ts';
import { type Revision, revisionKey } from './layout.ts';
import type { Leases } from './leases.ts';
import {
  decodeEntry,
  decodeRecord,
  encodeRecord,
  type IndexEntry,
  type Jump,
  type KeyRecord,
  type KeyState,
  recordJump,
} from './record.ts';
import type { KeyEvent, KeyValue } from './request.ts';
import { keyValue, recordAt } from './states.ts';

/** What a model is made of. */
export interface ModelParts {
  readonly store: LayeredStore;
  readonly facts: Facts;
  readonly index: KeyIndex;
  readonly counts: KeyCounts;
  readonly leases: Leases;
  readonly pages: KeyPages;
}

/** See above. */
export class KeyWriter {
  readonly #parts: ModelParts;
  readonly #main: number;
  readonly #events: KeyEvent[] = [];

  constructor(parts: ModelParts) {
    this.#parts = parts;
    this.#main = parts.facts.revision + 1;
  }

  /** What was written, in order. */
  get events(): readonly KeyEvent[] {
    return this.#events;
  }

  /** The revision that a reader inside the transaction is at. */
  get revision(): number {
    return this.#events.length === 0 ? this.#main - 1 : this.#main;
  }

  /** Ends the transaction: from now on what it wrote is the present. */
  finish(): void {
    this.#parts.facts.revision = this.revision;
  }

  /** What a key is now, if it is there. */
  live(key: Uint8Array): IndexEntry | undefined {
    const entry = entryOf(this.#parts, key);
    return entry === undefined || entry.deleted ? undefined : entry;
  }

  /** The state of an entry, with the value. */
  read(entry: IndexEntry): KeyValue {
    return keyValue(entry.latest, recordAt(this.#parts.store, entry.latest));
  }

  put(key: Uint8Array, value: Uint8Array, lease: bigint): void {
    const { counts, leases } = this.#parts;
    const entry = entryOf(this.#parts, key);
    const before = entry === undefined || entry.deleted ? undefined : entry;
    const state: KeyState = {
      deleted: false,
      createRevision: before?.createRevision ?? this.#main,
      version: (before?.version ?? 0) + 1,
      lease,
    };
    const place = this.#write(key, value, state, entry);
    if (before !== undefined && before.lease !== 0n && before.lease !== lease) {
      leases.detach(before.lease, place);
    }
    if (lease !== 0n && before?.lease !== lease) leases.attach(lease, key, place);
    if (before === undefined) counts.added(key);
  }

  /** Deletes a key that is there. */
  remove(key: Uint8Array): void {
    const entry = entryOf(this.#parts, key);
    assert(entry !== undefined && !entry.deleted, 'a key that is not there was deleted');
    const state: KeyState = { deleted: true, createRevision: 0, version: 0, lease: 0n };
    const place = this.#write(key, nothing, state, entry);
    if (entry.lease !== 0n) this.#parts.leases.detach(entry.lease, place);
    this.#parts.counts.removed(key);
  }

  #write(
    key: Uint8Array,
    value: Uint8Array,
    state: KeyState,
    before: IndexEntry | undefined,
  ): Uint8Array {
    const latest: Revision = { main: this.#main, sub: this.#events.length };
    this.#parts.pages.touched(key);
    const { place, record } = writeState(this.#parts, { key, value, state, before, latest });
    this.#events.push(new Change(this.#parts, latest, record));
    return place;
  }
}

/** Writes what a key becomes at a revision, its record and its entry; answers where that lies. */
export function writeState(
  parts: Pick<ModelParts, 'store' | 'index' | 'facts'>,
  change: {
    readonly key: Uint8Array;
    readonly value: Uint8Array;
    readonly state: KeyState;
    /** The entry until now, unless its key was deleted and that is compacted. */
    readonly before: IndexEntry | undefined;
    readonly latest: Revision;
  },
): { readonly place: Uint8Array; readonly record: KeyRecord } {
  const { store, index, facts } = parts;
  const { key, value, before, latest } = change;
  const { jump, nextJump, depth } = jumpsAfter(parts, before);
  // Spelled out: spreading `state` would cost more than all the rest of this.
  const { deleted, createRevision, version, lease } = change.state;
  const previous = before?.latest;
  const record: KeyRecord = {
    deleted,
    key,
    value,
    createRevision,
    version,
    lease,
    previous,
    jump,
  };
  const at = revisionKey(latest.main, latest.sub);
  const bytes = encodeRecord(record);
  store.put(at, bytes);
  facts.hash = crc32c(bytes, 0, bytes.length, crc32c(at, 0, at.length, facts.hash));
  const place = index.set(key, {
    deleted,
    latest,
    createRevision,
    version,
    depth,
    lease,
    jump,
    nextJump,
  });
  return { place, record };
}

/** What the index holds for a key, as commands see it. */
export function entryOf(
  { store, facts }: Pick<ModelParts, 'store' | 'facts'>,
  key: Uint8Array,
): IndexEntry | undefined {
  const place = findPlace(store, key);
  const bytes = place && store.get(place);
  if (bytes === undefined) return undefined;
  const entry = decodeEntry(bytes);
  // Whether the compaction has already come by to remove it is no affair of the replicated state.
  const gone = entry.deleted && entry.latest.main < facts.compactRevision;
  return gone ? undefined : entry;
}

/**
 * Myers' rule: if the last two jumps were equally far, the new one goes as far as both together and
 * one step more; else it is one step.
 */
function jumpsAfter(
  parts: Pick<ModelParts, 'store' | 'facts'>,
  before: IndexEntry | undefined,
): {
  readonly jump: Jump | undefined;
  readonly nextJump: Jump | undefined;
  readonly depth: number;
} {
  if (before === undefined) return { jump: undefined, nextJump: undefined, depth: 1 };
  const { depth, jump, nextJump, latest } = before;
  const jumpDepth = jump?.depth ?? 0;
  if (depth - jumpDepth !== jumpDepth - (nextJump?.depth ?? 0)) {
    const { main, sub } = latest;
    return { jump: { main, sub, depth }, nextJump: jump, depth: depth + 1 };
  }
  return { jump: nextJump, nextJump: jumpOf(parts, nextJump), depth: depth + 1 };
}

/** The jump of an earlier record; one below the compaction counts as none, on every replica. */
function jumpOf(
  { store, facts }: Pick<ModelParts, 'store' | 'facts'>,
  at: Revision | undefined,
): Jump | undefined {
  if (at === undefined || at.main < facts.compactRevision) return undefined;
  const bytes = store.get(revisionKey(at.main, at.sub));
  return bytes && recordJump(bytes);
}

const nothing = new Uint8Array(0);

/** An event as it was applied; what the key was before is read when somebody asks. */
class Change implements KeyEvent {
  readonly type: 'put' | 'delete';
  readonly kv: KeyValue;
  readonly #parts: Pick<ModelParts, 'store' | 'facts'>;
  readonly #before: Revision | undefined;
  #previous: KeyValue | 'not asked' | undefined = 'not asked';

  constructor(parts: Pick<ModelParts, 'store' | 'facts'>, at: Revision, record: KeyRecord) {
    this.type = record.deleted ? 'delete' : 'put';
    this.kv = keyValue(at, record);
    this.#parts = parts;
    this.#before = record.previous;
  }

  get prevKv(): KeyValue | undefined {
    if (this.#previous === 'not asked') {
      this.#previous = readPrevious(this.#parts, this.kv.modRevision, this.#before);
    }
    return this.#previous;
  }
}

/**
 * What a key was before revision `main`, in which it was changed; undefined where that is compacted.
 * The change before may be one of the same revision: etcd lets some transactions put a key in one
 * inner transaction and delete it in the next.
 *
 * @param before the revision that the change names as the one before it.
 */
export function readPrevious(
  { store, facts }: Pick<ModelParts, 'store' | 'facts'>,
  main: number,
  before: Revision | undefined,
): KeyValue | undefined {
  if (main - 1 < facts.compactRevision) return undefined;
  let at = before;
  while (at !== undefined) {
    const bytes = store.get(revisionKey(at.main, at.sub));
    if (bytes === undefined) return undefined;
    const record = decodeRecord(bytes);
    if (at.main < main) return record.deleted ? undefined : keyValue(at, record);
    at = record.previous;
  }
  return undefined;
}
