/**
 * What a leader does to its own log: it appends, never rewrites (leader append-only, §5.3), and it
 * commits by the commit rule.
 */
import type { Core } from './core.ts';
import { type Entry, type Proposal, payloadBytes } from './entry.ts';
import { jointCommitted } from './quorum.ts';

/**
 * Appends proposals with this term. The leader counts itself once they are durable: its own
 * acknowledgement waits for the disk like any follower's.
 */
export function appendAsLeader(core: Core, proposals: readonly Proposal[]): void {
  const first = core.log.lastIndex() + 1;
  const entries: Entry[] = [];
  for (const { type, data } of proposals) {
    entries.push({ type, term: core.term, index: first + entries.length, data });
  }
  core.uncommittedBytes += payloadBytes(entries);
  core.log.append(entries);
  core.sendAfterAppend({
    type: 'append-reply',
    from: core.id,
    to: core.id,
    term: core.term,
    index: first + entries.length - 1,
    rejected: false,
    hintIndex: 0,
    hintTerm: 0,
  });
}

/**
 * The commit rule (§5.3, §5.4.2): what a quorum holds durably is committed, if it is of this term.
 * Entries of earlier terms are committed only by what stands behind them: counting them alone
 * could take back what was committed (figure 8). Learners are never counted.
 *
 * @returns whether the commit index moved
 */
export function advanceCommit(core: Core): boolean {
  const { log, membership } = core;
  const { voters, votersOutgoing } = membership.configuration;
  const index = jointCommitted(
    voters,
    votersOutgoing,
    (voter) => membership.progress.get(voter)?.countedMatch,
  );
  if (index <= log.committed || log.term(index) !== core.term) return false;
  log.commitTo(index);
  return true;
}
