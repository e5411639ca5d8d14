/**
 * Groups follow the system group: whoever leads a group brings its configuration to what the
 * members are, one safe step at a time.
 *
 * A newcomer is a learner first and votes only when it has caught up, so that it never holds up a
 * quorum; one that was announced as a learner waits until it is promoted, besides. A leader that is to go hands leadership over before. Each step is an ordinary
 * configuration change, and the next is not begun before it is applied.
 */
import { isJoint } from '../raft/change.ts';
import type { ConfigurationChange } from '../raft/configuration.ts';
import { emptyBytes, type MemberId } from '../raft/entry.ts';
import type { Status } from '../raft/status.ts';

/** The next step towards `wanted`; undefined where none is needed or possible now. */
export type Step =
  | { readonly type: 'change'; readonly change: ConfigurationChange }
  | { readonly type: 'transfer'; readonly target: MemberId };

/** How far a learner may lag behind the last index and still count as caught up. */
const PROMOTE_LAG_ENTRIES_MAX = 1000;

/** What the members shall be. */
export interface Wanted {
  readonly members: ReadonlySet<MemberId>;
  /** Those among them that are not to vote yet. */
  readonly learners: ReadonlySet<MemberId>;
}

/** @param status a leader's */
export function nextStep(
  status: Status,
  { members: wanted, learners: staying }: Wanted,
): Step | undefined {
  const { configuration, transferTarget } = status;
  // A joint configuration is left by its leader; a transfer ends by itself.
  if (isJoint(configuration) || transferTarget !== 0) return undefined;
  const { voters, learners } = configuration;
  for (const member of wanted) {
    if (!voters.includes(member) && !learners.includes(member)) {
      return change('add-learner', member);
    }
  }
  for (const learner of learners) {
    const mayVote = wanted.has(learner) && !staying.has(learner);
    if (mayVote && caughtUp(status, learner)) return change('add-voter', learner);
  }
  for (const member of [...learners, ...voters]) {
    if (wanted.has(member)) continue;
    if (member !== status.id) return change('remove-member', member);
    return handOver(status, wanted);
  }
  return undefined;
}

function caughtUp({ progress, lastIndex }: Status, learner: MemberId): boolean {
  const known = progress.find(({ member }) => member === learner);
  if (known === undefined || !known.active || known.state !== 'replicate') return false;
  return known.match + PROMOTE_LAG_ENTRIES_MAX >= lastIndex;
}

/** The leader itself is to go: the best of those who stay takes over and goes on. */
function handOver(status: Status, wanted: ReadonlySet<MemberId>): Step | undefined {
  const { voters } = status.configuration;
  const candidates = status.progress
    .filter(({ member, active }) => active && wanted.has(member) && voters.includes(member))
    .sort((a, b) => b.match - a.match);
  const best = candidates[0];
  return best === undefined ? undefined : { type: 'transfer', target: best.member };
}

function change(type: 'add-learner' | 'add-voter' | 'remove-member', member: MemberId): Step {
  const steps = [{ type, member }];
  return { type: 'change', change: { transition: 'auto', steps, context: emptyBytes } };
}
