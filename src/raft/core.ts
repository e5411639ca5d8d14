/**
 * The state of one Raft instance, under the headings of the paper's figure 2, and the two queues
 * through which it speaks. The rules that move it stand in the files beside this one, one subject
 * each; `step.ts` calls them.
 */
import { assert } from '../base/assert.ts';
import { isJoint, type Membership, restoreMembership } from './change.ts';
import type { ConfigurationState } from './configuration.ts';
import { type MemberId, NOBODY } from './entry.ts';
import { Lease } from './lease.ts';
import { Log } from './log.ts';
import type { Message } from './message.ts';
import type { Settings } from './options.ts';
import type { Progress } from './progress.ts';
import { ReadQueue } from './read-queue.ts';
import type { Role } from './ready.ts';

/** What a suspect member waits for; see suspicion.ts. */
export interface Suspicion {
  /** The read id of its question to the leader, and when it was asked; 0 before. */
  askedId: number;
  askedAtTick: number;
  /** The index that a leader has named. */
  confirmed: number | undefined;
  /** It may have voted in terms that it does not remember. */
  votesLost: boolean;
}

export class Core {
  readonly settings: Settings;
  readonly id: MemberId;
  /** Names this life of the instance; see `Vote.incarnation`. */
  readonly incarnation: number;

  // Persistent state on all servers: durable before anything that rests on it leaves.

  /** The latest term seen; it only grows. */
  term = 0;
  /** Whom this member voted for in `term`: once set, it stays for the term. */
  vote: MemberId = NOBODY;
  /** The entries, and how far they are committed and applied. */
  readonly log: Log;

  // Volatile state on all servers.

  role: Role = 'follower';
  /** The leader of `term` as far as known; one term has one leader at the most (§5.2). */
  leader: MemberId = NOBODY;
  /** The configuration that was applied last, and what is known of its members' logs. */
  membership: Membership;
  /**
   * While a snapshot waits to be installed: the membership of the state machine as it still is.
   * The entries that are being applied belong to it, and not to the snapshot's.
   */
  replacedMembership: Membership | undefined;
  /** Ticks since the leader was heard, a vote was granted, or (leading) quorum was checked. */
  electionElapsedTicks = 0;
  /** How many such ticks start an election: drawn anew with each wait (§5.2). */
  electionTimeoutTicks = 0;
  /** Ticks since this instance started: for leases, and to give up reads. */
  ticksSinceStart = 0;
  /**
   * Ticks since a leader was heard, or since this instance started: it may have heard one in its
   * earlier life. Only leases look at it. Unlike the election timer nothing else restarts it.
   */
  ticksSinceLeader = 0;

  // Volatile state on candidates.

  /** Who answered this candidacy, and how. */
  votes = new Map<MemberId, boolean>();

  // Volatile state on leaders.

  heartbeatElapsedTicks = 0;
  /** Whom leadership is being handed to, or {@link NOBODY}; no proposals are taken meanwhile. */
  transferTarget: MemberId = NOBODY;
  /**
   * No configuration change may be proposed until this index is applied: it is the index of the
   * last one proposed, or, conservatively, the last index when the term began (§4.1).
   */
  pendingChangeIndex = 0;
  /** Payload in the log's tail that is not known to be applied; bounded by the quota. */
  uncommittedBytes = 0;
  readonly lease: Lease;

  /** Reads on their way, on leaders and followers alike. */
  readonly reads = new ReadQueue();

  /** Set while this member must neither vote nor count: it lost a part of its log. */
  suspicion: Suspicion | undefined;

  /** The host wants this member not to lead; see `Raft.renounce`. */
  renounced = false;

  // Quiescence.

  /** While quiet, ticks do nothing; the next message or request wakes. */
  quiet = false;
  /** Ticks since the group last had work. */
  idleTicks = 0;

  // Output.

  /** Messages that may leave at once. */
  messages: Message[] = [];
  /** Messages that vouch for state: they leave when all of it so far is durable. */
  messagesAfterAppend: Message[] = [];
  /** The storage lacked something that is needed: wait for `storage-ready`. */
  awaitingStorage = false;

  constructor(settings: Settings) {
    this.settings = settings;
    this.id = settings.id;
    const { random, storage } = settings;
    this.incarnation = (random.uint32() % 2 ** 21) * 2 ** 32 + random.uint32();
    this.log = new Log(storage, settings.applyingBytesMax);
    this.lease = new Lease(settings);
    const { hardState, configuration } = storage.initialState();
    this.membership = restoreMembership(configuration, this.changeContext());
    const { log } = this;
    this.term = hardState.term;
    this.vote = hardState.vote;
    // The stored commit index may lag, for it is written without an fsync and beside the work of the
    // state machine. What was applied, compacted or installed is committed in any case. It never
    // lies beyond the log, which commitTo asserts.
    const applied = settings.applied ?? 0;
    log.commitTo(Math.max(hardState.commit, applied));
    if (applied > 0) log.markApplied(applied, 0);
    this.restartElectionTimer();
    const { suspect } = settings;
    if (suspect !== undefined) {
      const votesLost = suspect === 'log-and-votes';
      this.suspicion = { askedId: 0, askedAtTick: 0, confirmed: undefined, votesLost };
    }
  }

  get configuration(): ConfigurationState {
    return this.membership.configuration;
  }

  progressOf(member: MemberId): Progress | undefined {
    return this.membership.progress.get(member);
  }

  isLearner(member: MemberId): boolean {
    return this.configuration.learners.includes(member);
  }

  isVoter(member: MemberId): boolean {
    const { voters, votersOutgoing } = this.configuration;
    return voters.includes(member) || votersOutgoing.includes(member);
  }

  /** The only voter decides alone. */
  get isOnlyVoter(): boolean {
    const { voters } = this.configuration;
    return voters.length === 1 && voters[0] === this.id && !isJoint(this.configuration);
  }

  /** Whether this member may stand for election: it votes, its log is whole, and its host agrees. */
  get promotable(): boolean {
    return (
      this.isVoter(this.id) &&
      !this.log.installing &&
      this.suspicion === undefined &&
      !this.renounced
    );
  }

  /** Whether a leader may count on its commit index: it has committed in its own term (§8). */
  get committedInTerm(): boolean {
    return this.log.term(this.log.committed) === this.term;
  }

  changeContext(): { lastIndex: number; inflightMessagesMax: number; inflightBytesMax: number } {
    const { inflightMessagesMax, inflightBytesMax } = this.settings;
    return { lastIndex: this.log.lastIndex(), inflightMessagesMax, inflightBytesMax };
  }

  restartElectionTimer(): void {
    const { electionTicks, random } = this.settings;
    this.electionElapsedTicks = 0;
    this.electionTimeoutTicks = electionTicks + random.below(electionTicks);
  }

  /** Queues a message that may leave before the state so far is durable. */
  send(message: Message): void {
    assert(message.to !== this.id, () => `a ${message.type} is addressed to its sender`);
    this.messages.push(this.#marked(message));
  }

  /**
   * Queues a message that vouches for a vote or for entries: it must not be seen before they are
   * durable (thesis §3.8). Refusals go the same way, for they may rest on unsaved state too.
   */
  sendAfterAppend(message: Message): void {
    this.messagesAfterAppend.push(this.#marked(message));
  }

  #marked(message: Message): Message {
    return this.suspicion === undefined ? message : { ...message, suspect: true };
  }
}
