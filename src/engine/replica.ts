/**
 * One group's part in this member: its Raft core, its machine, and the requests that wait for
 * either. It gathers during a turn and works at its end, so that whatever came together shares one
 * append, one message a peer and one read index.
 */
import { assert } from '../base/assert.ts';
import { QuorateError } from '../base/errors.ts';
import type { Random } from '../ports/random.ts';
import type { ConfigurationState } from '../raft/configuration.ts';
import { type Entry, entryBytes, type MemberId, NOBODY, type Proposal } from '../raft/entry.ts';
import type { AppendTask, ApplyTask, Input } from '../raft/input.ts';
import type { Message } from '../raft/message.ts';
import type { Proposed } from '../raft/proposals.ts';
import type { Raft } from '../raft/raft.ts';
import type { ReadState, Role } from '../raft/ready.ts';
import { decodeChange } from '../raft/wire/change.ts';
import { unwrap } from './envelope.ts';
import type { GroupId, Propose, Read, Ticket } from './event.ts';
import type { GroupState } from './group-state.ts';
import type { Machine } from './machine.ts';
import { type Answer, type Pending, Proposals } from './proposals.ts';
import { Reads } from './reads.ts';

/** Proposals for a leader, all to be appended in one term. */
export interface Offer {
  readonly batch: readonly Pending[];
  /** What the requester requires, or else the term that is known here. */
  readonly requiredTerm: number;
}

/** What a replica asks of the member around it. */
export interface ReplicaHost {
  /** Sends to another member; what cannot be delivered is lost. */
  send(group: GroupId, message: Message): void;
  /** Writes to the log; {@link Replica.appended} follows, in the same order. */
  append(replica: Replica, task: AppendTask): void;
  /** Passes proposals to the leader; `placed` or `refused` follows if it answers. */
  forward(replica: Replica, leader: MemberId, offer: Offer): void;
  /** Who leads, or whether this member does, has changed. */
  leadershipChanged(replica: Replica): void;
  /** A configuration was applied. */
  configurationChanged(replica: Replica): void;
  /** The replicas' states shall be compared as they are now, having applied all before `index`. */
  hashChecked(replica: Replica, index: number): void;
}

export interface ReplicaLimits {
  /** Proposals on their way. */
  readonly pendingProposalsMax: number;
  readonly pendingReadsMax: number;
  /** Bytes of entries applied in one turn, so that catching up does not stall the event loop. */
  readonly applyBytesPerTurnMax: number;
  /** Bytes of proposals in one step. */
  readonly batchBytesMax: number;
}

export class Replica {
  readonly id: GroupId;
  readonly raft: Raft;
  readonly machine: Machine;
  /** The group's time and sessions: replicated, like what the machine holds. */
  readonly state: GroupState;
  readonly proposals: Proposals;
  readonly reads: Reads;
  /** Why this replica answers nothing; see hash-checks.ts. */
  diverged: QuorateError | undefined;
  readonly #self: MemberId;
  readonly #host: ReplicaHost;
  readonly #limits: ReplicaLimits;
  /** Handed out by the core for applying and not yet applied, in order. */
  #applying: ApplyTask[] = [];
  /** How many entries of the first task are applied already. */
  #appliedOfFirst = 0;
  #appliedIndex: number;
  #appliedTerm: number;
  /** Bytes of entries applied since the last snapshot was begun. */
  #bytesSinceSnapshot = 0;

  constructor(init: {
    readonly id: GroupId;
    readonly self: MemberId;
    readonly raft: Raft;
    readonly machine: Machine;
    readonly state: GroupState;
    readonly random: Random;
    readonly limits: ReplicaLimits;
    readonly host: ReplicaHost;
    readonly answer: Answer;
    readonly applied: { readonly index: number; readonly term: number };
  }) {
    this.id = init.id;
    this.#self = init.self;
    this.raft = init.raft;
    this.machine = init.machine;
    this.state = init.state;
    this.#host = init.host;
    this.#limits = init.limits;
    this.#appliedIndex = init.applied.index;
    this.#appliedTerm = init.applied.term;
    this.proposals = new Proposals(
      init.self,
      init.random,
      init.limits.pendingProposalsMax,
      init.answer,
    );
    this.reads = new Reads(init.limits.pendingReadsMax, init.answer);
  }

