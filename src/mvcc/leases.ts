/**
 * Leases: keys attached to one are deleted when it ends. Here is what is replicated of them: that
 * they exist, for how long they were granted, how much was left when that was last written down, and
 * which keys are attached. When they expire is the business of the leader's clock.
 *
 * They are looked up in the store when they are needed, not held in memory: there may be a million.
 */
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { compareBytes } from '../base/compare-bytes.ts';
import { type ErrorCode, QuorateError } from '../base/errors.ts';
import type { StoreView } from '../ports/store.ts';
import type { LayeredStore } from '../store/layered-store.ts';
import { attachmentPrefix, indexPrefix, leaseBytes, leaseId, leasePrefix } from './layout.ts';

/** What is replicated of a lease. */
export interface Lease {
  readonly id: bigint;
  readonly ttlSeconds: number;
  /** What was left of it at the last checkpoint; 0: there was none, all of it. */
  readonly remainingSeconds: number;
  /**
   * Its revocation has begun: it has so many keys that they are deleted in several transactions.
   * Nothing can be attached any more.
   */
  readonly revoking: boolean;
}

/** See above. */
export class Leases {
  readonly #store: LayeredStore;

  constructor(store: LayeredStore) {
    this.#store = store;
  }

  find(id: bigint): Lease | undefined {
    const bytes = this.#store.get(leaseKey(id));
    return bytes && decodeLease(id, bytes);
  }

  /** The lease that a key may be attached to. @throws QuorateError `lease-not-found` */
  usable(id: bigint): Lease {
    const lease = this.find(id);
    if (lease === undefined || lease.revoking) throw refusal('lease-not-found', id);
    return lease;
  }

  /** All leases, in the order of their bytes. Nothing may be changed during the walk. */
  all(): IterableIterator<Lease> {
    return allLeases(this.#store);
  }

  /** @throws QuorateError `lease-exists`; `lease-not-found` for id 0, which means none. */
  grant(id: bigint, ttlSeconds: number): void {
    if (id === 0n) throw refusal('lease-not-found', id);
    if (this.find(id) !== undefined) throw refusal('lease-exists', id);
    this.#set({ id, ttlSeconds, remainingSeconds: 0, revoking: false });
  }

  /** Notes how much is left, so that a new leader need not begin anew. An unknown lease is passed over. */
  checkpoint(id: bigint, remainingSeconds: number): void {
    const lease = this.find(id);
    if (lease !== undefined && !lease.revoking) this.#set({ ...lease, remainingSeconds });
  }

  /**
   * Begins or continues a revocation: the keys to be deleted now, sorted, at most `keysMax`; if there
   * are more, the lease stays until they are gone too.
   *
   * @throws QuorateError `lease-not-found`
   */
  revoke(id: bigint, keysMax: number): { readonly keys: Uint8Array[]; readonly more: boolean } {
    const lease = this.find(id);
    if (lease === undefined) throw refusal('lease-not-found', id);
    const keys = this.keys(id, keysMax + 1);
    const more = keys.length > keysMax;
    if (more) {
      keys.pop();
      this.#set({ ...lease, revoking: true });
    } else this.#store.remove(leaseKey(id));
    return { keys: keys.sort(compareBytes), more };
  }

  /** The attached keys, the short ones in order, then long ones; at most `keysMax`. */
  keys(id: bigint, keysMax = Number.POSITIVE_INFINITY): Uint8Array[] {
    const from = attachmentKey(id, new Uint8Array(0));
    const to = attachmentKey(id, Uint8Array.of(0xff));
    const keys: Uint8Array[] = [];
    for (const { key, value } of this.#store.range({ from, to })) {
      if (keys.length >= keysMax) break;
      keys.push(key[from.length] === indexPrefix ? key.subarray(from.length + 1) : value);
    }
    return keys;
  }

  /** @param place where the key is in the index, which is never too long. */
  attach(id: bigint, key: Uint8Array, place: Uint8Array): void {
    this.#store.put(attachmentKey(id, place), place[0] === indexPrefix ? nothing : key);
  }

  detach(id: bigint, place: Uint8Array): void {
    this.#store.remove(attachmentKey(id, place));
  }

  #set({ id, ttlSeconds, remainingSeconds, revoking }: Lease): void {
    const writer = new ByteWriter(20).number(ttlSeconds).number(remainingSeconds).flag(revoking);
    this.#store.put(leaseKey(id), writer.finish());
  }
}

/** All leases of a state. */
export function* allLeases(view: StoreView): IterableIterator<Lease> {
  const from = Uint8Array.of(leasePrefix);
  for (const { key, value } of view.range({ from, to: Uint8Array.of(leasePrefix + 1) })) {
    yield decodeLease(leaseId(key, 1), value);
  }
}

const nothing = new Uint8Array(0);

function leaseKey(id: bigint): Uint8Array {
  const key = new Uint8Array(9);
  key[0] = leasePrefix;
  key.set(leaseBytes(id), 1);
  return key;
}

function attachmentKey(id: bigint, place: Uint8Array): Uint8Array {
  const key = new Uint8Array(9 + place.length);
  key[0] = attachmentPrefix;
  key.set(leaseBytes(id), 1);
  key.set(place, 9);
  return key;
}

function decodeLease(id: bigint, bytes: Uint8Array): Lease {
  const reader = new ByteReader(bytes);
  const ttlSeconds = reader.number();
  const remainingSeconds = reader.number();
  return { id, ttlSeconds, remainingSeconds, revoking: reader.flag() };
}

function refusal(code: ErrorCode, id: bigint): QuorateError {
  return new QuorateError(code, `lease ${id}: ${code}`);
}
