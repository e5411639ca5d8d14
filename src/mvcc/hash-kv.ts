/**
 * A hash over the keys up to a revision, by which members, also etcd's own, can be compared. It is
 * etcd's: the CRC32C of the word `key` and of all keys and values in the order of revisions, as etcd
 * has them in its database. That is main and sub as 8 bytes each with `_` between them, and `t` behind
 * them for a deletion; and the key-value as a protobuf message. Of what lies at or below the last
 * compaction only what is still the state of a key at that revision counts, so that it does not matter
 * how far the removal of the rest has come.
 *
 * The state is walked in steps; it is a snapshot, so that nobody has to wait.
 */
import { crc32c } from '../base/crc32c.ts';
import type { StorePair, StoreSnapshot } from '../ports/store.ts';
import { readEntry } from './key-index.ts';
import { type Revision, revisionKey, revisionOf } from './layout.ts';
import { decodeRecord, type KeyRecord } from './record.ts';
import { stateAt } from './states.ts';

export interface HashKv {
  readonly hash: number;
  readonly compactRevision: number;
  readonly hashRevision: number;
}

/** See above. */
export class KeyHashing {
  readonly #snapshot: StoreSnapshot;
  readonly #facts: { readonly compactRevision: number; readonly hashRevision: number };
  readonly #walk: IterableIterator<StorePair>;
  #hash = crc32c(Uint8Array.of(0x6b, 0x65, 0x79));

  /** @param snapshot taken over, and closed at the end or by {@link KeyHashing.close}. */
  constructor(
    snapshot: StoreSnapshot,
    facts: { readonly compactRevision: number; readonly hashRevision: number },
  ) {
    this.#snapshot = snapshot;
    this.#facts = facts;
    this.#walk = snapshot.range({
      from: revisionKey(0, 0),
      to: revisionKey(facts.hashRevision + 1, 0),
    });
  }

  /** Takes up to `recordsMax` more; answers the result when there are no more. */
  step(recordsMax: number): HashKv | undefined {
    for (let looked = 0; looked < recordsMax; looked++) {
      const step = this.#walk.next();
      if (step.done === true) {
        this.#snapshot.close();
        return { hash: this.#hash, ...this.#facts };
      }
      const revision = revisionOf(step.value.key);
      const record = decodeRecord(step.value.value);
      if (!this.#counts(revision, record)) continue;
      this.#add(etcdRevisionKey(revision, record.deleted));
      this.#add(etcdKeyValue(revision, record));
    }
    return undefined;
  }

  /** Gives up. */
  close(): void {
    this.#walk.return?.();
    this.#snapshot.close();
  }

  #counts(revision: Revision, record: KeyRecord): boolean {
    const { compactRevision, hashRevision } = this.#facts;
    if (revision.main > compactRevision) return true;
    if (record.deleted) return false;
    const entry = readEntry(this.#snapshot, record.key);
    const kept = entry && stateAt(this.#snapshot, entry, hashRevision);
    return kept?.at.main === revision.main && kept.at.sub === revision.sub;
  }

  #add(bytes: Uint8Array): void {
    this.#hash = crc32c(bytes, 0, bytes.length, this.#hash);
  }
}

/** A revision as a key of etcd's database. */
export function etcdRevisionKey({ main, sub }: Revision, deleted: boolean): Uint8Array {
  const key = new Uint8Array(deleted ? 18 : 17);
  const view = new DataView(key.buffer);
  view.setBigUint64(0, BigInt(main));
  key[8] = 0x5f;
  view.setBigUint64(9, BigInt(sub));
  if (deleted) key[17] = 0x74;
  return key;
}

/** A record as a value of etcd's database: mvccpb.KeyValue, of which a deletion has only the key. */
export function etcdKeyValue({ main }: Revision, record: KeyRecord): Uint8Array {
  const { key, value } = record;
  const bytes = new Uint8Array(key.length + value.length + 80);
  let at = 0;
  const varint = (of: bigint): void => {
    let rest = BigInt.asUintN(64, of);
    for (; rest >= 128n; rest >>= 7n) bytes[at++] = Number(rest & 127n) | 128;
    bytes[at++] = Number(rest);
  };
  const text = (field: number, of: Uint8Array): void => {
    if (of.length === 0) return;
    bytes[at++] = (field << 3) | 2;
    varint(BigInt(of.length));
    bytes.set(of, at);
    at += of.length;
  };
  const number = (field: number, of: bigint): void => {
    if (of === 0n) return;
    bytes[at++] = field << 3;
    varint(of);
  };
  text(1, key);
  if (!record.deleted) {
    number(2, BigInt(record.createRevision));
    number(3, BigInt(main));
    number(4, BigInt(record.version));
    text(5, value);
    number(6, record.lease);
  }
  return bytes.subarray(0, at);
}
