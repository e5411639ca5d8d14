/**
 * A whole member as one object: events in, effects out. It waits for nothing, reads no clock and
 * touches no disk; whoever drives it does, and a crash is dropping it.
 *
 * A turn: events are taken as they come. At `end-of-turn` each group's gathered proposals and reads
 * go into its core at once, and what the cores want done goes out together: one batch for the log,
 * one write for each peer, at the same time. What rests on the log waits for the log.
 *
 * Length: here every event meets its effects, and one place shows the whole turn; each subject that
 * can be told apart from that stands in a file of its own.
 */
import { QuorateError } from '../base/errors.ts';
import type { LogFacts } from '../ports/logger.ts';
import { type MemberId, NOBODY } from '../raft/entry.ts';
import type { AppendTask } from '../raft/input.ts';
import type { Message } from '../raft/message.ts';
import { callKinds, encodeForward } from './call-kinds.ts';
import { Cluster, removedError } from './cluster.ts';
import { CommitNotes, noteDelayMs } from './commit-notes.ts';
import type { Effect } from './effect.ts';
import type { EngineInit } from './engine-init.ts';
import type { Event, GroupId, Ticket } from './event.ts';
import { deletedError, GroupOpening } from './group-opening.ts';
import { HashChecks } from './hash-checks.ts';
import { IncomingCalls } from './incoming-calls.ts';
import type { LogStatus, MemberLog } from './log/member-log.ts';
import type { SnapshotFacts } from './log/snapshot-format.ts';
import { LostLogs } from './lost-logs.ts';
import type { Outcome } from './machine.ts';
import { Newcomers } from './newcomers.ts';
import type { EngineObserver } from './observer.ts';
import { PeerEvents } from './peer-events.ts';
import type { CallResult } from './peers/calls.ts';
import { Peers } from './peers/peers.ts';
import { RemovedGroups } from './removed-groups.ts';
import type { Offer, Replica, ReplicaHost } from './replica.ts';
import { Requests } from './requests.ts';
import { spreadLeaders } from './spreading.ts';
import { StallWatch } from './stall-watch.ts';
import type { SystemMachine } from './system-machine.ts';
import { Tickets } from './tickets.ts';
import { bestSuccessor, handOver, Transfers } from './transfers.ts';
import { WaitingAppends } from './waiting-appends.ts';

/** The system group, through which all else is found. */
export const SYSTEM_GROUP: GroupId = 0;

const nothing: readonly never[] = [];

