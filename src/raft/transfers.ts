/**
 * Leadership transfer (thesis §3.10): the leader takes no proposals, brings the target up to date
 * and tells it to campaign at once. It gives up after an election timeout.
 */
import { assert } from '../base/assert.ts';
import { QuorateError } from '../base/errors.ts';
import type { Core } from './core.ts';
import { type MemberId, NOBODY } from './entry.ts';
import type { Transfer } from './message.ts';
import { sendAppend, sendTimeoutNow } from './sending.ts';

/**
 * The host asks.
 * @throws QuorateError `not-a-voter`; `no-leader` on a member that could not pass the wish on
 */
export function transferLeadership(core: Core, target: MemberId): void {
  if (core.role === 'leader') {
    if (!mayLead(core, target)) {
      throw new QuorateError('not-a-voter', `member ${target} does not vote`);
    }
    return startTransfer(core, target);
  }
  const { leader, id, term } = core;
  if (leader === NOBODY) throw new QuorateError('no-leader', 'no leader is known to hand over');
  core.send({ type: 'transfer', from: id, to: leader, term, target });
}

/** A member passes the wish on; who no longer leads lets it drop. */
export function handleTransfer(core: Core, { target }: Transfer): void {
  if (core.role === 'leader' && mayLead(core, target)) startTransfer(core, target);
}

function mayLead(core: Core, target: MemberId): boolean {
  return core.isVoter(target) && core.progressOf(target)?.suspect !== true;
}

function startTransfer(core: Core, target: MemberId): void {
  const progress = core.progressOf(target);
  assert(progress !== undefined, () => `no progress for voter ${target}`);
  if (core.transferTarget === target) return;
  core.transferTarget = NOBODY;
  if (target === core.id) return;
  // The transfer has one election timeout.
  core.electionElapsedTicks = 0;
  core.transferTarget = target;
  if (progress.match === core.log.lastIndex()) sendTimeoutNow(core, target);
  else sendAppend(core, progress, { evenIfEmpty: true });
}
