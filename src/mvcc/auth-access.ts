/**
 * What a request needs to be allowed: the keys it reads and writes, down to the deepest nested
 * transaction. Asking for what was there before is reading, and attaching a lease to a key gives
 * whoever may revoke the lease power over it, so that it needs the right to write all its keys.
 */
import type { AuthIdentity, AuthStore } from './auth-store.ts';
import type { TxnOperation } from './request.ts';

const nothing = new Uint8Array();

/** All keys, for what concerns every one of them. */
const everything = { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) };

/** Whether requests of one caller are allowed. All throw as `AuthStore.checkUser` says. */
export class Access {
  readonly #rules: AuthStore;
  readonly #identity: AuthIdentity | undefined;
  readonly #leaseKeys: (lease: bigint) => Iterable<Uint8Array>;

  /** @param leaseKeys the keys that a lease holds */
  constructor(
    rules: AuthStore,
    identity: AuthIdentity | undefined,
    leaseKeys: (lease: bigint) => Iterable<Uint8Array>,
  ) {
    this.#rules = rules;
    this.#identity = identity;
    this.#leaseKeys = leaseKeys;
  }

  /** A request on keys, with everything that it contains. */
  operation(request: TxnOperation): void {
    if (!this.#rules.enabled) return;
    const rules = this.#rules;
    rules.checkUser(this.#identity);
    if (rules.isRoot(this.#identity!.user)) return;
    switch (request.type) {
      case 'range':
        return rules.checkRange(this.#identity, 'read', request);
      case 'put': {
        const single = { key: request.key, rangeEnd: nothing };
        rules.checkRange(this.#identity, 'write', single);
        if (request.prevKv) rules.checkRange(this.#identity, 'read', single);
        if (request.lease !== 0n) this.lease(request.lease);
        return;
      }
      case 'delete-range':
        rules.checkRange(this.#identity, 'write', request);
        if (request.prevKv) rules.checkRange(this.#identity, 'read', request);
        return;
      case 'txn':
        for (const compare of request.compare) rules.checkRange(this.#identity, 'read', compare);
        for (const operation of request.success) this.operation(operation);
        for (const operation of request.failure) this.operation(operation);
    }
  }

  /** To end a lease, to keep it alive, or to attach a key to it. */
  lease(lease: bigint): void {
    this.#ofLease('write', lease);
  }

  /** To be told of a lease at all: its existence and time say something of the keys it holds. */
  leaseKeys(lease: bigint): void {
    this.#ofLease('read', lease);
  }

  /** To take away the history of all keys. */
  compact(): void {
    this.#rules.checkRange(this.#identity, 'write', everything);
  }

  #ofLease(access: 'read' | 'write', lease: bigint): void {
    if (!this.#rules.enabled) return;
    this.#rules.checkUser(this.#identity);
    if (this.#rules.isRoot(this.#identity!.user)) return;
    for (const key of this.#leaseKeys(lease)) {
      this.#rules.checkRange(this.#identity, access, { key, rangeEnd: nothing });
    }
  }
}
