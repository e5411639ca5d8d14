/**
 * Snapshots on their way (§7): a member takes over a state in place of the entries that made it.
 */

import { acceptUpTo } from './appends.ts';
import { restoreMembership } from './change.ts';
import type { Core } from './core.ts';
import type { MemberId, Snapshot } from './entry.ts';
import { rejoinAs } from './membership.ts';
import type { InstallSnapshot } from './message.ts';

/** The follower's half. */
export function handleSnapshot(core: Core, { from, snapshot }: InstallSnapshot): void {
  const restored = restore(core, snapshot);
  acceptUpTo(core, from, restored ? core.log.lastIndex() : core.log.committed);
}

/**
 * Returns whether the snapshot replaces log and state, to be installed by the host. Its
 * configuration need not name this member: the entry that adds it may come behind, and until then
 * it follows without a vote.
 */
function restore(core: Core, snapshot: Snapshot): boolean {
  const { log } = core;
  if (snapshot.index <= log.committed) return false;
  // If the log holds the snapshot's last entry, all before it are the same too: keep the tail.
  if (log.matches(snapshot)) {
    log.commitTo(snapshot.index);
    return false;
  }
  log.restore(snapshot);
  core.replacedMembership ??= core.membership;
  rejoinAs(core, restoreMembership(snapshot.configuration, core.changeContext()));
  return true;
}

/** The host tells what became of a snapshot that it sent. */
export function handleSnapshotReport(core: Core, member: MemberId, failed: boolean): void {
  const progress = core.progressOf(member);
  if (core.role !== 'leader' || progress?.state !== 'snapshot') return;
  // After a failure the member is probed where it was known to be, not behind the snapshot.
  if (failed) progress.pendingSnapshot = 0;
  progress.becomeProbe();
  // Let the member's own answer, or the next heartbeat's, start the appends again.
  progress.appendsPaused = true;
}
