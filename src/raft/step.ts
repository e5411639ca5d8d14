/**
 * The way in: every input goes through here, meets the rule for terms (§5.1), and reaches the
 * handler for its type in this member's role. The tables are complete by type: a message without a
 * handler does not compile.
 */
import { QuorateError } from '../base/errors.ts';
import { answerDeposedLeader, handleAppend, handleAppendReply } from './appends.ts';
import { handleAppended, handleApplied } from './applying.ts';
import type { Core } from './core.ts';
import {
  handleVote,
  handleVoteReply,
  hearsLeader,
  keepsLease,
  refuseLateVote,
  startElection,
} from './election.ts';
import { NOBODY } from './entry.ts';
import { handleHeartbeat, handleHeartbeatReply } from './heartbeats.ts';
import type { Input } from './input.ts';
import type { Message } from './message.ts';
import type { Progress } from './progress.ts';
import { type Proposed, propose } from './proposals.ts';
import { handleQuiesce, handleQuiesceReply, noteActivity } from './quiescence.ts';
import { handleReadIndex, handleReadIndexReply, requestRead } from './reads.ts';
import type { Role } from './ready.ts';
import { becomeFollower } from './roles.ts';
import { sendAppends } from './sending.ts';
import { handleSnapshot, handleSnapshotReport } from './snapshots.ts';
import { noteStanding } from './suspicion.ts';
import { tick } from './ticks.ts';
import { handleTransfer, transferLeadership } from './transfers.ts';

export function step(core: Core, input: Input): Proposed | undefined {
  noteActivity(core, input.type);
  switch (input.type) {
    case 'propose':
    case 'forward':
      return propose(core, input.entries, input.requiredTerm ?? 0);
    case 'tick':
      tick(core, input.nowMs);
      break;
    case 'campaign':
      startElection(core, 'timeout');
      break;
    case 'read':
      requestRead(core, input.context, input.nowMs);
      break;
    case 'transfer-leadership':
      transferLeadership(core, input.target);
      break;
    case 'forget-leader':
      forgetLeader(core);
      break;
    case 'report-unreachable':
      handleUnreachable(core, input.member);
      break;
    case 'report-snapshot':
      handleSnapshotReport(core, input.member, input.failed);
      break;
    case 'storage-ready':
      handleStorageReady(core);
      break;
    case 'appended':
      handleAppended(core, input);
      break;
    case 'applied':
      handleApplied(core, input);
      break;
    case 'wake':
      // Any input but a tick wakes; this one does nothing else.
      break;
    default:
      stepMessage(core, input);
  }
  return undefined;
}

/** Messages other than passed-on proposals, which are proposals like any others. */
type Rpc = Exclude<Message, { type: 'forward' }>;
type RpcType = Rpc['type'];

function stepMessage(core: Core, message: Rpc): void {
  if (!passesTermRule(core, message)) return;
  // The table pairs each type with its handler, which the compiler cannot see through an index.
  const handle = handlers[core.role][message.type] as (core: Core, message: Rpc) => void;
  handle(core, message);
}

/**
 * The rule for terms (§5.1): a later term makes this member a follower in it; what comes from an
 * earlier one is refused or ignored. Returns whether the message is to be handled.
 */
function passesTermRule(core: Core, message: Rpc): boolean {
  const { type, term } = message;
  // A request that any member may make holds in any term.
  if (type === 'read-index') return true;
  if (term < core.term) {
    answerEarlierTerm(core, message);
    return false;
  }
  const isVote = type === 'vote' || type === 'pre-vote';
  // Who asks as the known leader leads no longer: there is nobody to protect (trap 9).
  const mayStick = isVote && !message.transfer && message.from !== core.leader;
  if (mayStick && keepsLease(core)) return false;
  if (term === core.term) return true;
  if (isVote) {
    if (mayStick && hearsLeader(core)) return false;
    // A pre-vote only asks what would be; it moves nobody.
    if (type === 'pre-vote') return true;
  }
  // A granted pre-vote carries the term that was asked for; a refused one the refuser's own.
  if (type === 'pre-vote-reply' && message.granted) return true;
  becomeFollower(core, term, speaksAsLeader(type) ? message.from : NOBODY);
  return true;
}

function answerEarlierTerm(core: Core, message: Rpc): void {
  const { type, from } = message;
  const { checkQuorum, preVote } = core.settings;
  // A sender that this member does not know of yet will never be asked for a vote, and so must
  // learn the later term in another way, or neither would ever follow the other.
  const unknown = core.progressOf(from) === undefined;
  // With either setting this member's own candidacies may go unheard for ever, and one that may not
  // stand makes none: then a leader too must be told.
  const unheard = checkQuorum || preVote || !core.promotable || unknown;
  if (speaksAsLeader(type) && type !== 'snapshot' && unheard) {
    answerDeposedLeader(core, from);
  } else if (type === 'pre-vote' || (type === 'vote' && unknown)) {
    refuseLateVote(core, message);
  }
}

