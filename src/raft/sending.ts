/**
 * What a leader sends to its members: appends, snapshots in their place, and heartbeats.
 */
import { assert } from '../base/assert.ts';
import type { Core } from './core.ts';
import { type Entry, type MemberId, payloadBytes } from './entry.ts';
import type { Progress } from './progress.ts';

/**
 * Sends the next append to a member, or a snapshot where the entries are gone. Returns whether
 * anything was sent.
 */
export function sendAppend(
  core: Core,
  to: Progress,
  when: { readonly evenIfEmpty: boolean },
): boolean {
  if (to.paused) return false;
  const { log, settings } = core;
  const previousIndex = to.next - 1;
  const previousTerm = log.term(previousIndex);
  if (previousTerm === undefined) return sendSnapshot(core, to);
  // With a full window only empty appends leave: should all that filled it be lost, the answer to
  // an empty one still tells where to go on.
  let entries: readonly Entry[] = [];
  if (to.state !== 'replicate' || !to.inflights.full) {
    const found = log.entriesFrom(to.next, settings.messageBytesMax);
    if (found === undefined) return waitForEntries(core, to);
    entries = found;
  }
  if (entries.length === 0 && !when.evenIfEmpty) return false;
  const commit = log.committed;
  core.send({
    type: 'append',
    from: core.id,
    to: to.member,
    term: core.term,
    previousIndex,
    previousTerm,
    entries,
    commit,
  });
  to.sentEntries(entries.length, payloadBytes(entries));
  to.commitSent = commit;
  return true;
}

/** The storage does not have the entries in memory, or has just compacted them away. */
function waitForEntries(core: Core, to: Progress): boolean {
  if (to.next < core.log.firstIndex()) return sendSnapshot(core, to);
  core.awaitingStorage = true;
  return false;
}

/** Sends appends until the window is full or the log's end is reached. */
export function sendAppends(core: Core, to: Progress): void {
  while (sendAppend(core, to, { evenIfEmpty: false }));
}

function sendSnapshot(core: Core, to: Progress): boolean {
  // A member that has not answered lately would not get it, and a snapshot is dear.
  if (!to.active) return false;
  const snapshot = core.log.snapshot();
  if (snapshot === undefined) {
    core.awaitingStorage = true;
    return false;
  }
  assert(snapshot.index >= to.match, 'a snapshot lies behind what the member has');
  to.becomeSnapshot(snapshot.index);
  core.send({ type: 'snapshot', from: core.id, to: to.member, term: core.term, snapshot });
  return true;
}

/** Sends an append to everyone else, empty where there is nothing new. */
export function broadcastAppends(core: Core): void {
  for (const progress of core.membership.progress.values()) {
    if (progress.member !== core.id) sendAppend(core, progress, { evenIfEmpty: true });
  }
}

/** Sends a heartbeat to everyone else, for the latest round of reads. */
export function broadcastHeartbeats(core: Core, nowMs: number | undefined): void {
  const { reads, lease } = core;
  if (lease.inUse && nowMs !== undefined) {
    // Each set of heartbeats is a round of its own, for a lease starts when its round was sent.
    reads.latestRound++;
    lease.sent(reads.latestRound, nowMs);
  }
  for (const progress of core.membership.progress.values()) {
    if (progress.member !== core.id) sendHeartbeat(core, progress);
  }
}

function sendHeartbeat(core: Core, to: Progress): void {
  // Never beyond what matches: the member may have other entries there (§5.3).
  const commit = Math.min(to.match, core.log.committed);
  const round = core.reads.latestRound;
  core.send({ type: 'heartbeat', from: core.id, to: to.member, term: core.term, commit, round });
  to.commitSent = commit;
}

/** Asks a member to campaign at once (thesis §3.10). */
export function sendTimeoutNow(core: Core, to: MemberId): void {
  core.lease.forfeit();
  core.send({ type: 'timeout-now', from: core.id, to, term: core.term });
}
