/**
 * Groups that the cluster has removed: what this member holds of them goes, be it open or not, at
 * the next turn after the system group said so, and at a start for those removed meanwhile.
 *
 * Ids are counted up and never used again: an id below the next one that no group has is gone for
 * good, however far behind this member is.
 */
import type { GroupId } from './event.ts';
import type { MemberLog } from './log/member-log.ts';
import type { Replica } from './replica.ts';
import type { SnapshotWork } from './snapshot-work.ts';
import type { SystemMachine } from './system-machine.ts';

/** What this needs of the engine. */
export interface RemovalHost {
  readonly system: SystemMachine;
  readonly log: MemberLog;
  readonly snapshots: SnapshotWork;
  replica(group: GroupId): Replica | undefined;
  /** Whether the replica takes a snapshot just now: it is waited for. */
  isInstalling(replica: Replica): boolean;
  /** Nothing happens to the replica any more, and whoever waits is told. */
  forget(replica: Replica): void;
  /** Nothing of the engine touches the group's store any more. */
  removed(group: GroupId): void;
}

export class RemovedGroups {
  readonly #host: RemovalHost;
  /** How many groups were ever removed, when the last look was complete. */
  #seen: number | undefined;

  constructor(host: RemovalHost) {
    this.#host = host;
  }

  /** Whether {@link run} has something to do. */
  get due(): boolean {
    return this.#host.system.removedGroupCount !== this.#seen;
  }

  /** Not from within a replica's own work. */
  run(): void {
    const { system, log, snapshots } = this.#host;
    let isComplete = true;
    const held = new Set([...snapshots.found()]);
    for (const { id } of log.groups()) held.add(id);
    const there = new Set(system.state.groups.map(({ id }) => id));
    for (const id of held) {
      if (there.has(id) || !system.isRemovedGroup(id)) continue;
      const replica = this.#host.replica(id);
      if (replica !== undefined && this.#host.isInstalling(replica)) isComplete = false;
      else this.#remove(id, replica);
    }
    if (isComplete) this.#seen = system.removedGroupCount;
  }

  #remove(id: GroupId, replica: Replica | undefined): void {
    const { log, snapshots } = this.#host;
    if (replica !== undefined) this.#host.forget(replica);
    log.removeGroup(id);
    snapshots.remove(id, replica, () => this.#host.removed(id));
  }
}
