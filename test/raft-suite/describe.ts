/**
 * How entries, messages, snapshots and Ready are written in the scripts.
 *
 * The scripts have one shape for all messages: sender, receiver, type, term, a position `Log:`
 * and what else is not zero. Ours are of many types; each says here what it shows as what.
 */
import type { ConfigurationState } from '../../src/raft/configuration.ts';
import type { Entry, HardState, Snapshot } from '../../src/raft/entry.ts';
import type { Message, MessageType } from '../../src/raft/message.ts';
import type { Ready, Role, SoftState } from '../../src/raft/ready.ts';
import { decodeProposedChange, formatSteps } from './change-notation.ts';
import { quote } from './quote.ts';

/** A message in the scripts' one shape. Absent and zero fields are not shown. */
export interface Drawn {
  readonly from: string;
  readonly to: string;
  readonly type: string;
  readonly term: number;
  /** `Log:`, always shown. */
  readonly logTerm?: number;
  readonly logIndex?: number;
  /** `Rejected (Hint: …)` where given. */
  readonly hint?: number | undefined;
  readonly commit?: number;
  readonly vote?: number;
  readonly entries?: readonly (Entry | ProposedEntry)[];
  readonly snapshot?: Snapshot | undefined;
  /** Own words at the end of the line, which the suite's scripts do not have. */
  readonly more?: string | undefined;
  readonly responses?: readonly Drawn[];
}

/** An entry that no leader has given a place yet: its term and index show as 0. */
type ProposedEntry = Pick<Entry, 'type' | 'data'>;

export const APPEND_THREAD = 'AppendThread';
export const APPLY_THREAD = 'ApplyThread';

const nameOfType: { readonly [T in MessageType]: string } = {
  append: 'MsgApp',
  'append-reply': 'MsgAppResp',
  vote: 'MsgVote',
  'pre-vote': 'MsgPreVote',
  'vote-reply': 'MsgVoteResp',
  'pre-vote-reply': 'MsgPreVoteResp',
  heartbeat: 'MsgHeartbeat',
  'heartbeat-reply': 'MsgHeartbeatResp',
  snapshot: 'MsgSnap',
  'timeout-now': 'MsgTimeoutNow',
  forward: 'MsgProp',
  'read-index': 'MsgReadIndex',
  'read-index-reply': 'MsgReadIndexResp',
  transfer: 'MsgTransferLeader',
  quiesce: 'MsgQuiesce',
  'quiesce-reply': 'MsgQuiesceResp',
};

/** All names that `deliver-msgs type=` may ask for. */
export const messageTypeNames: ReadonlySet<string> = new Set([
  ...Object.values(nameOfType),
  'MsgStorageAppend',
  'MsgStorageAppendResp',
  'MsgStorageApply',
  'MsgStorageApplyResp',
]);

/** What of our own may be shown beside what the suite's scripts show. */
export interface Detail {
  /** Rounds of confirmation, and the ids of reads. */
  readonly rounds: boolean;
}

export function drawMessage(message: Message, detail: Detail): Drawn {
  const drawn: Drawn = {
    from: memberName(message.from),
    to: memberName(message.to),
    type: nameOfType[message.type],
    term: message.term,
  };
  const more = (words: string): string | undefined => (detail.rounds ? words : undefined);
  switch (message.type) {
    case 'append':
      return {
        ...drawn,
        logTerm: message.previousTerm,
        logIndex: message.previousIndex,
        commit: message.commit,
        entries: message.entries,
      };
    case 'append-reply':
      return message.rejected
        ? {
            ...drawn,
            logTerm: message.hintTerm,
            logIndex: message.index,
            hint: message.hintIndex,
          }
        : { ...drawn, logIndex: message.index };
    case 'vote':
    case 'pre-vote':
      return { ...drawn, logTerm: message.lastTerm, logIndex: message.lastIndex };
    case 'vote-reply':
    case 'pre-vote-reply':
      return { ...drawn, hint: message.granted ? undefined : 0 };
    case 'heartbeat':
      return { ...drawn, commit: message.commit, more: more(`Round:${message.round}`) };
    case 'heartbeat-reply':
      return { ...drawn, more: more(`Round:${message.round}`) };
    case 'snapshot':
      return { ...drawn, snapshot: message.snapshot };
    case 'timeout-now':
      return drawn;
    case 'forward':
      return { ...drawn, entries: message.entries };
    case 'read-index':
      return { ...drawn, more: more(`Read:${message.readId}`) };
    case 'read-index-reply':
      return { ...drawn, logIndex: message.index, more: more(`Read:${message.readId}`) };
    case 'transfer':
      // The scripts let the target itself speak.
      return { ...drawn, from: memberName(message.target) };
    case 'quiesce':
      return { ...drawn, commit: message.commit };
    case 'quiesce-reply':
      return { ...drawn, more: message.agreed ? 'Agreed' : 'Refused' };
  }
}

