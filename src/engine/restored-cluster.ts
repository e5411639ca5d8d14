/**
 * A cluster that begins with a state from elsewhere. All its founders are given the same state, each
 * in its own machine's store, and the group is founded with the cluster; so the store of each stands
 * at a position that all of them agree on without having talked.
 *
 * The position is one behind the {@link origin}: the log begins behind it, as it does after a
 * snapshot, and so a member that joins later is sent the state and not the empty beginning.
 *
 * The cluster's id follows from what was restored too: members with another state, or with none, are
 * in another cluster, and are refused.
 */

import { emptyConfiguration } from '../raft/configuration.ts';
import type { MemberId, Position } from '../raft/entry.ts';
import { encodeKeptState, GroupState } from './group-state.ts';
import type { KeptMark } from './machine.ts';
import { clusterIdFrom, type Founder, foundingState, origin } from './opening.ts';
import type { SystemState } from './system-machine.ts';

/** The first position of a group that was restored. */
export const restoredOrigin: Position = { term: origin.term, index: origin.index + 1 };

/** What a restored cluster is to its founders. */
export interface RestoredCluster {
  readonly state: SystemState;
  /** What the store of the group's machine is marked with. */
  readonly mark: KeptMark;
}

/** @param restored tells the state from all others: a checksum */
export function restoredCluster(init: {
  readonly founders: readonly Founder[];
  readonly token: string;
  readonly groupName: string;
  readonly restored: string;
}): RestoredCluster {
  const { founders, token, groupName, restored } = init;
  const founding = foundingState(
    founders,
    clusterIdFrom(JSON.stringify([token, restored]), founders),
  );
  const voters: MemberId[] = founding.members.map(({ id }) => id);
  const id = founding.nextGroupId;
  return {
    state: { ...founding, groups: [{ id, name: groupName, voters }], nextGroupId: id + 1 },
    mark: {
      position: restoredOrigin,
      state: encodeKeptState(id, { ...emptyConfiguration, voters }, new GroupState()),
    },
  };
}