export class Engine implements ReplicaHost {
  /** Told of what Raft does, while there is one. */
  observer: EngineObserver | undefined;
  readonly #init: EngineInit;
  readonly #peers: Peers;
  readonly #cluster: Cluster;
  readonly #replicas = new Map<GroupId, Replica>();
  /** Replicas that something happened to in this turn. */
  readonly #busy = new Set<Replica>();
  readonly #appends: WaitingAppends;
  readonly #notes = new CommitNotes();
  /** Whether a reminder is under way. */
  #isReminded = false;
  #effects: Effect[] = [];
  #nowMs = 0;
  /** Of the last tick: good enough for what the engine itself proposes. */
  #wallMs = 0;
  #state: 'running' | 'closing' | 'closed' = 'running';
  #closeByMs = 0;
  /** When leaders were last looked at. */
  #spreadMs: number;
  readonly #stalls: StallWatch;
  readonly #tickets = new Tickets((ticket, outcome) =>
    this.#effects.push({ type: 'answer', ticket, outcome }),
  );
  readonly #transfers = new Transfers((ticket, outcome) => this.#tickets.answer(ticket, outcome));
  readonly #calls: IncomingCalls;
  readonly #requests: Requests;
  readonly #peerEvents: PeerEvents;
  readonly #opening: GroupOpening;
  readonly #lost: LostLogs;
  readonly #hashes: HashChecks;
  readonly #removed: RemovedGroups;
  readonly #newcomers: Newcomers;

  constructor(init: EngineInit) {
    this.#init = init;
    this.#nowMs = init.nowMs;
    this.#spreadMs = init.nowMs;
    const { presence, clusterId, settings, random, mac } = init;
    const { self: member, incarnation } = presence;
    this.#stalls = new StallWatch(settings.tickMs * settings.electionTicks);
    this.#appends = new WaitingAppends({
      log: init.log,
      install: (replica, snapshot, then) => init.snapshots.install(replica, snapshot, then),
      busy: (replica) => this.#busy.add(replica),
      stop: (error) => this.#stop(error),
    });
    this.#cluster = new Cluster({
      system: init.system,
      presence,
      told: init.told,
      hints: init.hints,
      host: {
        replicas: () => this.#replicas.values(),
        propose: (command, done) => this.#proposeOwn(command, done),
        setPeers: (records) => this.#peers.setPeers(records),
        left: () => this.#stop(removedError(presence.self)),
      },
    });
    this.#opening = new GroupOpening({
      ...init,
      self: presence.self,
      replicaHost: this,
      answer: (ticket, outcome) => this.#tickets.answer(ticket, outcome),
      nowMs: () => this.#nowMs,
      voters: () => this.#replicas.get(SYSTEM_GROUP)!.configuration.voters,
      isOpen: (group) => this.#replicas.has(group),
      propose: (command, done, deadlineMs) => this.#proposeOwn(command, done, deadlineMs),
      catchUp: (done, deadlineMs) => this.#readOwn(done, deadlineMs),
      started: (replica) => {
        this.#replicas.set(replica.id, replica);
        this.#busy.add(replica);
        this.#lost.started(replica);
        this.#hashes.started(replica);
      },
    });
    this.#lost = new LostLogs({
      self: presence.self,
      log: init.log,
      repair: init.repair,
      say: (level, facts, message) => this.#say(level, facts, message),
      stop: (error) => this.#stop(error),
      call: (peer, kind, payload, done) => this.#call(peer, kind, payload, done),
      recovered: (group) => init.quarantine.remove(group),
    });
    this.#hashes = new HashChecks({
      self: presence.self,
      settings,
      quarantine: init.quarantine,
      say: (level, facts, message) => this.#say(level, facts, message),
      call: (peer, kind, payload, done) => this.#call(peer, kind, payload, done),
      busy: (replica) => this.#busy.add(replica),
    });
    this.#removed = new RemovedGroups({
      ...init,
      replica: (group) => this.#replicas.get(group),
      isInstalling: (replica) => this.#appends.isInstalling(replica),
      forget: (replica) => this.#forget(replica),
      removed: (group) => {
        init.quarantine.remove(group);
        this.#effects.push({ type: 'group-deleted', group });
      },
    });
    this.#newcomers = new Newcomers({
      system: init.system,
      connected: () => this.#peers.connected(),
      call: (peer, kind, payload, done) => this.#call(peer, kind, payload, done),
      heard: (members) => this.#cluster.heard(members),
    });
    const nowMs = (): number => this.#nowMs;
    const wallMs = (): number => this.#wallMs;
    this.#calls = new IncomingCalls({
      nowMs,
      wallMs,
      hashes: this.#hashes,
      clusterId,
      system: init.system,
      snapshots: init.snapshots,
      replica: (group) => this.#noted(group),
      propose: (command, done) => this.#proposeOwn(command, done),
      request: (make, done) => this.#request(make, done),
      emit: (effect) => this.#effects.push(effect),
      passedOn: (member, group, index) => this.#notes.await(member, group, index),
    });
    this.#peerEvents = new PeerEvents({
      self: presence.self,
      lost: this.#lost,
      newcomers: this.#newcomers,
      observer: () => this.observer,
      replica: (group) => this.#replicas.get(group),
      replicas: () => this.#replicas.values(),
      busy: (replica) => this.#busy.add(replica),
      called: (from, kind, payload, answer) => this.#calls.take(from, kind, payload, answer),
      keepBeginning: init.keepBeginning,
      say: (level, facts, message) => this.#say(level, facts, message),
      stop: (error) => this.#stop(error),
    });
    this.#peers = new Peers({
      self: { clusterId, member, incarnation, features: [], mac },
      settings: settings.peers,
      handler: this.#peerEvents,
      random,
    });
    this.#requests = new Requests({
      transfers: this.#transfers,
      replica: (group) => this.#replicas.get(group),
      busy: (replica) => this.#busy.add(replica),
      isClosing: () => this.#state === 'closing',
      isRemoved: (group) => init.system.isRemovedGroup(group),
      isInstalling: (replica) => this.#appends.isInstalling(replica),
      answer: (ticket, outcome) => this.#tickets.answer(ticket, outcome),
      askSelf: (group, payload, settle) => this.#calls.askSelf(group, payload, settle),
      call: (peer, kind, payload, settle) => this.#call(peer, kind, payload, settle),
    });
    init.snapshots.attach({
      log: (level, facts, message) => this.#effects.push({ type: 'log', level, facts, message }),
      call: (peer, kind, payload, done) => this.#call(peer, kind, payload, done),
      received: (group, message) => this.#peerEvents.message(message.from, group, message),
      replica: (group) => this.#noted(group),
      failed: (error) => this.#stop(error),
      wake: () => init.wake(),
      self: presence.self,
    });
    const system = { machine: init.system, state: init.systemState };
    this.#opening.start(SYSTEM_GROUP, system, init.systemApplied);
    this.#cluster.changed();
  }

  get self(): MemberId {
    return this.#init.presence.self;
  }

  get system(): SystemMachine {
    return this.#init.system;
  }

  get logStatus(): LogStatus {
    return this.#init.log.status();
  }

  get peers(): Peers {
    return this.#peers;
  }

  /** For figures, and for tests to look at. */
  get log(): MemberLog {
    return this.#init.log;
  }

  get clusterId(): number {
    return this.#init.clusterId;
  }

  /** Whether the group's machine takes in a snapshot just now: its state is in pieces. */
  isInstalling(group: GroupId): boolean {
    const replica = this.#replicas.get(group);
    return replica !== undefined && this.#appends.isInstalling(replica);
  }

  /** A snapshot of a group that is not open yet was put in its place: a restored state. */
  snapshotPlaced(facts: SnapshotFacts): void {
    this.#init.snapshots.placed(facts);
  }

  replica(group: GroupId): Replica | undefined {
    return this.#replicas.get(group);
  }

  /** Those that are open, in the order of opening. */
  replicas(): Iterable<Replica> {
    return this.#replicas.values();
  }

  /** Takes what happened; returns what is to be done, in order. */
  handle(event: Event): readonly Effect[] {
    if (this.#state !== 'closed') this.#take(event);
    const effects = this.#effects;
    if (effects.length === 0) return nothing;
    this.#effects = [];
    return effects;
  }

  /** The system machine's state has changed. */
  systemChanged(): void {
    // Who was removed, or came back with another directory, is turned away after a loss of power too.
    this.#init.log.keepCommit(SYSTEM_GROUP);
    this.#cluster.changed();
    this.#effects.push({ type: 'membership' });
    if (this.#removed.due) this.#effects.push({ type: 'turn' });
  }

  /** The application answers a `called` effect. */
  answerCall(call: number, result: CallResult): void {
    this.#calls.answer(call, result);
  }

  #take(event: Event): void {
    switch (event.type) {
      case 'end-of-turn':
        return this.#endOfTurn();
      case 'tick':
        this.#wallMs = event.wallMs;
        return this.#tick(event.nowMs);
      case 'reminded':
        this.#isReminded = false;
        this.#notes.release();
        if (this.#notes.isDue) this.#effects.push({ type: 'turn' });
        return;
      case 'disk':
        this.#init.disk.complete(event.operation, event.result);
        return this.#appends.settle();
      case 'propose':
        if (this.#init.log.space !== 'enough') {
          const error = new QuorateError('disk-full', 'the disk is full: nothing new is taken');
          return this.#tickets.answer(event.ticket, { ok: false, error });
        }
        return this.#requests.serving(event)?.propose(event);
      case 'read':
        return this.#requests.serving(event)?.read(event);
      case 'await-applied':
        return this.#requests.awaitApplied(event);
      case 'cancel':
        return this.#replicas.get(event.group)?.cancel(event.ticket);
      case 'open-group':
        return this.#opening.open(event);
      case 'call-leader':
        return this.#requests.callLeader(event);
      case 'transfer-leadership':
        return this.#requests.transferLeadership(event);
      case 'close':
        return this.#beginClose();
      default:
        return this.#peers.handle(event);
    }
  }

  /** The replica's group was deleted: nothing happens to it any more. */
  #forget(replica: Replica): void {
    const { id: group } = replica;
    const error = deletedError(group);
    this.#replicas.delete(group);
    this.#busy.delete(replica);
    this.#appends.removed(replica);
    this.#lost.removed(replica);
    this.#hashes.removed(replica);
    this.#transfers.removed(group, error);
    replica.proposals.failAll(error.code, error.message);
    replica.reads.failAll(error.code, error.message);
    const { term } = replica.raft.core;
    this.#effects.push({ type: 'leadership', group, role: 'follower', term, leader: NOBODY });
  }

  #tick(nowMs: number): void {
    const lateMs = nowMs - this.#nowMs;
    this.#nowMs = nowMs;
    this.#lost.tick();
    this.#init.quarantine.tick();
    for (const replica of this.#replicas.values()) {
      if (this.#lost.holds(replica)) continue;
      replica.tick(nowMs);
      if (replica.raft.hasReady() || replica.hasQueued) this.#busy.add(replica);
    }
    this.#cluster.tick();
    this.#opening.tick();
    this.#hashes.tick(nowMs);
    for (const replica of this.#replicas.values())
      if (replica.raft.hasReady()) this.#busy.add(replica);
    this.#peers.tick(nowMs);
    this.#transfers.expire(nowMs);
    this.#init.log.tick();
    this.#watch(lateMs);
    this.#spread();
    this.#init.snapshots.tick();
    if (this.#state === 'closing') this.#goOnClosing();
  }

  #watch(lateMs: number): void {
    const diskStalledMs = this.#nowMs - (this.#appends.oldestSinceMs ?? this.#nowMs);
    const lateness = { lateMs, diskStalledMs };
    const given = this.#stalls.tick(this.#nowMs, lateness, this.#replicas.values(), (replica) =>
      this.#giveAway(replica),
    );
    if (given !== undefined) this.#say('warn', given, 'stalled: leadership is given away');
  }

  #spread(): void {
    const { spreadLeadersMs } = this.#init.settings;
    if (this.#nowMs - this.#spreadMs < spreadLeadersMs || this.#stalls.hasStalled) return;
    this.#spreadMs = this.#nowMs;
    const given = spreadLeaders(this.self, SYSTEM_GROUP, this.#replicas.values());
    if (given.length === 0) return;
    for (const replica of given) this.#busy.add(replica);
    this.#say('debug', { groups: given.map(({ id }) => id) }, 'leadership is spread');
  }

  #giveAway(replica: Replica): boolean {
    this.#busy.add(replica);
    return handOver(replica);
  }

  #endOfTurn(): void {
    const { log } = this.#init;
    if (this.#removed.due) this.#removed.run();
    this.#notes.sendDue(this.#peers);
    for (const group of log.takeFetched()) {
      const replica = this.#replicas.get(group);
      replica?.step({ type: 'storage-ready' });
      if (replica !== undefined) this.#busy.add(replica);
    }
    const busy = [...this.#busy];
    this.#busy.clear();
    for (const replica of busy) {
      if (replica.endOfTurn()) this.#busy.add(replica);
      this.observer?.turned(replica);
      log.group(replica.id)?.release(replica.settledIndex);
    }
    this.#init.snapshots.endOfTurn(busy);
    log.flush();
    // What a flush completes at once (nothing to write) may be answered in the same turn.
    this.#appends.settle();
    for (const operation of this.#init.disk.take()) this.#effects.push({ type: 'disk', operation });
    this.#notes.join(this.#peers);
    for (const effect of this.#peers.flush()) this.#effects.push(effect);
    const workIsLeft = this.#busy.size > 0 || this.#notes.isDue || this.#init.snapshots.busy;
    if (workIsLeft) this.#effects.push({ type: 'turn' });
    if (this.#notes.isHolding) this.#remind();
    if (log.fault !== undefined) this.#stop(log.fault);
  }

  #remind(): void {
    if (this.#isReminded) return;
    this.#isReminded = true;
    this.#effects.push({ type: 'remind', afterMs: noteDelayMs });
  }

  // What replicas ask.

  send(group: GroupId, message: Message): void {
    this.observer?.sent(group, message);
    if (message.type === 'append') {
      if (message.entries.length === 0) return this.#notes.add(group, message);
      this.#notes.superseded(group, message);
    }
    const large = message.type === 'snapshot' && this.#init.snapshots.send(group, message);
    if (large) return;
    this.#peers.send(message.to, group, message);
    if (message.type !== 'snapshot') return;
    // How a group begins travels like an append: it may be lost, and nobody hears of its end. So the
    // member is probed behind it, and its answer tells whether it has it.
    this.#replicas.get(group)?.step({ type: 'report-snapshot', member: message.to, failed: false });
  }

  append(replica: Replica, task: AppendTask): void {
    this.observer?.appending(replica.id, task);
    this.#appends.add(replica, task, this.#nowMs);
  }

  forward(replica: Replica, leader: MemberId, { batch, requiredTerm }: Offer): void {
    const payload = encodeForward({ group: replica.id, requiredTerm, entries: batch });
    this.#call(leader, callKinds.forward, payload, (result) => {
      if (result.ok) replica.proposals.placed(batch, requiredTerm);
      else if (!result.error.maybeApplied) {
        replica.proposals.refused(batch, requiredTerm, result.error);
      }
    });
  }

  leadershipChanged(replica: Replica): void {
    const { id: group, role, leader } = replica;
    const { term } = replica.raft.core;
    this.observer?.led(replica);
    this.#effects.push({ type: 'leadership', group, role, term, leader });
    this.#transfers.leadershipChanged(replica, this.self);
  }

  configurationChanged(replica: Replica): void {
    this.observer?.configured(replica);
    // Members that all come back without knowing that the change was committed would count the votes
    // of the configuration before, some of whose members may be gone for good.
    this.#init.log.keepCommit(replica.id);
    this.systemChanged();
  }

  hashChecked(replica: Replica, index: number): void {
    this.#hashes.applied(replica, index);
  }

  /** A group's replica, to which something is about to happen. */
  #noted(group: GroupId): Replica | undefined {
    const replica = this.#replicas.get(group);
    if (replica !== undefined) this.#busy.add(replica);
    return replica;
  }

  #call(
    peer: MemberId,
    kind: number,
    payload: Uint8Array,
    done: (result: CallResult) => void,
  ): void {
    const deadlineMs = this.#nowMs + this.#init.settings.callMsMax;
    this.#peers.call(peer, { kind, payload, deadlineMs }, done);
  }

  #proposeOwn(command: Uint8Array, done: (outcome: Outcome) => void, deadlineMs?: number): void {
    const ticket = this.#tickets.take(done);
    const replica = this.#replicas.get(SYSTEM_GROUP)!;
    this.#busy.add(replica);
    const latestMs = deadlineMs ?? this.#nowMs + this.#init.settings.callMsMax;
    const requiredTerm = 0;
    replica.propose({
      type: 'propose',
      group: SYSTEM_GROUP,
      ticket,
      command,
      timeMs: this.#wallMs,
      requiredTerm,
      deadlineMs: latestMs,
    });
  }

  #readOwn(done: (outcome: Outcome) => void, deadlineMs: number): void {
    const ticket = this.#tickets.take(done);
    const replica = this.#replicas.get(SYSTEM_GROUP)!;
    this.#busy.add(replica);
    replica.read({ type: 'read', group: SYSTEM_GROUP, ticket, deadlineMs });
  }

  /** On behalf of a process that is no member: as if this member's application had asked. */
  #request(make: (ticket: Ticket) => Event, done: (outcome: Outcome) => void): void {
    this.#take(make(this.#tickets.take(done)));
  }

  #say(level: 'debug' | 'info' | 'warn' | 'error', facts: LogFacts, message: string): void {
    this.#effects.push({ type: 'log', level, facts, message });
  }

  #beginClose(): void {
    if (this.#state !== 'running') return;
    this.#state = 'closing';
    this.#closeByMs = this.#nowMs + this.#init.settings.handOverMsMax;
    for (const replica of this.#replicas.values()) {
      if (replica.role === 'leader') this.#giveAway(replica);
    }
    this.#goOnClosing();
  }

  /** Once nobody depends on this member's leadership, or after the time for that: the end. */
  #goOnClosing(): void {
    const leads = [...this.#replicas.values()].some(
      (replica) => replica.role === 'leader' && bestSuccessor(replica) !== undefined,
    );
    if (leads && this.#nowMs < this.#closeByMs) return;
    this.#stop(null);
  }

  /** Nothing more is taken, persisted or sent; what waits is told. */
  #stop(error: QuorateError | null): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    const { code, message } = error ?? new QuorateError('closing', 'this member has closed');
    for (const replica of this.#replicas.values()) {
      replica.proposals.failAll(code, message);
      replica.reads.failAll(code, message);
    }
    this.#effects.push({ type: 'closed', error });
  }
}
