/**
 * What must hold after every step, checked in production too: the properties of figure 3 that one
 * member can see. All of it is constant work.
 */
import { assert } from '../base/assert.ts';
import type { Core } from './core.ts';
import { type MemberId, NOBODY } from './entry.ts';

/** What may not be taken back. */
export interface Standing {
  term: number;
  vote: MemberId;
  leader: MemberId;
  committed: number;
  applied: number;
}

export function standingOf({ term, vote, leader, log }: Core): Standing {
  return { term, vote, leader, committed: log.committed, applied: log.applied };
}

/** Compares with how things stood before, and makes `before` how they stand now. */
export function assertInvariants(core: Core, before: Standing): void {
  const { term, vote, leader, role, log } = core;
  assert(term >= before.term, () => `term went back from ${before.term} to ${term}`);
  if (term === before.term) {
    assert(before.vote === NOBODY || vote === before.vote, () => `two votes in term ${term}`);
    assert(
      before.leader === NOBODY || leader === NOBODY || leader === before.leader,
      () => `two leaders in term ${term}: ${before.leader} and ${leader}`,
    );
  }
  assert(log.committed >= before.committed, 'the commit index went back');
  assert(log.applied >= before.applied, 'the applied index went back');
  assert(log.applied <= log.applying && log.applying <= log.committed, 'applied beyond commit');
  assert(log.committed <= log.lastIndex(), 'committed beyond the end of the log');
  assert((role === 'leader') === (leader === core.id), () => `role ${role} under leader ${leader}`);
  assert(role !== 'candidate' || vote === core.id, 'a candidate without its own vote');
  before.term = term;
  before.vote = vote;
  before.leader = leader;
  before.committed = log.committed;
  before.applied = log.applied;
}
