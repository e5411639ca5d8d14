/** How configurations and what is known of each member are written in the scripts. */
import type { ConfigurationState } from '../../src/raft/configuration.ts';
import type { MemberProgress } from '../../src/raft/status.ts';

export function formatConfiguration(state: ConfigurationState): string {
  const set = (members: readonly number[]): string => `(${members.join(' ')})`;
  let text = `voters=${set(state.voters)}`;
  if (state.votersOutgoing.length > 0) text += `&&${set(state.votersOutgoing)}`;
  if (state.learners.length > 0) text += ` learners=${set(state.learners)}`;
  if (state.learnersNext.length > 0) text += ` learners_next=${set(state.learnersNext)}`;
  if (state.autoLeave) text += ' autoleave';
  return text;
}

const nameOfState: { readonly [S in MemberProgress['state']]: string } = {
  probe: 'StateProbe',
  replicate: 'StateReplicate',
  snapshot: 'StateSnapshot',
};

/** One member a line. */
export function formatProgress(progress: readonly MemberProgress[]): string {
  return progress.map((member) => `${formatMember(member)}\n`).join('');
}

function formatMember(member: MemberProgress): string {
  let text = `${member.member}: ${nameOfState[member.state]}`;
  text += ` match=${member.match} next=${member.next}`;
  if (member.learner) text += ' learner';
  if (member.paused) text += ' paused';
  if (member.pendingSnapshot > 0) text += ` pendingSnap=${member.pendingSnapshot}`;
  if (!member.active) text += ' inactive';
  if (member.inflightMessages > 0) {
    text += ` inflight=${member.inflightMessages}${member.inflightFull ? '[full]' : ''}`;
  }
  return text;
}