function speaksAsLeader(type: RpcType): boolean {
  return type === 'append' || type === 'heartbeat' || type === 'snapshot' || type === 'quiesce';
}

type MessageOf<Type extends RpcType> = Rpc & { readonly type: Type };
type Handler<Type extends RpcType> = (core: Core, message: MessageOf<Type>) => void;
type Handlers = { readonly [Type in RpcType]: Handler<Type> };

/** Not for this role: late, early, or meant for another. */
const ignore = (): void => {};

/** The leader has been heard: the election timer starts anew. */
function underLeader<Type extends RpcType>(handle: Handler<Type>): Handler<Type> {
  return (core, message) => {
    core.electionElapsedTicks = 0;
    core.ticksSinceLeader = 0;
    core.leader = message.from;
    handle(core, message);
  };
}

/** Somebody else was elected in this term: stand back, then do as a follower does. */
function concede<Type extends RpcType>(handle: Handler<Type>): Handler<Type> {
  return (core, message) => {
    becomeFollower(core, message.term, message.from);
    core.ticksSinceLeader = 0;
    handle(core, message);
  };
}

/** One term has one leader (§5.2): a second one is a sender's fault, and nothing is taken of it. */
const secondLeader = (core: Core, { from, type }: Rpc): void => {
  throw new QuorateError(
    'malformed-message',
    `member ${from} sends a ${type} in term ${core.term}, which member ${core.id} leads`,
  );
};

/** Answers count only while their sender is part of the configuration. */
function withProgress<Type extends RpcType>(
  handle: (core: Core, message: MessageOf<Type>, from: Progress) => void,
): Handler<Type> {
  return (core, message) => {
    const progress = core.progressOf(message.from);
    if (progress === undefined) return;
    noteStanding(core, progress, message.suspect === true);
    handle(core, message, progress);
  };
}

const follower: Handlers = {
  append: underLeader(handleAppend),
  heartbeat: underLeader(handleHeartbeat),
  snapshot: underLeader(handleSnapshot),
  quiesce: underLeader(handleQuiesce),
  'timeout-now': (core) => startElection(core, 'transfer'),
  vote: handleVote,
  'pre-vote': handleVote,
  transfer: ignore,
  'read-index': ignore,
  'read-index-reply': handleReadIndexReply,
  'append-reply': ignore,
  'heartbeat-reply': ignore,
  'vote-reply': ignore,
  'pre-vote-reply': ignore,
  'quiesce-reply': ignore,
};

const candidate: Handlers = {
  ...follower,
  append: concede(handleAppend),
  heartbeat: concede(handleHeartbeat),
  snapshot: concede(handleSnapshot),
  quiesce: concede(handleQuiesce),
  'timeout-now': ignore,
  'read-index-reply': ignore,
  'vote-reply': handleVoteReply,
  'pre-vote-reply': handleVoteReply,
};

const leader: Handlers = {
  append: secondLeader,
  heartbeat: secondLeader,
  snapshot: secondLeader,
  quiesce: secondLeader,
  'timeout-now': ignore,
  vote: handleVote,
  'pre-vote': handleVote,
  transfer: handleTransfer,
  'read-index': (core, message) => {
    const progress = core.progressOf(message.from);
    // Before it is answered: the answer must not rest on who asks.
    if (message.suspect && progress !== undefined) noteStanding(core, progress, true);
    handleReadIndex(core, message);
  },
  'read-index-reply': ignore,
  'append-reply': withProgress(handleAppendReply),
  'heartbeat-reply': withProgress(handleHeartbeatReply),
  'vote-reply': ignore,
  'pre-vote-reply': ignore,
  'quiesce-reply': withProgress(handleQuiesceReply),
};

const handlers: Record<Role, Handlers> = {
  follower,
  'pre-candidate': candidate,
  candidate,
  leader,
};

function forgetLeader(core: Core): void {
  // Under lease reads the promise not to vote holds whether or not one remembers to whom.
  if (core.role === 'follower' && core.settings.reads !== 'lease') core.leader = NOBODY;
}

/** The last appends are probably lost: find out where to go on. */
function handleUnreachable(core: Core, member: number): void {
  const progress = core.progressOf(member);
  if (core.role === 'leader' && progress?.state === 'replicate') progress.becomeProbe();
}

function handleStorageReady(core: Core): void {
  core.awaitingStorage = false;
  if (core.role !== 'leader') return;
  for (const progress of core.membership.progress.values()) {
    if (progress.member !== core.id) sendAppends(core, progress);
  }
}
