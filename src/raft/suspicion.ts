/**
 * Repair: a member that lost a part of its log comes back, and is *suspect* until its peers have
 * given it back what it lost.
 *
 * It may have acknowledged entries that it does not have any more, so others may count on it for
 * what is committed. Until it has recovered
 * 1. it grants no vote, stands for no election and agrees to no quiet;
 * 2. all that it answers is marked `suspect`, and no leader counts it: not for commits, nor for
 *    rounds of reads, nor for check-quorum. On the first marked message a leader also forgets what
 *    the member had acknowledged before its loss;
 * 3. it takes the commit index only from appends, which prove that the logs match up to there.
 *
 * It asks the leader for a read index; the question is marked too, so the leader that answers has
 * stopped counting the member before, and others confirmed that it led. When all up to that index
 * is committed and durable here, the member is as good as any other.
 *
 * Why that is enough. Let q be a majority of n voters, C the member.
 * - *While suspect*, an entry committed with C's lost acknowledgement is on q − 1 other members; who
 *   is elected without C has q votes of n − 1, and (q − 1) + q > n − 1: one of them has the entry.
 *   So every leader elected since the loss has it; and one elected before, with C's vote, had
 *   everything that C had then (§5.4.1). With further suspect members even fewer can elect.
 * - *After it*: what was committed with C's lost acknowledgements was so before the answering leader
 *   heard of the loss, hence lies up to the index, or in a term of which C, in its durable vote,
 *   has promised to know nothing earlier. What is committed later rests on what C really holds.
 *
 * Where the *votes* may be lost as well, C may have voted in terms that it does not remember. Then
 * the host asks every other voter for its term: whoever still stands for election with a vote of C
 * is in that term or a later one (candidates of an earlier life cannot win with it, see
 * `Vote.incarnation`). C votes only in terms after the highest of them.
 *
 * What this rests on: a host brings messages of a member's earlier life never after those of a
 * later one. Links between members do so: a member's new link ends its old one.
 */
import type { Core } from './core.ts';
import { NOBODY } from './entry.ts';
import { advanceCommit } from './leader-log.ts';
import type { Progress } from './progress.ts';
import { confirmPostponed } from './reads.ts';
import { becomeFollower } from './roles.ts';
import { broadcastAppends } from './sending.ts';

/** The member's half: begins, in the midst of a life or at its start. */
export function becomeSuspect(core: Core, lost: { readonly votes: boolean }): void {
  if (core.role !== 'follower') becomeFollower(core, core.term, NOBODY);
  core.suspicion ??= { askedId: 0, askedAtTick: 0, confirmed: undefined, votesLost: lost.votes };
  core.quiet = false;
}

/** Time passes for a suspect member: it has recovered, or asks, again and again. */
export function tickSuspicion(core: Core): void {
  const { suspicion, log, settings } = core;
  if (suspicion === undefined) return;
  const { confirmed, askedId, askedAtTick, votesLost } = suspicion;
  if (confirmed === undefined) {
    const waits = askedId !== 0 && core.ticksSinceStart - askedAtTick < settings.electionTicks;
    if (!waits) askForIndex(core);
    return;
  }
  const durable = log.installing ? 0 : log.unstable.offset - 1;
  if (!votesLost && Math.min(log.committed, durable) >= confirmed) core.suspicion = undefined;
}

/** Asks the leader; where none is known all voters, of whom only a leader answers. */
function askForIndex(core: Core): void {
  const { suspicion, reads, id, incarnation, leader } = core;
  const { voters, votersOutgoing } = core.configuration;
  const readId = reads.nextReadId++;
  suspicion!.askedId = readId;
  suspicion!.askedAtTick = core.ticksSinceStart;
  const asked = leader === NOBODY ? new Set([...voters, ...votersOutgoing]) : new Set([leader]);
  asked.delete(id);
  for (const to of asked) {
    core.send({ type: 'read-index', from: id, to, term: 0, incarnation, readId });
  }
}

/**
 * Where votes may be lost: no other voter is in a later term than `term`, each asked in this life
 * of the member.
 */
export function settleVotes(core: Core, term: number): void {
  if (core.suspicion === undefined) return;
  if (term > core.term) becomeFollower(core, term, NOBODY);
  // In that term it may have voted; for whom is not known, so from now on for itself.
  if (term === core.term && core.vote === NOBODY) core.vote = core.id;
  core.suspicion.votesLost = false;
}

/** The leader's half: notes whether a member may be counted, as it says itself. */
export function noteStanding(core: Core, from: Progress, suspect: boolean): void {
  if (from.suspect === suspect) return;
  if (suspect) {
    // What it acknowledged before is not known to be there any more.
    from.reset(0, core.log.lastIndex() + 1);
    from.active = true;
  }
  from.suspect = suspect;
  if (suspect || !advanceCommit(core)) return;
  confirmPostponed(core);
  broadcastAppends(core);
}
