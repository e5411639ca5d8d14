/** Time: what happens when it passes (§5.2, §6.2). */
import { leaveJointIfDue } from './applying.ts';
import type { Core } from './core.ts';
import { startElection } from './election.ts';
import { NOBODY } from './entry.ts';
import { proposeQuiet } from './quiescence.ts';
import { jointVote } from './quorum.ts';
import { becomeFollower } from './roles.ts';
import { broadcastHeartbeats } from './sending.ts';
import { tickSuspicion } from './suspicion.ts';

export function tick(core: Core, nowMs: number | undefined): void {
  core.ticksSinceStart++;
  // A read that was lost on its way must not take up room for ever; the host asks again.
  core.reads.dropAsked(core.ticksSinceStart - core.settings.electionTicks);
  tickSuspicion(core);
  if (core.quiet) return;
  core.ticksSinceLeader++;
  if (core.role === 'leader') tickLeader(core, nowMs);
  else tickOther(core);
}

function tickOther(core: Core): void {
  core.electionElapsedTicks++;
  if (!core.promotable || core.electionElapsedTicks < core.electionTimeoutTicks) return;
  core.electionElapsedTicks = 0;
  startElection(core, 'timeout');
}

function tickLeader(core: Core, nowMs: number | undefined): void {
  const { electionTicks, heartbeatTicks, checkQuorum } = core.settings;
  core.heartbeatElapsedTicks++;
  core.electionElapsedTicks++;
  if (core.electionElapsedTicks >= electionTicks) {
    core.electionElapsedTicks = 0;
    if (checkQuorum) stepDownWithoutQuorum(core);
    // A transfer that took longer than this has failed: take proposals again.
    core.transferTarget = NOBODY;
    leaveJointIfDue(core);
  }
  if (core.role !== 'leader' || core.heartbeatElapsedTicks < heartbeatTicks) return;
  core.heartbeatElapsedTicks = 0;
  if (!proposeQuiet(core)) broadcastHeartbeats(core, nowMs);
}

/** Check-quorum (§6.2): who hears no majority within an election timeout may lead no longer. */
function stepDownWithoutQuorum(core: Core): void {
  const { configuration, progress } = core.membership;
  const { voters, votersOutgoing } = configuration;
  const heard = jointVote(voters, votersOutgoing, (voter) => {
    const known = progress.get(voter);
    return voter === core.id || (known?.active === true && !known.suspect);
  });
  if (heard !== 'won') becomeFollower(core, core.term, NOBODY);
  for (const each of progress.values()) if (each.member !== core.id) each.active = false;
}
