/** Gathers what a member's metrics tell, off its engine as it is now. */
import { type Engine, SYSTEM_GROUP } from '../engine/engine.ts';
import type { GroupId } from '../engine/event.ts';
import type { MemberId } from '../raft/entry.ts';
import type { GroupFigures, MemberFigures } from './metrics.ts';
import type { Requests } from './requests.ts';

/** Counts how often the leader that is known of each group became another one. */
export class LeaderChanges {
  readonly #of = new Map<GroupId, { leader: MemberId; changes: number }>();

  note(group: GroupId, leader: MemberId): void {
    const known = this.#of.get(group);
    if (known === undefined) {
      this.#of.set(group, { leader, changes: 0 });
    } else if (leader !== 0 && leader !== known.leader) {
      // The first leader is no change.
      if (known.leader !== 0) known.changes++;
      known.leader = leader;
    }
  }

  count(group: GroupId): number {
    return this.#of.get(group)?.changes ?? 0;
  }
}

/** The figures of a running member. */
export function memberFigures(
  name: string,
  engine: Engine,
  parts: { readonly requests: Requests; readonly leaderChanges: LeaderChanges },
): MemberFigures {
  const { requests, leaderChanges } = parts;
  const { members, groups } = engine.system.state;
  const named = [{ id: SYSTEM_GROUP, name: 'system' }, ...groups];
  return {
    name,
    id: engine.self,
    groups: named.flatMap((group): GroupFigures[] => {
      const replica = engine.replica(group.id);
      if (replica === undefined) return [];
      return [
        {
          name: group.name,
          status: replica.raft.status(),
          pendingProposals: replica.proposals.size,
          leaderChanges: leaderChanges.count(group.id),
          isQuarantined: replica.diverged !== undefined,
        },
      ];
    }),
    peers: engine.peers.status().map((status) => {
      const known = members.find(({ id }) => id === status.peer);
      return { ...status, name: known?.name ?? String(status.peer) };
    }),
    log: engine.logStatus,
    requests: requests.watch,
    pendingRequests: requests.size,
  };
}
