/**
 * The revisioned key-value model of etcd's v3 API: keys with versions, a revision for every
 * transaction, reads of earlier revisions until they are compacted away, leases, and history for
 * watches. It is a deterministic object over a layered store, and knows nothing of time or network:
 *
 * - {@link Model.apply} takes a command, the same on every replica in the same order. A refusal throws
 *   a QuorateError and changes nothing.
 * - Reads are synchronous; {@link Model.snapshot} keeps a state for those that take longer.
 * - What takes long is a continuation: {@link Model.compactionStep}, {@link Model.hashKv},
 *   {@link Model.history}, the revocation of a lease with many keys.
 *
 * What commands change stays in the store's layer until the engine flushes it, see
 * {@link Model.save}. Revisions begin at 1, before the first write.
 */
import { QuorateError } from '../base/errors.ts';
import type { StoreSize, StoreSnapshot } from '../ports/store.ts';
import type { LayeredStore } from '../store/layered-store.ts';
import { checkRequest, transactionOperationsMax } from './check-request.ts';
import type { AlarmCommand, KvCommand, KvOutcome } from './command.ts';
import { Compaction } from './compaction.ts';
import { type Alarm, Facts } from './facts.ts';
import { KeyHashing } from './hash-kv.ts';
import { type HistoryPart, type HistoryRequest, readHistory } from './history.ts';
import { KeyCounts } from './key-counts.ts';
import { KeyIndex } from './key-index.ts';
import { defaultPageLimits, KeyPages, type PageLimits } from './key-pages.ts';
import { KeyWriter, type ModelParts } from './key-writer.ts';
import { rangeEndOf } from './layout.ts';
import { type Lease, Leases } from './leases.ts';
import { canBeLong, LongRange, longRangeKeysMin } from './long-range.ts';
import { ModelSnapshot } from './model-snapshot.ts';
import { deleteRange, put, transact } from './operations.ts';
import { checkRevision, type Readable, readRange } from './range.ts';
import type {
  CompactRequest,
  KeyEvent,
  LeaseGrantRequest,
  LeaseRevokeRequest,
  RangeRequest,
  RangeResponse,
  TxnOperation,
  TxnRequest,
  TxnResponse,
} from './request.ts';

/**
 * A lease with more keys than this is revoked in several transactions, so that it stalls nobody: the
 * command has to be repeated until the outcome says that nothing remains.
 */
export const revokedKeysMax = 4_096;

/** The longest that a lease may be granted for: etcd's, about 285 years. */
export const leaseTtlSecondsMax = 9_000_000_000;

/** What a command did. */
export interface Applied {
  readonly outcome: KvOutcome;
  /** The changes of keys, all of one revision, in the order in which they were made. */
  readonly events: readonly KeyEvent[];
}

/** How a model is set up; the same on every replica. */
export interface ModelOptions {
  readonly transactionOperationsMax?: number;
  /** What is kept in memory for ranges of many keys: not a matter of the replicated state. */
  readonly pages?: PageLimits;
}

/** See above. */
export class Model {
  readonly #store: LayeredStore;
  readonly #operationsMax: number;
  readonly #pageLimits: PageLimits;
  #parts: ModelParts;
  #compaction: Compaction;

  /** @param store open; the model's alone but for the keys that begin with 0xe0. */
  constructor(store: LayeredStore, options: ModelOptions = {}) {
    this.#store = store;
    this.#operationsMax = options.transactionOperationsMax ?? transactionOperationsMax;
    this.#pageLimits = options.pages ?? defaultPageLimits;
    this.#parts = partsOf(store, this.#pageLimits);
    this.#compaction = new Compaction(this.#parts);
  }

  /** Forgets what it holds in memory: the store has been given another state. */
  reload(): void {
    this.#parts = partsOf(this.#store, this.#pageLimits);
    this.#compaction = new Compaction(this.#parts);
  }

  /** The latest revision. */
  get revision(): number {
    return this.#parts.facts.revision;
  }

  /** The revision below which nothing can be read; −1 if nothing was compacted. */
  get compactRevision(): number {
    return this.#parts.facts.compactRevision;
  }

  /** How many keys there are. */
  get keyCount(): number {
    return this.#parts.counts.total;
  }

  /** A sum over everything that was ever written: replicas that applied the same share it. */
  get hash(): number {
    return this.#parts.facts.hash;
  }

  /** In the order in which they were raised. */
  get alarms(): readonly Alarm[] {
    return this.#parts.facts.alarms;
  }

