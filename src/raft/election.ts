/**
 * Leader election (§5.2, §5.4.1; thesis §9.6): who stands, who votes for whom, who wins.
 */
import type { Core } from './core.ts';
import { NOBODY, noPosition } from './entry.ts';
import type { Vote, VoteReply } from './message.ts';
import { jointVote } from './quorum.ts';
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from './roles.ts';
import { broadcastAppends } from './sending.ts';

/** Why an election starts: time passed or the host asks, or the leader does. */
export type Reason = 'timeout' | 'transfer';

/** Starts an election unless this member must not stand now. */
export function startElection(core: Core, reason: Reason): void {
  if (core.role === 'leader' || !core.promotable || hasUnappliedChange(core)) return;
  // A lease promises that nobody who has just heard the leader helps to replace it.
  if (reason === 'timeout' && keepsLease(core)) return;
  if (core.settings.preVote && reason === 'timeout') campaign(core, 'pre-vote', reason);
  // The leader itself gave way: there is nothing to ask first (thesis §9.6).
  else campaign(core, 'vote', reason);
}

/**
 * Configurations take effect when they are applied, so that a member with a committed change not
 * yet applied would count the wrong quorum.
 */
function hasUnappliedChange(core: Core): boolean {
  const { log, settings } = core;
  let from = log.applied + 1;
  while (from <= log.committed) {
    const page = log.slice(from, log.committed + 1, settings.messageBytesMax);
    if (page === undefined) return true;
    if (page.some((entry) => entry.type === 'configuration')) return true;
    from += page.length;
  }
  return false;
}

function campaign(core: Core, type: 'pre-vote' | 'vote', reason: Reason): void {
  if (type === 'pre-vote') becomePreCandidate(core);
  else becomeCandidate(core);
  // A pre-vote asks for the term that would come, without going there.
  const term = type === 'pre-vote' ? core.term + 1 : core.term;
  const last = core.log.last();
  const transfer = reason === 'transfer';
  for (const voter of votersAscending(core)) {
    if (voter === core.id)
      replyToVote(core, { type, from: core.id, term, incarnation: core.incarnation }, true);
    else {
      core.send({
        type,
        from: core.id,
        to: voter,
        term,
        lastIndex: last.index,
        lastTerm: last.term,
        transfer,
        priority: core.settings.priority,
        incarnation: core.incarnation,
      });
    }
  }
}

function votersAscending(core: Core): number[] {
  const { voters, votersOutgoing } = core.configuration;
  return [...new Set([...voters, ...votersOutgoing])].sort((a, b) => a - b);
}

/**
 * The vote rule. A vote is granted if
 * 1. it repeats one given, or none was given in this term and no leader is known in it, or it is
 *    only a pre-vote for a later term (§5.2);
 * 2. the candidate's log is at least as good as ours (§5.4.1); and
 * 3. this member has no higher priority with as good a log, and has not lost a part of it.
 *
 * A learner votes too: it may have been promoted without knowing it yet.
 */
export function handleVote(core: Core, request: Vote): void {
  const free =
    core.vote === request.from ||
    (core.vote === NOBODY && core.leader === NOBODY) ||
    (request.type === 'pre-vote' && request.term > core.term);
  const upToDate = core.log.isUpToDate({ term: request.lastTerm, index: request.lastIndex });
  const trusted = core.suspicion === undefined;
  const granted = free && upToDate && trusted && !outranks(core, request);
  // Only a real vote counts as one, and only it makes this member wait (trap 8 and 9).
  if (granted && request.type === 'vote') {
    core.electionElapsedTicks = 0;
    core.vote = request.from;
  }
  replyToVote(core, request, granted);
}

/** Whether this member should lead rather than a candidate whose log is at least as good. */
function outranks(core: Core, request: Vote): boolean {
  const last = core.log.last();
  // With a worse log this member could not win: then its refusal would only prevent elections.
  const equal = request.lastIndex === last.index && request.lastTerm === last.term;
  const above = core.settings.priority > request.priority;
  return equal && above && !request.transfer && core.promotable;
}

/** A grant carries the term asked for, a refusal our own: it may teach the candidate a later one. */
function replyToVote(
  core: Core,
  request: Pick<Vote, 'type' | 'from' | 'term' | 'incarnation'>,
  granted: boolean,
): void {
  core.sendAfterAppend({
    type: request.type === 'vote' ? 'vote-reply' : 'pre-vote-reply',
    from: core.id,
    to: request.from,
    term: granted ? request.term : core.term,
    granted,
    incarnation: request.incarnation,
    commit: granted ? noPosition : core.log.committedPosition(),
  });
}

/** Refuses a vote of an earlier term aloud, lest the candidate wait for ever (trap 10). */
export function refuseLateVote(core: Core, request: Vote): void {
  replyToVote(core, request, false);
}

/** Counts a vote; the answers to pre-votes count for nothing in the election proper. */
export function handleVoteReply(core: Core, reply: VoteReply): void {
  if (reply.incarnation !== core.incarnation) return;
  if ((reply.type === 'pre-vote-reply') !== (core.role === 'pre-candidate')) return;
  if (learnsCommit(core, reply) && hasUnappliedChange(core)) {
    // Who counts has changed: apply that first, then stand again.
    return becomeFollower(core, core.term, NOBODY);
  }
  if (!core.votes.has(reply.from)) core.votes.set(reply.from, reply.granted);
  const { voters, votersOutgoing } = core.configuration;
  const result = jointVote(voters, votersOutgoing, (voter) => core.votes.get(voter));
  if (result === 'lost') becomeFollower(core, core.term, NOBODY);
  if (result !== 'won') return;
  if (core.role === 'pre-candidate') return campaign(core, 'vote', 'timeout');
  // Its own vote counts once it is durable, and must be among them: else a leader that crashes
  // could lead the same term again with another log (trap 12).
  if (core.votes.get(core.id) !== true) return;
  becomeLeader(core);
  broadcastAppends(core);
}

/**
 * A candidate learns from a refusal what is committed; returns whether it learnt anything. Without
 * that, a leader which removes itself and is then heard no more could strand the others: in their
 * view it still votes, its log is longer by what it had no time to commit, and the entry that
 * removes it, though they have it, they do not know to be committed. Where the logs match they
 * agree up to there (§5.3).
 */
function learnsCommit({ log }: Core, { commit, granted }: VoteReply): boolean {
  if (granted || commit.index <= log.committed || !log.matches(commit)) return false;
  log.commitTo(commit.index);
  return true;
}

/**
 * Vote stickiness (§6.2): who has heard from a leader within the shortest election timeout grants
 * no vote, so that a member that was cut off or removed cannot depose a leader that works.
 */
export function hearsLeader(core: Core): boolean {
  const { settings } = core;
  if (!settings.checkQuorum) return false;
  if (keepsLease(core)) return true;
  return core.leader !== NOBODY && core.electionElapsedTicks < settings.electionTicks;
}

/**
 * The promise that lease reads rest on (§6.4.1): no vote for an election timeout after a leader was
 * heard. It holds in whatever term this member has come to since, for a message of a later term may
 * have reached it and not yet the leader, whose lease runs on.
 */
export function keepsLease({ lease, settings, ticksSinceLeader }: Core): boolean {
  return lease.inUse && ticksSinceLeader < settings.electionTicks;
}
