/**
 * What follows when the host reports work as done: entries durable, a snapshot installed, entries
 * applied.
 */
import { QuorateError } from '../base/errors.ts';
import type { Core } from './core.ts';
import { emptyBytes, entriesBytes, payloadBytes } from './entry.ts';
import type { Appended, Applied } from './input.ts';
import { propose } from './proposals.ts';

/**
 * An append task is durable. One made in an earlier term vouches for no entry: since then the same
 * indexes may have been rewritten, and rewritten back, with the later writes still on their way.
 */
export function handleAppended(core: Core, { term, last, snapshotIndex }: Appended): void {
  if (last !== undefined && term === core.term) core.log.unstable.markStable(last);
  // A snapshot holds what is committed, and that is the same in every term.
  if (snapshotIndex > 0) {
    core.log.unstable.markSnapshotStable(snapshotIndex);
    if (!core.log.installing) core.replacedMembership = undefined;
    appliedTo(core, snapshotIndex, 0);
  }
}

export function handleApplied(core: Core, { entries }: Applied): void {
  const last = entries[entries.length - 1];
  if (last === undefined) return;
  appliedTo(core, last.index, entriesBytes(entries));
  // The quota may have counted less than this at the start of the term, so it stops at zero.
  core.uncommittedBytes = Math.max(0, core.uncommittedBytes - payloadBytes(entries));
}

function appliedTo(core: Core, index: number, bytes: number): void {
  core.log.markApplied(Math.max(index, core.log.applied), bytes);
  leaveJointIfDue(core);
}

/**
 * The leader leaves a joint configuration by itself where that was asked for. Each applied entry
 * is an occasion, so that a transfer in between only delays it.
 */
function leaveJointIfDue(core: Core): void {
  const due = core.configuration.autoLeave && core.log.applied >= core.pendingChangeIndex;
  if (!due || core.role !== 'leader') return;
  try {
    propose(core, [{ type: 'configuration', data: emptyBytes }], 0);
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
  }
}
