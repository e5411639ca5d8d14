/** A state of the model that stays as it was, for answers and exports that take their time. */
import { prefixEnd } from '../base/compare-bytes.ts';
import type { StorePair, StoreSnapshot } from '../ports/store.ts';
import { checkRequest } from './check-request.ts';
import { type Revision, revisionKey, revisionOf, revisionsEnd } from './layout.ts';
import { allLeases, type Lease } from './leases.ts';
import { readRange } from './range.ts';
import { decodeRecord, type KeyRecord } from './record.ts';
import type { RangeRequest, RangeResponse } from './request.ts';

/** A record with its revision. */
export interface RevisionRecord {
  readonly revision: Revision;
  readonly record: KeyRecord;
}

/** See above. To be closed. */
export class ModelSnapshot {
  readonly revision: number;
  readonly compactRevision: number;
  readonly #snapshot: StoreSnapshot;

  constructor(
    snapshot: StoreSnapshot,
    { revision, compactRevision }: { revision: number; compactRevision: number },
  ) {
    this.#snapshot = snapshot;
    this.revision = revision;
    this.compactRevision = compactRevision;
  }

  /** @throws as the model's */
  range(request: RangeRequest): RangeResponse {
    checkRequest(request);
    const { revision, compactRevision } = this;
    const state = { revision, compactRevision, counts: undefined, pages: undefined };
    return readRange({ view: this.#snapshot, ...state }, request);
  }

  /**
   * All records in the order of their revisions. What the last compaction has not removed yet is
   * among them: see `hash-kv.ts` for what counts.
   */
  *records(from = 0): IterableIterator<RevisionRecord> {
    const pairs = this.#snapshot.range({ from: revisionKey(from, 0), to: revisionsEnd });
    for (const { key, value } of pairs) {
      yield { revision: revisionOf(key), record: decodeRecord(value) };
    }
  }

  leases(): IterableIterator<Lease> {
    return allLeases(this.#snapshot);
  }

  /** Entries of the store that begin with a byte, such as those of the rules of access. */
  rows(prefix: number): IterableIterator<StorePair> {
    const from = Uint8Array.of(prefix);
    return this.#snapshot.range({ from, to: prefixEnd(from)! });
  }

  close(): void {
    this.#snapshot.close();
  }
}
