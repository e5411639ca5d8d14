/**
 * Quiescence: an idle group falls quiet by agreement, so that thousands of groups cost nothing.
 *
 * When nothing has happened for `quiesceAfterTicks` and all members have all entries, committed
 * and applied, the leader sends `quiesce` in place of heartbeats. A member that has the same log
 * agrees and stops its election timer; when all have agreed the leader stops too. Any message or
 * request wakes whom it reaches: a leader goes on with heartbeats, which wake the others.
 *
 * Safety is not touched: being quiet is only being slow. Liveness rests on the host, which must
 * step `wake` into a quiet follower when it suspects that the leader's process is gone.
 */
import { isJoint } from './change.ts';
import type { Core } from './core.ts';
import { NOBODY } from './entry.ts';
import type { Input } from './input.ts';
import type { Quiesce, QuiesceReply } from './message.ts';
import type { Progress } from './progress.ts';

/** Inputs that are no work: a quiet group stays quiet, and an idle one idle. */
const restful: ReadonlySet<Input['type']> = new Set([
  'tick',
  'quiesce',
  'quiesce-reply',
  'heartbeat-reply',
  'appended',
  'applied',
  'storage-ready',
  // Late news of what was sent before: a quiet leader has sent all there is, a follower nothing.
  'report-unreachable',
  'report-snapshot',
]);
/** Inputs that an awake group gets all the time without being at work. */
const routine: ReadonlySet<Input['type']> = new Set([...restful, 'heartbeat', 'append-reply']);

/** Notes that an input came: it may be work, and it may wake. */
export function noteActivity(core: Core, type: Input['type']): void {
  if (core.quiet && !restful.has(type)) wake(core);
  if (!routine.has(type)) core.idleTicks = 0;
}

function wake(core: Core): void {
  core.quiet = false;
  core.idleTicks = 0;
  core.electionElapsedTicks = 0;
  // The others slept as well: they get a full timeout to be heard again.
  for (const progress of core.membership.progress.values()) {
    progress.quiet = false;
    progress.active = true;
  }
}

/** Called in place of a heartbeat; returns whether quiescence was proposed instead. */
export function proposeQuiet(core: Core): boolean {
  const { quiesceAfterTicks, electionTicks, heartbeatTicks } = core.settings;
  core.idleTicks += heartbeatTicks;
  if (quiesceAfterTicks === 0 || core.idleTicks < quiesceAfterTicks || !allSettled(core)) {
    return false;
  }
  // Somebody does not agree: give up for now, and let heartbeats wake those who did.
  if (core.idleTicks >= quiesceAfterTicks + electionTicks) {
    core.idleTicks = 0;
    return false;
  }
  const begins = core.idleTicks - heartbeatTicks < quiesceAfterTicks;
  const { id, term } = core;
  for (const progress of core.membership.progress.values()) {
    // What was agreed to in an earlier attempt is void: work came in between.
    if (begins) progress.quiet = false;
    const { member } = progress;
    if (member === id) continue;
    core.send({ type: 'quiesce', from: id, to: member, term, commit: core.log.committed });
  }
  fallQuietIfAgreed(core);
  return true;
}

/** Whether nobody lacks anything. */
function allSettled(core: Core): boolean {
  const { log, reads, membership } = core;
  const last = log.lastIndex();
  const busy =
    log.applied !== last ||
    !log.unstable.empty ||
    core.transferTarget !== NOBODY ||
    reads.size > 0 ||
    isJoint(membership.configuration);
  if (busy) return false;
  for (const { match, suspect } of membership.progress.values()) {
    if (match !== last || suspect) return false;
  }
  return true;
}

/** The follower's half; the caller has noted that the leader was heard. */
export function handleQuiesce(core: Core, { from, commit }: Quiesce): void {
  const trusted = core.suspicion === undefined;
  if (trusted) core.log.commitTo(Math.min(commit, core.log.lastIndex()));
  const agreed = trusted && core.log.lastIndex() === commit && core.log.applied === commit;
  core.quiet = agreed;
  core.send({ type: 'quiesce-reply', from: core.id, to: from, term: core.term, agreed });
}

export function handleQuiesceReply(core: Core, { agreed }: QuiesceReply, from: Progress): void {
  from.active = true;
  if (core.quiet || core.idleTicks < core.settings.quiesceAfterTicks) return;
  from.quiet = agreed;
  fallQuietIfAgreed(core);
}

function fallQuietIfAgreed(core: Core): void {
  if (!allSettled(core)) return;
  for (const { member, quiet } of core.membership.progress.values()) {
    if (member !== core.id && !quiet) return;
  }
  core.quiet = true;
}
