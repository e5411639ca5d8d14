/**
 * The votes as they are known after recovery: from the vote file, and from the log, where each
 * change stands as well, in the batch that rests on it.
 */
import { type HardState, NOBODY } from '../../raft/entry.ts';
import type { GroupLog } from './group-log.ts';
import type { GroupId } from './log-write.ts';
import type { VoteRow, VoteTable } from './vote-format.ts';

type Vote = Pick<HardState, 'term' | 'vote'>;

/**
 * The rows for the vote file, after what the groups know was merged in; the groups are told. The
 * term is at least that of the last entry.
 */
export function mergedVotes(
  table: VoteTable | undefined,
  groups: ReadonlyMap<GroupId, GroupLog>,
  marks: { readonly suspect: boolean; readonly voteLost: boolean },
): Map<GroupId, VoteRow> {
  const rows = new Map<GroupId, VoteRow>();
  const ids = new Set([...(table?.rows.keys() ?? []), ...groups.keys()]);
  for (const id of ids) {
    const row = table?.rows.get(id);
    const group = groups.get(id);
    let best: Vote = row ?? { term: 0, vote: NOBODY };
    if (group !== undefined) {
      best = newer(best, group.hardState);
      best = newer(best, { term: group.last().term, vote: NOBODY });
      const { term, vote } = best;
      group.hardState = { term, vote, commit: group.hardState.commit };
    }
    const suspect = marks.suspect || (row?.suspect ?? false);
    const voteLost = marks.voteLost || (row?.voteLost ?? false);
    const { term, vote } = best;
    if (term > 0 || suspect) rows.set(id, { term, vote, suspect, voteLost });
  }
  return rows;
}

/** The later of two; in one term a vote for somebody beats none. */
function newer(a: Vote, b: Vote): Vote {
  if (a.term !== b.term) return a.term > b.term ? a : b;
  return a.vote === NOBODY ? b : a;
}
