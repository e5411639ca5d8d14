/**
 * Configurations take effect when they are applied (thesis chapter 4). What makes that safe: one
 * change is under way at a time, a leader proposes none before its term's first commit, and nobody
 * campaigns with a committed change not yet applied. How configurations follow each other is in
 * `change.ts`.
 */
import { applyChange, type Membership } from './change.ts';
import type { ConfigurationChange, ConfigurationState } from './configuration.ts';
import type { Core } from './core.ts';
import { NOBODY } from './entry.ts';
import { advanceCommit } from './leader-log.ts';
import { answerConfirmed, confirmPostponed } from './reads.ts';
import { becomeFollower } from './roles.ts';
import { broadcastAppends, sendAppend } from './sending.ts';

/**
 * The host applies a configuration entry.
 * @returns the state machine's configuration from then on
 * @throws QuorateError `unsafe-change`; then nothing changed
 */
export function handleChange(core: Core, change: ConfigurationChange): ConfigurationState {
  if (core.replacedMembership !== undefined) {
    // The snapshot on its way holds this change already, and perhaps its undoing (trap 21).
    const { replacedMembership } = core;
    core.replacedMembership = applyChange(replacedMembership, change, core.changeContext());
    return core.replacedMembership.configuration;
  }
  rejoinAs(core, applyChange(core.membership, change, core.changeContext()));
  return core.configuration;
}

/** Goes on as part of another configuration. */
export function rejoinAs(core: Core, membership: Membership): void {
  core.membership = membership;
  const leading = core.role === 'leader';
  if (!leading) return;
  if (!core.isVoter(core.id)) {
    if (core.settings.stepDownOnRemoval) becomeFollower(core, core.term, NOBODY);
    return;
  }
  if (advanceCommit(core)) {
    // A smaller quorum may have all that is needed already.
    confirmPostponed(core);
    broadcastAppends(core);
  } else {
    for (const progress of membership.progress.values()) {
      if (progress.member !== core.id) sendAppend(core, progress, { evenIfEmpty: false });
    }
  }
  answerConfirmed(core);
  if (core.transferTarget !== NOBODY && !core.isVoter(core.transferTarget)) {
    core.transferTarget = NOBODY;
  }
}
