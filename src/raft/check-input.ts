/**
 * Bad input is refused with a coded error before anything changes: numbers out of range, messages
 * that break the rules of their type, senders that cannot be, entries above the maximum.
 *
 * What is checked here the rules behind it may rely on; what they find wrong nevertheless is a bug
 * and fails an assertion.
 */
import { type ErrorCode, QuorateError } from '../base/errors.ts';
import type { Core } from './core.ts';
import type { Entry, Proposal } from './entry.ts';
import type { Input } from './input.ts';
import type {
  Append,
  AppendReply,
  Heartbeat,
  HeartbeatReply,
  InstallSnapshot,
  Message,
} from './message.ts';
import { decodeChange } from './wire/change.ts';

/**
 * @throws QuorateError `malformed-message`, `out-of-range`, `unknown-sender`, `entry-too-large`;
 *   `log-damaged` where a leader knows that this member had more than it has
 */
export function checkInput(core: Core, input: Input): void {
  switch (input.type) {
    case 'tick':
    case 'campaign':
    case 'forget-leader':
    case 'storage-ready':
    case 'appended':
    case 'applied':
    case 'wake':
      return;
    case 'propose':
      checkNumber('requiredTerm', input.requiredTerm ?? 0);
      return checkProposals(core, input.entries);
    case 'read':
      return checkNumber('context', input.context);
    case 'transfer-leadership':
      return checkMember('target', input.target);
    case 'report-unreachable':
    case 'report-snapshot':
      return checkMember('member', input.member);
    default:
      return checkMessage(core, input);
  }
}

function checkMessage(core: Core, message: Message): void {
  checkNumber('term', message.term);
  checkMember('from', message.from);
  if (message.to !== core.id) {
    refuse('unknown-sender', `a ${message.type} for member ${message.to} reached ${core.id}`);
  }
  checkSender(core, message);
  switch (message.type) {
    case 'append':
      return checkAppend(message);
    case 'append-reply':
      checkNumber('index', message.index);
      checkNumber('hintIndex', message.hintIndex);
      checkNumber('hintTerm', message.hintTerm);
      return checkAcknowledgement(core, message);
    case 'vote':
    case 'pre-vote':
      if (message.term === 0) malformed('a candidacy without a term');
      checkNumber('lastIndex', message.lastIndex);
      checkNumber('lastTerm', message.lastTerm);
      checkNumber('priority', message.priority);
      return checkNumber('incarnation', message.incarnation);
    case 'heartbeat':
      checkNumber('commit', message.commit);
      checkNumber('round', message.round);
      return checkOwnLog(core, message);
    case 'heartbeat-reply':
      checkNumber('round', message.round);
      return checkConfirmation(core, message);
    case 'quiesce':
      return checkNumber('commit', message.commit);
    case 'snapshot':
      return checkSnapshot(message);
    case 'forward':
      checkNumber('requiredTerm', message.requiredTerm);
      return checkProposals(core, message.entries);
    case 'read-index':
      checkNumber('incarnation', message.incarnation);
      return checkNumber('readId', message.readId);
    case 'read-index-reply':
      checkNumber('incarnation', message.incarnation);
      checkNumber('readId', message.readId);
      return checkNumber('index', message.index);
    case 'transfer':
      return checkMember('target', message.target);
    case 'vote-reply':
    case 'pre-vote-reply':
      checkNumber('incarnation', message.incarnation);
      checkNumber('commit index', message.commit.index);
      return checkNumber('commit term', message.commit.term);
    case 'quiesce-reply':
    case 'timeout-now':
      return;
    default:
      // Only a caller without types gets here.
      malformed(`unknown message type ${JSON.stringify((message as { type: unknown }).type)}`);
  }
}

/** Answers from outside the configuration mean nothing; this member answers only to itself. */
function checkSender(core: Core, { type, from }: Message): void {
  const reply = type.endsWith('-reply') && type !== 'read-index-reply';
  const ownReply = type === 'append-reply' || type === 'vote-reply' || type === 'pre-vote-reply';
  if (from === core.id ? !ownReply : reply && core.progressOf(from) === undefined) {
    refuse('unknown-sender', `a ${type} from member ${from} is unexpected`);
  }
}

