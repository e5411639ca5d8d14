/**
 * Proposals: what may enter the log, and why something may not.
 */
import { QuorateError } from '../base/errors.ts';
import { isJoint } from './change.ts';
import type { ConfigurationChange } from './configuration.ts';
import type { Core } from './core.ts';
import { emptyBytes, NOBODY, type Proposal, payloadBytes } from './entry.ts';
import { appendAsLeader } from './leader-log.ts';
import { broadcastAppends } from './sending.ts';
import { decodeChange } from './wire/change.ts';

/** What became of proposals that the leader took. */
export interface Proposed {
  /** The term and the index of the first entry; the others follow it. */
  readonly term: number;
  readonly index: number;
  /** Configuration changes that were refused: an empty entry stands in their place. */
  readonly refusals: readonly Refusal[];
}

/** A configuration change that was refused: where an empty entry stands instead, and why. */
export interface Refusal {
  readonly index: number;
  readonly reason: string;
}

/**
 * Takes proposals, or passes them on to the leader.
 *
 * @returns where they stand in the log, or undefined if they were passed on
 * @throws QuorateError `no-leader`, `forwarding-disabled` (with `leader` in details), `removed`,
 *   `transferring`, `stale-term`, `over-quota`; then nothing was appended
 */
export function propose(
  core: Core,
  entries: readonly Proposal[],
  requiredTerm: number,
): Proposed | undefined {
  if (core.role === 'leader') return appendProposals(core, entries, requiredTerm);
  const { leader, id } = core;
  if (leader === NOBODY) {
    throw new QuorateError('no-leader', `no leader is known in term ${core.term}`);
  }
  if (core.settings.disableProposalForwarding) {
    throw new QuorateError('forwarding-disabled', `member ${leader} leads`, {
      details: { leader },
    });
  }
  core.send({ type: 'forward', from: id, to: leader, term: 0, entries, requiredTerm });
  return undefined;
}

function appendProposals(core: Core, entries: readonly Proposal[], requiredTerm: number): Proposed {
  checkLeaderTakes(core, entries, requiredTerm);
  const first = core.log.lastIndex() + 1;
  const refusals: Refusal[] = [];
  let taken = entries;
  for (let i = 0; i < entries.length; i++) {
    const { type, data } = entries[i]!;
    if (type !== 'configuration') continue;
    const reason = whyUnsafe(core, decodeChange(data));
    if (reason === undefined || core.settings.disableChangeValidation) {
      core.pendingChangeIndex = first + i;
    } else {
      refusals.push({ index: first + i, reason });
      taken = taken.with(i, { type: 'normal', data: emptyBytes });
    }
  }
  appendAsLeader(core, taken);
  broadcastAppends(core);
  return { term: core.term, index: first, refusals };
}

function checkLeaderTakes(core: Core, entries: readonly Proposal[], requiredTerm: number): void {
  const { term, transferTarget, uncommittedBytes, settings } = core;
  if (core.progressOf(core.id) === undefined) {
    throw new QuorateError('removed', 'this leader is no longer part of its group');
  }
  if (transferTarget !== NOBODY) {
    throw new QuorateError('transferring', `leadership goes to member ${transferTarget}`, {
      details: { leader: transferTarget },
    });
  }
  if (requiredTerm !== 0 && requiredTerm !== term) {
    throw new QuorateError('stale-term', `term ${requiredTerm} is required, but it is ${term}`, {
      details: { requiredTerm, term },
    });
  }
  // The first one fits whatever its size, and an empty one always: a limit must not lock out.
  const bytes = payloadBytes(entries);
  if (
    bytes > 0 &&
    uncommittedBytes > 0 &&
    uncommittedBytes + bytes > settings.uncommittedBytesMax
  ) {
    throw new QuorateError('over-quota', `${uncommittedBytes} bytes are uncommitted already`, {
      details: { uncommittedBytes, uncommittedBytesMax: settings.uncommittedBytesMax },
    });
  }
}

/** One change at a time, and a joint configuration is left before the next (thesis §4.3). */
function whyUnsafe(core: Core, change: ConfigurationChange): string | undefined {
  const { pendingChangeIndex, log } = core;
  // Until then a change of an earlier leader may still be committed (trap 2); only a lone voter
  // can have had none beside it.
  if (!core.committedInTerm && !core.isOnlyVoter) {
    return `no entry of term ${core.term} is committed yet`;
  }
  if (pendingChangeIndex > log.applied) {
    return `a change may be pending up to index ${pendingChangeIndex}, applied is ${log.applied}`;
  }
  const joint = isJoint(core.configuration);
  const leaves = change.steps.length === 0;
  if (joint && !leaves) return 'the joint configuration must be left first';
  if (!joint && leaves) return 'there is no joint configuration to leave';
  return undefined;
}
