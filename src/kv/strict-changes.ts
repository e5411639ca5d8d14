/**
 * etcd's `strict-reconfig-check`: changes of who votes are refused while so many members are away
 * that the cluster would hang by a thread. Quorate lets a newcomer vote only once it has caught up,
 * so that adding one never costs the quorum; but to operators and tools that count on a refusal it
 * is refused all the same, and removing one may cost it here as there.
 *
 * Source: etcd 3.6, server/etcdserver/server.go, mayAddMember and mayRemoveMember.
 */
import { QuorateError } from '../base/errors.ts';

/** For so long another member must have been connected to count; etcd's. */
const STEADY_MS = 5_000;

/** What one member sees of the others. */
export interface SeenPeers {
  readonly self: number;
  readonly nowMs: () => number;
  /** `sinceMs`: since when there is a link; undefined where there is none. */
  readonly peers: () => readonly { readonly peer: number; readonly sinceMs: number | undefined }[];
}

/** Refuses changes as one member sees the cluster. */
export class StrictChanges {
  readonly #seen: SeenPeers;

  constructor(seen: SeenPeers) {
    this.#seen = seen;
  }

  /** @throws QuorateError `unhealthy-cluster` */
  checkAdding(voters: readonly number[]): void {
    // The newcomer counts as one that is away.
    const needed = Math.floor((voters.length + 1) / 2) + 1;
    if (voters.length > 1 && this.#steady(voters) < needed) refuse();
  }

  /** @throws QuorateError `unhealthy-cluster`, `not-enough-started-members` */
  checkRemoving(voters: readonly number[], leaving: number): void {
    if (!voters.includes(leaving)) return;
    if (voters.length === 1) {
      throw new QuorateError('not-enough-started-members', 'the last member cannot be removed');
    }
    // One that is away is no part of those that hold the cluster up.
    if (leaving !== this.#seen.self && this.#connectedMs(leaving) === undefined) return;
    const needed = 1 + Math.floor((voters.length - 1) / 2);
    if (this.#steady(voters) - 1 < needed) refuse();
  }

  #steady(voters: readonly number[]): number {
    const isSteady = (voter: number): boolean =>
      voter === this.#seen.self || (this.#connectedMs(voter) ?? 0) >= STEADY_MS;
    return voters.filter(isSteady).length;
  }

  /** For how long there has been a link; undefined where there is none. */
  #connectedMs(voter: number): number | undefined {
    const sinceMs = this.#seen.peers().find(({ peer }) => peer === voter)?.sinceMs;
    return sinceMs === undefined ? undefined : this.#seen.nowMs() - sinceMs;
  }
}

function refuse(): never {
  throw new QuorateError(
    'unhealthy-cluster',
    'too few members have been connected for long enough',
  );
}
