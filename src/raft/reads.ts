/**
 * Linearizable reads without log entries (thesis §6.4): the leader notes its commit index, makes
 * sure that it still leads, and whoever asked may read once it has applied that far.
 *
 * 1. The commit index means something only once an entry of this term is committed; earlier reads
 *    are postponed, for a lone member too: what it acknowledged before a restart may lie beyond
 *    the commit index that it stored.
 * 2. That it still leads, a quorum says by answering heartbeats that left *after* the read came.
 *    Rounds of heartbeats are numbered and never used again, and an answer confirms its round and
 *    all before, never one behind. All reads that come between two outputs share a round.
 * 3. Or the lease says it; see `lease.ts`.
 */
import { QuorateError } from '../base/errors.ts';
import type { Core } from './core.ts';
import { NOBODY } from './entry.ts';
import type { HeartbeatReply, ReadIndex, ReadIndexReply } from './message.ts';
import type { Progress } from './progress.ts';
import { jointCommitted } from './quorum.ts';
import type { ReadRequest } from './read-queue.ts';
import { broadcastHeartbeats } from './sending.ts';

/** The host asks to read. */
export function requestRead(core: Core, context: number, nowMs: number | undefined): void {
  const { reads, leader, id, incarnation } = core;
  if (leader === NOBODY) throw new QuorateError('no-leader', 'no leader is known to read from');
  if (reads.size >= core.settings.pendingReadsMax) {
    throw new QuorateError('over-quota', `${reads.size} reads are waiting already`);
  }
  const readId = reads.nextReadId++;
  if (leader === id) return admit(core, { from: id, incarnation, readId, context }, nowMs);
  reads.asked.set(readId, { context, atTick: core.ticksSinceStart });
  core.send({ type: 'read-index', from: id, to: leader, term: 0, incarnation, readId });
}

/** A member asks. Only the leader can say, and one that has too much to do stays silent. */
export function handleReadIndex(core: Core, { from, incarnation, readId }: ReadIndex): void {
  if (core.role !== 'leader' || core.reads.size >= core.settings.pendingReadsMax) return;
  admit(core, { from, incarnation, readId, context: 0 }, undefined);
}

function admit(core: Core, request: ReadRequest, nowMs: number | undefined): void {
  if (core.committedInTerm) confirm(core, request, nowMs);
  else core.reads.postponed.push(request);
}

/** The first entry of the term is committed: what waited for that goes on. */
export function confirmPostponed(core: Core): void {
  const { reads } = core;
  if (reads.postponed.length === 0 || !core.committedInTerm) return;
  const postponed = reads.postponed;
  reads.postponed = [];
  for (const request of postponed) confirm(core, request, undefined);
}

function confirm(core: Core, request: ReadRequest, nowMs: number | undefined): void {
  const { reads, log } = core;
  if (core.isOnlyVoter || (nowMs !== undefined && core.lease.holds(nowMs))) {
    return answer(core, request, log.committed);
  }
  const last = reads.rounds[reads.rounds.length - 1];
  if (reads.roundOpen && last !== undefined) {
    last.index = log.committed;
    last.requests.push(request);
    return;
  }
  reads.latestRound++;
  reads.rounds.push({ round: reads.latestRound, index: log.committed, requests: [request] });
  reads.roundOpen = true;
  broadcastHeartbeats(core, nowMs);
}

/** A member's answer to a heartbeat confirms its round. */
export function confirmRound(core: Core, reply: HeartbeatReply, from: Progress): void {
  if (reply.round <= from.roundConfirmed) return;
  from.roundConfirmed = reply.round;
  answerConfirmed(core);
}

/** Answers all reads whose round a quorum has confirmed, under the configuration in force. */
export function answerConfirmed(core: Core): void {
  const { reads, membership, id } = core;
  const { voters, votersOutgoing } = membership.configuration;
  const confirmed = jointCommitted(voters, votersOutgoing, (voter) => {
    if (voter === id) return reads.latestRound;
    const progress = membership.progress.get(voter);
    return progress?.suspect ? 0 : progress?.roundConfirmed;
  });
  core.lease.confirmed(confirmed);
  while (reads.rounds.length > 0 && reads.rounds[0]!.round <= confirmed) {
    const { index, requests } = reads.rounds.shift()!;
    for (const request of requests) answer(core, request, index);
  }
}

function answer(core: Core, request: ReadRequest, index: number): void {
  const { from, incarnation, readId, context } = request;
  if (from === core.id) core.reads.states.push({ context, index });
  else {
    const { id, term } = core;
    core.send({ type: 'read-index-reply', from: id, to: from, term, incarnation, readId, index });
  }
}

/** The leader's answer; what was not asked in this life, or was given up, is no answer. */
export function handleReadIndexReply(core: Core, reply: ReadIndexReply): void {
  const { suspicion } = core;
  if (suspicion?.askedId === reply.readId && reply.incarnation === core.incarnation) {
    suspicion.confirmed ??= reply.index;
    return;
  }
  const asked = core.reads.asked.get(reply.readId);
  if (reply.incarnation !== core.incarnation || asked === undefined) return;
  core.reads.asked.delete(reply.readId);
  core.reads.states.push({ context: asked.context, index: reply.index });
}