  /** The last entry that the machine has applied. */
  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  get appliedTerm(): number {
    return this.#appliedTerm;
  }

  get bytesSinceSnapshot(): number {
    return this.#bytesSinceSnapshot;
  }

  snapshotBegun(): void {
    this.#bytesSinceSnapshot = 0;
  }

  get role(): Role {
    return this.raft.core.role;
  }

  /** The leader as far as known, or 0. */
  get leader(): MemberId {
    return this.raft.core.leader;
  }

  get configuration(): ConfigurationState {
    return this.raft.core.configuration;
  }

  /** Entries up to here are applied and, where this member leads, everybody has them. */
  get settledIndex(): number {
    let settled = this.#appliedIndex;
    if (this.role !== 'leader') return settled;
    for (const { match } of this.raft.core.membership.progress.values()) {
      if (match < settled) settled = match;
    }
    return settled;
  }

  /** The machine's state is not what the others have: nothing is told of it any more. */
  quarantine(error: QuorateError): void {
    this.diverged = error;
    this.raft.renounce();
    this.proposals.failAll(error.code, error.message);
    this.reads.failAll(error.code, error.message);
  }

  /** Whether something waits for the end of a turn, or for a leader. */
  get hasQueued(): boolean {
    return this.proposals.hasQueued || this.reads.hasQueued;
  }

  propose(request: Propose): void {
    this.proposals.add(request);
  }

  read(request: Read): void {
    this.reads.add(request.ticket, request.deadlineMs);
  }

  cancel(ticket: Ticket): void {
    this.proposals.cancel(ticket);
    this.reads.cancel(ticket);
  }

  /** A tick has passed. */
  tick(nowMs: number): void {
    this.step({ type: 'tick', nowMs });
    this.standAlone();
    this.proposals.expire(nowMs);
    this.reads.expire(nowMs);
  }

  /**
   * A lone voter has nobody to wait for: it leads as soon as it has applied what was committed, for
   * until then it does not know for certain that it is alone.
   */
  standAlone(): void {
    const { isOnlyVoter, role } = this.raft.core;
    if (isOnlyVoter && role === 'follower') this.step({ type: 'campaign' });
  }

  /** Steps an input, and reports as an error value what the core refuses. */
  step(input: Input): Proposed | QuorateError | undefined {
    try {
      return this.raft.step(input);
    } catch (error) {
      if (error instanceof QuorateError) return error;
      throw error;
    }
  }

  /** Another member passes on proposals: where they stand now, or why not. */
  appendFor(entries: readonly Proposal[], requiredTerm: number): Proposed | QuorateError {
    if (this.role !== 'leader') {
      return new QuorateError('no-leader', `this member does not lead group ${this.id}`, {
        details: { leader: this.leader },
      });
    }
    const placed = this.step({ type: 'propose', entries, requiredTerm });
    assert(placed !== undefined, 'a leader passed proposals on');
    return placed;
  }

  /** The end of a turn: what gathered goes out. Returns whether work is left for the next turn. */
  endOfTurn(): boolean {
    this.#offerProposals();
    this.#askReads();
    this.#drain();
    this.#apply();
    // What was applied may have let the core go on, and hand out more: that is for the next turn.
    this.#drain();
    return this.#applying.length > 0 && !this.#storeIsFull;
  }

