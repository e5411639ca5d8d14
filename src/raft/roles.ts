/**
 * The transitions between roles (paper, figure 4).
 *
 *     follower ─timeout▶ pre-candidate ─pre-votes▶ candidate ─votes▶ leader
 *        ▲────── a leader or a higher term is seen, votes are lost ──────┘
 */
import { assert } from '../base/assert.ts';
import type { Core } from './core.ts';
import { emptyBytes, type MemberId, NOBODY, payloadBytes } from './entry.ts';
import { appendAsLeader } from './leader-log.ts';

export function becomeFollower(core: Core, term: number, leader: MemberId): void {
  reset(core, term);
  core.leader = leader;
  core.role = 'follower';
}

/** Asks first, and changes neither term nor vote (thesis §9.6). */
export function becomePreCandidate(core: Core): void {
  assert(core.role !== 'leader', 'a leader asks for pre-votes');
  core.votes.clear();
  core.leader = NOBODY;
  core.role = 'pre-candidate';
}

export function becomeCandidate(core: Core): void {
  assert(core.role !== 'leader', 'a leader stands for election');
  reset(core, core.term + 1);
  core.vote = core.id;
  core.role = 'candidate';
}

export function becomeLeader(core: Core): void {
  assert(core.role === 'candidate', () => `a ${core.role} becomes leader`);
  reset(core, core.term);
  core.leader = core.id;
  core.role = 'leader';
  const own = core.progressOf(core.id);
  assert(own !== undefined, 'a leader outside its configuration');
  own.becomeReplicate();
  own.active = true;
  core.pendingChangeIndex = core.log.lastIndex();
  core.uncommittedBytes = unappliedBytes(core);
  // An entry of the new term, so that earlier ones can be committed and reads be answered (§8).
  appendAsLeader(core, [{ type: 'normal', data: emptyBytes }]);
}

/** Everything that belongs to a term, or to a role in it, begins anew. */
function reset(core: Core, term: number): void {
  assert(term >= core.term, () => `term ${term} follows ${core.term}`);
  if (term !== core.term) {
    core.term = term;
    core.vote = NOBODY;
  }
  core.leader = NOBODY;
  core.heartbeatElapsedTicks = 0;
  core.restartElectionTimer();
  core.transferTarget = NOBODY;
  core.votes.clear();
  const last = core.log.lastIndex();
  for (const progress of core.membership.progress.values()) {
    progress.reset(progress.member === core.id ? last : 0, last + 1);
  }
  core.pendingChangeIndex = 0;
  core.uncommittedBytes = 0;
  core.reads.drop(core.id);
  core.lease.reset();
  core.quiet = false;
  core.idleTicks = 0;
}

/**
 * The payload of the tail that a new leader takes over: it counts against the quota, or a group
 * that changes leaders without committing would grow without bound.
 */
function unappliedBytes(core: Core): number {
  const { log, settings } = core;
  let bytes = 0;
  let from = log.applied + 1;
  while (from <= log.lastIndex()) {
    // What the storage must fetch first is left out: at worst the quota is late by that much.
    const page = log.entriesFrom(from, settings.messageBytesMax);
    if (page === undefined) break;
    bytes += payloadBytes(page);
    from += page.length;
  }
  return bytes;
}