function checkAppend({ term, previousIndex, previousTerm, entries, commit }: Append): void {
  checkNumber('previousIndex', previousIndex);
  checkNumber('previousTerm', previousTerm);
  checkNumber('commit', commit);
  checkNumber('last index', previousIndex + entries.length);
  if (previousTerm > term) malformed('the entry before an append is of a later term');
  let index = previousIndex;
  let entryTerm = previousTerm;
  for (const entry of entries) {
    index++;
    if (entry.index !== index) malformed(`entry ${entry.index} stands in place of ${index}`);
    checkNumber('entry term', entry.term);
    if (entry.term < entryTerm || entry.term > term || entry.term === 0) {
      malformed(`entry ${index} has term ${entry.term} between ${entryTerm} and ${term}`);
    }
    entryTerm = entry.term;
    checkPayload(entry);
  }
}

/** Nobody can have got from this leader what it has not: counting it would commit too early. */
function checkAcknowledgement(core: Core, { term, index, rejected, from }: AppendReply): void {
  if (core.role !== 'leader' || term !== core.term || rejected) return;
  if (index > core.log.lastIndex()) {
    malformed(`member ${from} acknowledges entry ${index} of ${core.log.lastIndex()}`);
  }
}

/** Nor answered a round that was not begun: it would confirm reads that are still to come. */
function checkConfirmation(core: Core, { term, round, from }: HeartbeatReply): void {
  if (core.role !== 'leader' || term !== core.term) return;
  if (round > core.reads.latestRound) {
    malformed(`member ${from} confirms round ${round} of ${core.reads.latestRound}`);
  }
}

/**
 * A leader says by this that the log was known to hold `commit`. If it does not any more, what was
 * acknowledged is lost: a disk has lied, or a last batch that nothing vouched for yet was damaged.
 */
function checkOwnLog(core: Core, { term, commit, from }: Heartbeat): void {
  const last = core.log.lastIndex();
  if (term < core.term || commit <= last || core.suspicion !== undefined) return;
  if (term === core.term && core.role === 'leader') return;
  const what = `member ${from} knows that this member had entry ${commit}, and its log ends at ${last}`;
  throw new QuorateError('log-damaged', `the end of the log is lost: ${what}`, {
    details: { commit, last },
  });
}

function checkSnapshot({ term, snapshot }: InstallSnapshot): void {
  checkNumber('snapshot index', snapshot.index);
  checkNumber('snapshot term', snapshot.term);
  if (snapshot.index === 0 || snapshot.term === 0) malformed('an empty snapshot');
  if (snapshot.term > term) malformed('a snapshot of a later term than its message');
  const { voters, votersOutgoing, learners, learnersNext } = snapshot.configuration;
  for (const set of [voters, votersOutgoing, learners, learnersNext]) {
    let previous = 0;
    for (const member of set) {
      checkMember('member', member);
      if (member <= previous) malformed('a configuration out of order');
      previous = member;
    }
  }
  if (voters.length === 0) malformed('a configuration without voters');
  if (learners.some((id) => voters.includes(id) || votersOutgoing.includes(id))) {
    malformed('a configuration in which a voter is a learner');
  }
  if (learnersNext.some((id) => !votersOutgoing.includes(id))) {
    malformed('a configuration in which a member waits without an outgoing vote');
  }
}

function checkProposals(core: Core, entries: readonly Proposal[]): void {
  if (entries.length === 0) malformed('a proposal without entries');
  checkNumber('last index', core.log.lastIndex() + entries.length);
  const { entryBytesMax } = core.settings;
  for (const entry of entries) {
    checkPayload(entry);
    if (entry.data.length > entryBytesMax) {
      const message = `an entry of ${entry.data.length} bytes is above the maximum, ${entryBytesMax}`;
      throw new QuorateError('entry-too-large', message, { details: { entryBytesMax } });
    }
    if (entry.type === 'configuration') {
      const { transition, steps } = decodeChange(entry.data);
      if (transition === 'forced') refuse('unsafe-change', 'a forced change is never proposed');
      for (const { member } of steps) checkNumber('member', member);
    }
  }
}

function checkPayload({ type, data }: Proposal | Entry): void {
  if (type !== 'normal' && type !== 'configuration')
    malformed(`unknown entry type ${String(type)}`);
  if (!(data instanceof Uint8Array)) malformed('an entry without data');
}

function checkMember(name: string, member: number): void {
  checkNumber(name, member);
  if (member === 0) refuse('out-of-range', `${name} is 0, which names nobody`);
}

function checkNumber(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    refuse('out-of-range', `${name} is ${value}, not a whole number in 0 … 2^53 − 1`);
  }
}

function malformed(what: string): never {
  return refuse('malformed-message', what);
}

function refuse(code: ErrorCode, what: string): never {
  throw new QuorateError(code, what);
}