  /** An append task is durable. */
  appended(task: AppendTask): void {
    for (const reply of task.replies) {
      if (reply.to === this.#self) this.raft.step(reply);
      else this.#host.send(this.id, reply);
    }
    if (task.done !== undefined) this.raft.step(task.done);
  }

  /** The machine was restored from a snapshot, as part of an append task. */
  restored(applied: { readonly index: number; readonly term: number }): void {
    assert(this.#applying.length === 0, 'a snapshot is installed over entries being applied');
    this.#appliedIndex = applied.index;
    this.#appliedTerm = applied.term;
    this.#bytesSinceSnapshot = 0;
    this.proposals.skipped(applied.term);
    this.reads.advance(applied.index);
  }

  #offerProposals(): void {
    if (!this.proposals.hasQueued || this.leader === NOBODY) return;
    const { term } = this.raft.core;
    const offered = this.proposals.offer(term);
    for (const batch of batches(offered, this.#limits.batchBytesMax)) {
      const requiredTerm = batch[0]!.requiredTerm || term;
      if (this.role !== 'leader') {
        this.#host.forward(this, this.leader, { batch, requiredTerm });
        continue;
      }
      const placed = this.appendFor(batch, requiredTerm);
      if (placed instanceof QuorateError) this.proposals.refused(batch, requiredTerm, placed);
      else this.proposals.placed(batch, requiredTerm);
    }
  }

  #askReads(): void {
    if (!this.reads.hasQueued || this.leader === NOBODY) return;
    const context = this.reads.ask();
    const refused = this.step({ type: 'read', context });
    if (refused instanceof QuorateError) this.reads.again(context);
  }

  #drain(): void {
    const { raft } = this;
    while (raft.hasReady()) {
      const ready = raft.ready();
      if (ready.softState !== undefined) this.#host.leadershipChanged(this);
      for (const message of ready.messages) this.#host.send(this.id, message);
      if (ready.append !== undefined) this.#host.append(this, ready.append);
      if (ready.apply !== undefined) this.#applying.push(ready.apply);
      for (const context of ready.droppedReads) this.reads.again(context);
      for (const read of ready.reads) this.#confirmed(read);
    }
  }

  #confirmed({ context, index }: ReadState): void {
    this.reads.confirmed(context, index, this.#appliedIndex);
  }

  /** A store that is behind is waited for: whoever flushes it lets a turn follow. */
  get #storeIsFull(): boolean {
    return this.machine.kept?.pressure?.() === 'full';
  }

  /** Applies what was handed out, within a turn's budget. */
  #apply(): void {
    let bytesLeft = this.#limits.applyBytesPerTurnMax;
    if (this.#storeIsFull) return;
    while (this.#applying.length > 0 && bytesLeft > 0) {
      const task = this.#applying[0]!;
      const { entries } = task;
      let i = this.#appliedOfFirst;
      while (i < entries.length && bytesLeft > 0) {
        const entry = entries[i++]!;
        bytesLeft -= entryBytes(entry);
        this.#bytesSinceSnapshot += entryBytes(entry);
        this.#applyEntry(entry);
      }
      this.#appliedOfFirst = i;
      if (i < entries.length) break;
      this.#applying.shift();
      this.#appliedOfFirst = 0;
      this.raft.step(task.done);
    }
    this.reads.advance(this.#appliedIndex);
  }

  #applyEntry(entry: Entry): void {
    assert(
      entry.index === this.#appliedIndex + 1,
      () => `entry ${entry.index} follows ${this.#appliedIndex}`,
    );
    this.#appliedIndex = entry.index;
    if (entry.term !== this.#appliedTerm) {
      this.#appliedTerm = entry.term;
      this.proposals.termBegan(entry.term);
    }
    if (entry.type === 'configuration') {
      this.raft.applyChange(decodeChange(entry.data));
      this.#host.configurationChanged(this);
    } else if (entry.data.length > 0) {
      this.#applyCommand(entry);
    }
  }

  #applyCommand({ index, term, data }: Entry): void {
    const envelope = unwrap(data);
    if (envelope.kind === 'hash-check') return this.#host.hashChecked(this, index);
    const outcome = this.state.apply(this.machine, envelope, index, term);
    if (envelope.origin === this.#self) this.proposals.applied(envelope.sequence, outcome);
  }
}

/** Cuts into runs of one required term and of limited size; a single large one goes alone. */
function* batches(offered: readonly Pending[], bytesMax: number): Iterable<readonly Pending[]> {
  let from = 0;
  let bytes = 0;
  for (let at = 0; at < offered.length; at++) {
    const { data, requiredTerm } = offered[at]!;
    const fits = bytes + data.length <= bytesMax && requiredTerm === offered[from]!.requiredTerm;
    if (at > from && !fits) {
      yield offered.slice(from, at);
      from = at;
      bytes = 0;
    }
    bytes += data.length;
  }
  // Mostly that is all of them.
  yield from === 0 ? offered : offered.slice(from);
}
