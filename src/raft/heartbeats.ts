/** Heartbeats: the leader is alive, and so is who answers (§5.2). */
import type { Core } from './core.ts';
import type { Heartbeat, HeartbeatReply } from './message.ts';
import type { Progress } from './progress.ts';
import { confirmRound } from './reads.ts';
import { sendAppend } from './sending.ts';

/** The follower's half. */
export function handleHeartbeat(core: Core, { from, commit, round }: Heartbeat): void {
  // A leader that does not know of the loss yet says what this log once matched.
  if (core.suspicion === undefined) core.log.commitTo(commit);
  core.send({ type: 'heartbeat-reply', from: core.id, to: from, term: core.term, round });
}

/** The leader's half. */
export function handleHeartbeatReply(core: Core, reply: HeartbeatReply, from: Progress): void {
  from.active = true;
  // Whatever was on its way may be lost: one more append, empty if the window is full, finds out.
  from.appendsPaused = false;
  if (from.match < core.log.lastIndex() || from.state === 'probe') {
    sendAppend(core, from, { evenIfEmpty: true });
  }
  confirmRound(core, reply, from);
}