  /** The keys as they are now, or were. @throws QuorateError as {@link checkRequest}, `compacted`, `future-revision`, `corrupt-cluster` */
  range(request: RangeRequest): RangeResponse {
    checkRequest(request);
    this.#refuseIfCorrupt();
    return readRange(this.#readable(), request);
  }

  /**
   * The same in steps, for a range of so many keys that it would take too long at once; undefined for
   * all others. To be closed.
   * @throws QuorateError as {@link Model.range}
   */
  longRange(request: RangeRequest, keysMin = longRangeKeysMin): LongRange | undefined {
    if (!canBeLong(request, keysMin)) return undefined;
    const end = rangeEndOf(request.rangeEnd);
    const { counts } = this.#parts;
    const to = typeof end === 'string' ? undefined : end;
    if (counts.total < keysMin || counts.count(request.key, to) < keysMin) return undefined;
    checkRequest(request);
    this.#refuseIfCorrupt();
    const present = this.revision;
    const revision = request.revision <= 0 ? present : request.revision;
    checkRevision(this.#readable(), revision);
    return new LongRange(request, { snapshot: this.#snapshot(), present, revision });
  }

  /** A transaction that only reads, see `onlyReads`. @throws as {@link Model.apply} */
  read(request: TxnRequest): TxnResponse {
    checkRequest(request, this.#operationsMax);
    this.#refuseIfCorrupt();
    return transact(this.#parts, new KeyWriter(this.#parts), request);
  }

  /**
   * Applies a command.
   *
   * @throws QuorateError as {@link checkRequest}; `lease-not-found`, `lease-exists`,
   *   `lease-ttl-too-large`, `key-not-found`, `compacted`, `future-revision`, `no-space`,
   *   `corrupt-cluster`. Nothing has changed then.
   */
  apply(command: KvCommand): Applied {
    try {
      const applied = this.#apply(command);
      this.#store.commit();
      return applied;
    } catch (error) {
      this.#store.rollback();
      throw error;
    }
  }

  /** What happened, for watches. @throws QuorateError `compacted` */
  history(request: HistoryRequest): HistoryPart {
    return readHistory(this.#parts, request);
  }

  /** The lease, unless it is not there or is being revoked. */
  lease(id: bigint): Lease | undefined {
    const lease = this.#parts.leases.find(id);
    return lease?.revoking === false ? lease : undefined;
  }

  /** All leases, those too whose revocation has begun. Nothing may be applied during the walk. */
  leases(): IterableIterator<Lease> {
    return this.#parts.leases.all();
  }

  /** The keys attached to a lease. */
  leaseKeys(id: bigint, keysMax?: number): Uint8Array[] {
    return this.#parts.leases.keys(id, keysMax);
  }

  /** Whether anything that was compacted has yet to be removed. */
  get compacting(): boolean {
    return this.#compaction.pending;
  }

  /** Removes some of what was compacted; answers whether there is more to do. */
  compactionStep(recordsMax: number): boolean {
    return this.#compaction.step(recordsMax);
  }

  /**
   * Begins to hash the keys up to a revision; 0: the present one.
   *
   * @throws QuorateError `compacted`, `future-revision`
   */
  hashKv(revision: number): KeyHashing {
    const { facts } = this.#parts;
    const hashRevision = revision === 0 ? facts.revision : revision;
    checkRevision(this.#readable(), hashRevision);
    const { compactRevision } = facts;
    return new KeyHashing(this.#snapshot(), { compactRevision, hashRevision });
  }

  /** The present state, to be read at leisure; to be closed. */
  snapshot(): ModelSnapshot {
    const { revision, compactRevision } = this.#parts.facts;
    return new ModelSnapshot(this.#snapshot(), { revision, compactRevision });
  }

  /** To be called right before the store is flushed, or a snapshot of it taken. */
  save(): void {
    const { facts, counts, index } = this.#parts;
    facts.layers = index.layers;
    facts.save();
    counts.save();
    this.#store.commit();
  }

  /** Bytes on disk, and of those in use; what the layer holds counts as used. */
  size(): StoreSize {
    const { fileBytes, usedBytes } = this.#store.size();
    return { fileBytes, usedBytes: usedBytes + this.#store.layerBytes };
  }

  #apply(command: KvCommand): Applied {
    switch (command.type) {
      case 'put':
      case 'delete-range':
      case 'txn':
        return this.#write(command);
      case 'compact':
        return quiet(this.#compact(command));
      case 'lease-grant':
        return quiet(this.#grant(command));
      case 'lease-revoke':
        return this.#revoke(command);
      case 'lease-checkpoint':
        for (const { id, remainingSeconds } of command.leases) {
          this.#parts.leases.checkpoint(id, remainingSeconds);
        }
        return quiet({ type: 'lease-checkpoint', revision: this.revision });
      case 'alarm':
        return quiet(this.#alarm(command));
    }
  }

  #write(command: Exclude<TxnOperation, RangeRequest>): Applied {
    checkRequest(command, this.#operationsMax);
    this.#refuseIfCorrupt();
    if (puts(command)) this.#refuseIfFull();
    const writer = new KeyWriter(this.#parts);
    const outcome =
      command.type === 'put'
        ? put(this.#parts, writer, command)
        : command.type === 'txn'
          ? transact(this.#parts, writer, command)
          : deleteRange(this.#parts, writer, command);
    writer.finish();
    return { outcome, events: writer.events };
  }

  #compact({ revision }: CompactRequest): KvOutcome {
    this.#refuseIfCorrupt();
    const { facts } = this.#parts;
    if (revision <= facts.compactRevision) {
      throw new QuorateError('compacted', `revision ${revision} has been compacted already`);
    }
    if (revision > facts.revision) {
      throw new QuorateError('future-revision', `revision ${revision} is yet to come`);
    }
    facts.compactRevision = revision;
    return { type: 'compact', revision: facts.revision };
  }

  #grant({ id, ttlSeconds }: LeaseGrantRequest): KvOutcome {
    this.#refuseIfCorrupt();
    this.#refuseIfFull();
    if (ttlSeconds > leaseTtlSecondsMax) {
      throw new QuorateError('lease-ttl-too-large', `${ttlSeconds} s is too long for a lease`);
    }
    this.#parts.leases.grant(id, ttlSeconds);
    return { type: 'lease-grant', revision: this.revision, id, ttlSeconds };
  }

  #revoke({ id }: LeaseRevokeRequest): Applied {
    this.#refuseIfCorrupt();
    const { keys, more } = this.#parts.leases.revoke(id, revokedKeysMax);
    const writer = new KeyWriter(this.#parts);
    for (const key of keys) writer.remove(key);
    writer.finish();
    const outcome: KvOutcome = { type: 'lease-revoke', revision: this.revision, remaining: more };
    return { outcome, events: writer.events };
  }

  #alarm({ action, memberId, alarm }: AlarmCommand): KvOutcome {
    const { facts } = this.#parts;
    const meant = facts.alarms.filter(
      (raised) => raised.memberId === memberId && raised.alarm === alarm,
    );
    if (action === 'activate') {
      if (meant.length === 0) facts.alarms = [...facts.alarms, { memberId, alarm }];
      return { type: 'alarm', revision: this.revision, alarms: [{ memberId, alarm }] };
    }
    facts.alarms = facts.alarms.filter((raised) => !meant.includes(raised));
    return { type: 'alarm', revision: this.revision, alarms: meant };
  }

  #refuseIfCorrupt(): void {
    if (this.alarms.some(({ alarm }) => alarm === 'corrupt')) {
      throw new QuorateError('corrupt-cluster', 'the members do not agree on what is stored');
    }
  }

  #refuseIfFull(): void {
    if (this.alarms.some(({ alarm }) => alarm === 'no-space')) {
      throw new QuorateError('no-space', 'a member has no room left');
    }
  }

  #readable(): Readable {
    const { facts, counts, pages } = this.#parts;
    const { revision, compactRevision } = facts;
    return { view: this.#store, revision, compactRevision, counts, pages };
  }

  #snapshot(): StoreSnapshot {
    this.#store.commit();
    return this.#store.snapshot();
  }
}

/** What a model in this store is made of. */
export function partsOf(store: LayeredStore, pageLimits = defaultPageLimits): ModelParts {
  const facts = new Facts(store);
  const counts = new KeyCounts(store);
  return {
    store,
    facts,
    index: new KeyIndex(store, facts.layers),
    counts,
    leases: new Leases(store),
    pages: new KeyPages(store, counts, pageLimits),
  };
}

function quiet(outcome: KvOutcome): Applied {
  return { outcome, events: [] };
}

/** Whether a request may take room, in either branch of a transaction. */
function puts(request: TxnOperation): boolean {
  if (request.type !== 'txn') return request.type === 'put';
  return request.success.some(puts) || request.failure.some(puts);
}
