/**
 * What members say to each other: one type for each RPC and each reply, as a discriminated union.
 *
 * Every message carries `from`, `to` and the sender's `term`. Three are requests for the leader
 * that any member may pass on (`forward`, `read-index`, `transfer`); like local inputs they hold in
 * whatever term they arrive. All but those follow the paper's rule for terms: a higher one makes
 * the receiver a follower, a lower one is refused or ignored (§5.1).
 */
import type { Entry, MemberId, Position, Proposal, Snapshot } from './entry.ts';

export interface Envelope {
  readonly from: MemberId;
  readonly to: MemberId;
  /** The sender's term; for votes and pre-votes the term that is campaigned for. */
  readonly term: number;
  /** On answers and questions to a leader: the sender must not be counted; see suspicion.ts. */
  readonly suspect?: true;
}

/** AppendEntries (§5.3): `entries` follow the entry at (`previousTerm`, `previousIndex`). */
export interface Append extends Envelope {
  readonly type: 'append';
  readonly previousIndex: number;
  readonly previousTerm: number;
  readonly entries: readonly Entry[];
  /** The leader's commit index. */
  readonly commit: number;
}

/**
 * The answer to an append or to a snapshot, sent once what it vouches for is durable. Accepted:
 * `index` is the last entry known to match. Rejected: `index` is the append's previous index, and
 * the hint is the largest position at which the follower's log may match.
 */
export interface AppendReply extends Envelope {
  readonly type: 'append-reply';
  readonly index: number;
  readonly rejected: boolean;
  readonly hintIndex: number;
  readonly hintTerm: number;
}

/** RequestVote (§5.2, §5.4.1). `pre-vote` asks the same without raising a term (thesis §9.6). */
export interface Vote extends Envelope {
  readonly type: 'vote' | 'pre-vote';
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** The leader asked for this election: vote stickiness does not hold (thesis §3.10). */
  readonly transfer: boolean;
  /** The candidate's priority; see `RaftOptions.priority`. */
  readonly priority: number;
  /**
   * Drawn at random when the candidate's instance started. A vote counts for that life alone: a
   * request may leave before the candidate's log and term are durable, and the same candidate,
   * back from a crash with a shorter log, must not win the same term with votes for the longer.
   */
  readonly incarnation: number;
}

export interface VoteReply extends Envelope {
  readonly type: 'vote-reply' | 'pre-vote-reply';
  readonly granted: boolean;
  /** As in the request. */
  readonly incarnation: number;
  /**
   * In a refusal the last entry that the refuser knows to be committed, else {@link noPosition}.
   * The candidate may have that entry and not know, and so still count on members that have left.
   */
  readonly commit: Position;
}

/** An empty sign of life. `commit` never exceeds what the receiver is known to match. */
export interface Heartbeat extends Envelope {
  readonly type: 'heartbeat';
  readonly commit: number;
  /** The leader's latest round of confirmation; rounds only ever grow within a term. */
  readonly round: number;
}

export interface HeartbeatReply extends Envelope {
  readonly type: 'heartbeat-reply';
  /** The round of the heartbeat that is answered: it confirms all rounds up to it. */
  readonly round: number;
}

/** InstallSnapshot (§7), answered by an {@link AppendReply}. */
export interface InstallSnapshot extends Envelope {
  readonly type: 'snapshot';
  readonly snapshot: Snapshot;
}

/** Leadership transfer (thesis §3.10): the receiver shall campaign at once. */
export interface TimeoutNow extends Envelope {
  readonly type: 'timeout-now';
}

/** A follower passes on proposals that were made to it. `term` is 0. */
export interface Forward extends Envelope {
  readonly type: 'forward';
  readonly entries: readonly Proposal[];
  /** If not 0, the entries may only be appended in this term. */
  readonly requiredTerm: number;
}

/** A follower asks for a read index (thesis §6.4). `term` is 0. */
export interface ReadIndex extends Envelope {
  readonly type: 'read-index';
  /** As in {@link Vote}: an answer to an earlier life is no answer. */
  readonly incarnation: number;
  /** Counts up within the incarnation and is never used again. */
  readonly readId: number;
}

export interface ReadIndexReply extends Envelope {
  readonly type: 'read-index-reply';
  readonly incarnation: number;
  readonly readId: number;
  readonly index: number;
}

/** A follower passes on the wish that `target` should lead. */
export interface Transfer extends Envelope {
  readonly type: 'transfer';
  readonly target: MemberId;
}

/** The leader of an idle group proposes to fall quiet; it stands for a heartbeat too. */
export interface Quiesce extends Envelope {
  readonly type: 'quiesce';
  /** The leader's last index, which is committed, and which the receiver is known to match. */
  readonly commit: number;
}

export interface QuiesceReply extends Envelope {
  readonly type: 'quiesce-reply';
  readonly agreed: boolean;
}

/** Everything that travels between members. */
export type Message =
  | Append
  | AppendReply
  | Vote
  | VoteReply
  | Heartbeat
  | HeartbeatReply
  | InstallSnapshot
  | TimeoutNow
  | Forward
  | ReadIndex
  | ReadIndexReply
  | Transfer
  | Quiesce
  | QuiesceReply;

/** The names of the messages, one for each request and reply of the protocol. */
export type MessageType = Message['type'];