function memberName(id: number): string {
  return id === 0 ? 'None' : id.toString(16);
}

/** A message as lines, without a newline at the end. */
export function formatMessage(m: Drawn, indent = ''): string {
  let text = `${indent}${m.from}->${m.to} ${m.type} Term:${m.term}`;
  text += ` Log:${m.logTerm ?? 0}/${m.logIndex ?? 0}`;
  if (m.hint !== undefined) text += ` Rejected (Hint: ${m.hint})`;
  if (m.commit) text += ` Commit:${m.commit}`;
  if (m.vote) text += ` Vote:${m.vote}`;
  if (m.more !== undefined) text += ` ${m.more}`;
  const entries = m.entries ?? [];
  if (entries.length === 1) {
    text += ` Entries:[${formatEntry(entries[0]!)}]`;
  } else if (entries.length > 1) {
    const lines = entries.map((entry) => `\n${indent}  ${formatEntry(entry)}`);
    text += ` Entries:[${lines.join('')}\n${indent}]`;
  }
  if (m.snapshot !== undefined) {
    text += `\n${indent}  Snapshot: ${formatSnapshot(m.snapshot)}`;
  }
  const responses = m.responses ?? [];
  if (responses.length > 0) {
    const lines = responses.map((response) => `\n${formatMessage(response, `${indent}  `)}`);
    text += ` Responses:[${lines.join('')}\n${indent}]`;
  }
  return text;
}

export function formatEntry(entry: Entry | ProposedEntry): string {
  const { term, index } = 'term' in entry ? entry : { term: 0, index: 0 };
  const place = `${term}/${index}`;
  if (entry.type === 'normal') return `${place} EntryNormal ${quote(entry.data)}`;
  const { change, singleStep } = decodeProposedChange(entry.data);
  const steps = formatSteps(change.steps);
  const type = singleStep ? 'EntryConfChange' : 'EntryConfChangeV2';
  return steps === '' ? `${place} ${type}` : `${place} ${type} ${steps}`;
}

/** One entry a line. */
export function formatEntries(entries: readonly Entry[]): string {
  return entries.map((entry) => `${formatEntry(entry)}\n`).join('');
}

export function formatSnapshot({ index, term, configuration }: Snapshot): string {
  return `Index:${index} Term:${term} ConfState:${formatConfigurationState(configuration)}`;
}

function formatConfigurationState(state: ConfigurationState): string {
  const list = (members: readonly number[]): string => `[${members.join(' ')}]`;
  return (
    `Voters:${list(state.voters)} VotersOutgoing:${list(state.votersOutgoing)} ` +
    `Learners:${list(state.learners)} LearnersNext:${list(state.learnersNext)} ` +
    `AutoLeave:${state.autoLeave}`
  );
}

const nameOfRole: { readonly [R in Role]: string } = {
  follower: 'StateFollower',
  'pre-candidate': 'StatePreCandidate',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
};

export function formatRole(role: Role): string {
  return nameOfRole[role];
}

function formatSoftState(state: SoftState): string {
  return `Lead:${state.leader} State:${formatRole(state.role)}`;
}

function formatHardState({ term, vote, commit }: HardState): string {
  return vote === 0
    ? `Term:${term} Commit:${commit}`
    : `Term:${term} Vote:${vote} Commit:${commit}`;
}

/** A Ready as lines; `messages` are its own and, with asynchronous writes, the two tasks. */
export function formatReady(ready: Ready, messages: readonly Drawn[]): string {
  let text = '';
  if (ready.softState !== undefined) text += `${formatSoftState(ready.softState)}\n`;
  if (ready.hardState !== undefined) text += `HardState ${formatHardState(ready.hardState)}\n`;
  for (const read of ready.reads) text += `Read ${read.context} at index ${read.index}\n`;
  if (ready.entries.length > 0) text += `Entries:\n${formatEntries(ready.entries)}`;
  if (ready.snapshot !== undefined) text += `Snapshot ${formatSnapshot(ready.snapshot)}\n`;
  if (ready.committed.length > 0) text += `CommittedEntries:\n${formatEntries(ready.committed)}`;
  if (messages.length > 0) {
    text += 'Messages:\n';
    for (const message of messages) text += `${formatMessage(message)}\n`;
  }
  return text === '' ? EMPTY_READY : `Ready MustSync=${ready.mustSync}:\n${text}`;
}

export const EMPTY_READY = '<empty Ready>';
