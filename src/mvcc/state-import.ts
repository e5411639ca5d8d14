/**
 * Fills an empty store with a model's state that comes from elsewhere: what keys became, in the order
 * of revisions, with leases. It may begin anywhere, for what came before may have been compacted:
 * versions and creation revisions are as they are told. The same input gives the same store, and the
 * same hash, on every member.
 */
import { compareBytes } from '../base/compare-bytes.ts';
import { QuorateError } from '../base/errors.ts';
import type { LayeredStore } from '../store/layered-store.ts';
import {
  type AuthRole,
  type AuthUser,
  authRowKey,
  authRows,
  encodeAuthFacts,
  encodeRole,
  encodeUser,
} from './auth-table.ts';
import { entryOf, type ModelParts, writeState } from './key-writer.ts';
import type { Revision } from './layout.ts';
import type { Lease } from './leases.ts';
import { leaseTtlSecondsMax, partsOf } from './model.ts';
import type { KeyState } from './record.ts';

export class StateImport {
  readonly #store: LayeredStore;
  readonly #parts: ModelParts;
  #last: Revision = { main: 0, sub: -1 };

  /** @param compactRevision −1 if nothing was compacted */
  constructor(store: LayeredStore, compactRevision: number) {
    this.#store = store;
    this.#parts = partsOf(store);
    // All that is obsolete by then is still to be looked for: `compactedThrough` stays where it is.
    this.#parts.facts.compactRevision = compactRevision;
  }

  /** All leases come before the keys. @throws QuorateError `lease-exists`, `snapshot-damaged` */
  lease({ id, ttlSeconds, remainingSeconds }: Omit<Lease, 'revoking'>): void {
    if (id === 0n || ttlSeconds > leaseTtlSecondsMax || remainingSeconds > leaseTtlSecondsMax) {
      throw damaged(`there is no lease ${id} of ${ttlSeconds} s`);
    }
    const { leases } = this.#parts;
    leases.grant(id, ttlSeconds);
    if (remainingSeconds > 0) leases.checkpoint(id, remainingSeconds);
  }

  /** @throws QuorateError `snapshot-damaged` for one that does not come after the last. */
  change(latest: Revision, key: Uint8Array, value: Uint8Array, state: KeyState): void {
    const { main, sub } = this.#last;
    if (latest.main < main || (latest.main === main && latest.sub <= sub)) {
      throw damaged('its revisions are not in order');
    }
    this.#last = latest;
    const parts = this.#parts;
    const { counts, leases } = parts;
    const before = entryOf(parts, key);
    const { place } = writeState(parts, { key, value, state, before, latest });
    const wasLive = before !== undefined && !before.deleted;
    const leaseBefore = wasLive ? before.lease : 0n;
    if (leaseBefore !== 0n && leaseBefore !== state.lease) leases.detach(leaseBefore, place);
    // A key may name a lease that ended before it was overwritten.
    const attaches = state.lease !== 0n && leaseBefore !== state.lease;
    if (attaches && leases.find(state.lease) !== undefined) {
      leases.attach(state.lease, key.slice(), place);
    }
    if (wasLive && state.deleted) counts.removed(key);
    else if (!wasLive && !state.deleted) counts.added(key);
  }

  rules(rules: {
    readonly enabled: boolean;
    readonly revision: number;
    readonly users: readonly AuthUser[];
    readonly roles: readonly AuthRole[];
  }): void {
    for (const user of rules.users) {
      this.#store.put(authRowKey(authRows.user, user.name), encodeUser(user));
    }
    for (const role of rules.roles) {
      const permissions = [...role.permissions].sort(
        (a, b) => compareBytes(a.key, b.key) || compareBytes(a.rangeEnd, b.rangeEnd),
      );
      this.#store.put(authRowKey(authRows.role, role.name), encodeRole({ ...role, permissions }));
    }
    this.#store.put(authRowKey(authRows.facts, ''), encodeAuthFacts(rules));
  }

  /**
   * Ends it; the store is then to be flushed.
   *
   * @param bump by how much the revision shall be higher, so that clients who saw later ones than
   *   the snapshot has never see a revision again
   * @returns the revision and the count of keys
   */
  finish(bump: { readonly by: number; readonly markCompacted: boolean }): {
    readonly revision: number;
    readonly keys: number;
  } {
    const { facts, counts, index } = this.#parts;
    facts.revision = Math.max(1, this.#last.main, facts.compactRevision) + bump.by;
    if (!Number.isSafeInteger(facts.revision)) throw damaged('its revisions are too high');
    if (bump.markCompacted) facts.compactRevision = facts.revision;
    facts.layers = index.layers;
    facts.save();
    counts.save();
    this.#store.commit();
    return { revision: facts.revision, keys: counts.total };
  }
}

function damaged(what: string): QuorateError {
  return new QuorateError('snapshot-damaged', `the state cannot be taken over: ${what}`);
}
