/**
 * Log replication (§5.3): the follower's answer to an append, and what the leader learns from it.
 */
import type { Core } from './core.ts';
import { advanceCommit } from './leader-log.ts';
import type { Append, AppendReply } from './message.ts';
import type { Progress } from './progress.ts';
import { confirmPostponed } from './reads.ts';
import { broadcastAppends, sendAppend, sendAppends, sendTimeoutNow } from './sending.ts';

/** The follower's half. */
export function handleAppend(core: Core, append: Append): void {
  const { log } = core;
  const { previousIndex, previousTerm, entries } = append;
  // An old append: what it holds is committed here, so tell the leader where this log really is.
  if (previousIndex < log.committed) return acceptUpTo(core, append.from, log.committed);
  if (!log.appendAfter({ index: previousIndex, term: previousTerm }, entries)) {
    return reject(core, append);
  }
  // Not beyond what this append verified: behind it may stand another leader's entries.
  const verified = previousIndex + entries.length;
  log.commitTo(Math.min(append.commit, verified));
  acceptUpTo(core, append.from, verified);
}

/** Acknowledges everything up to `index`, once it is durable. */
export function acceptUpTo(core: Core, leader: number, index: number): void {
  core.sendAfterAppend({
    type: 'append-reply',
    from: core.id,
    to: leader,
    term: core.term,
    index,
    rejected: false,
    hintIndex: 0,
    hintTerm: 0,
  });
}

/**
 * Tells the leader where the logs may match: at or before its probe, and where this log's term is
 * not above the probe's, for there the leader's cannot be above it either.
 */
function reject(core: Core, append: Append): void {
  const { log } = core;
  const end = Math.min(append.previousIndex, log.lastIndex());
  const hint = log.possibleMatch(end, append.previousTerm);
  core.sendAfterAppend({
    type: 'append-reply',
    from: core.id,
    to: append.from,
    term: core.term,
    index: append.previousIndex,
    rejected: true,
    hintIndex: hint.index,
    hintTerm: hint.term,
  });
}

/** Answers an append or heartbeat of an earlier term, so that its sender learns ours (trap 10). */
export function answerDeposedLeader(core: Core, leader: number): void {
  acceptUpTo(core, leader, 0);
}

/** The leader's half. */
export function handleAppendReply(core: Core, reply: AppendReply, from: Progress): void {
  from.active = true;
  if (reply.rejected) handleRejection(core, reply, from);
  else handleAcceptance(core, reply.index, from);
}

function handleRejection(core: Core, reply: AppendReply, from: Progress): void {
  // The member's term at the hint bounds where the logs can match, as it did on its side.
  const hint =
    reply.hintTerm > 0
      ? core.log.possibleMatch(reply.hintIndex, reply.hintTerm).index
      : reply.hintIndex;
  if (!from.retreat(reply.index, hint)) return;
  if (from.state === 'replicate') from.becomeProbe();
  sendAppend(core, from, { evenIfEmpty: true });
}

function handleAcceptance(core: Core, index: number, from: Progress): void {
  // A probe of a member that has everything changes no match, but ends the probing.
  const answersProbe = from.state === 'probe' && from.match === index;
  if (!from.advance(index) && !answersProbe) return;
  if (from.state === 'probe') {
    from.becomeReplicate();
  } else if (from.state === 'snapshot') {
    // At whatever index the member restored: if our log goes on from there, so can we.
    if (from.match + 1 >= core.log.firstIndex()) from.becomeReplicate();
  } else {
    from.inflights.release(index);
  }
  const toOther = from.member !== core.id;
  if (advanceCommit(core)) {
    confirmPostponed(core);
    broadcastAppends(core);
  } else if (toOther && from.canBumpCommit(core.log.committed)) {
    sendAppend(core, from, { evenIfEmpty: true });
  }
  if (!toOther) return;
  sendAppends(core, from);
  if (core.transferTarget === from.member && from.match === core.log.lastIndex()) {
    sendTimeoutNow(core, from.member);
  }
}
