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
import type { Random } from '../ports/random.ts';
import { type MemberId, NOBODY, type Position } from '../raft/entry.ts';
import type { AppendTask } from '../raft/input.ts';
import type { Message } from '../raft/message.ts';
import { callKinds, encodeForward, encodeLeaderCall } from './call-kinds.ts';
import { Cluster, directoryError, type Presence, removedError } from './cluster.ts';
import type { Effect } from './effect.ts';
import type {
  AwaitApplied,
  CallLeader,
  Event,
  GroupId,
  Ticket,
  TransferLeadership,
} from './event.ts';
import { deletedError, GroupOpening } from './group-opening.ts';
import type { GroupState } from './group-state.ts';
import { HashChecks } from './hash-checks.ts';
import { IncomingCalls } from './incoming-calls.ts';
import type { DiskRequests } from './log/disk-requests.ts';
import type { LogStatus, MemberLog } from './log/member-log.ts';
import type { SnapshotFacts } from './log/snapshot-format.ts';
import { LostLogs } from './lost-logs.ts';
import type { Outcome } from './machine.ts';
import { Newcomers } from './newcomers.ts';
import type { EngineObserver } from './observer.ts';
import { isBeginning } from './opening.ts';
import type { CallResult } from './peers/calls.ts';
import type { PeerHandler, RefusalOrigin } from './peers/peer-handler.ts';
import { Peers } from './peers/peers.ts';
import type { Quarantine } from './quarantine.ts';
import { RemovedGroups } from './removed-groups.ts';
import type { Offer, Replica, ReplicaHost } from './replica.ts';
import type { EngineSettings } from './settings.ts';
import type { SnapshotWork } from './snapshot-work.ts';
import { spreadLeaders } from './spreading.ts';
import type { MemberRecord, SystemMachine } from './system-machine.ts';
import { bestSuccessor, handOver, Transfers } from './transfers.ts';

/** What a member needs to be, once its directory is open. */
export interface EngineInit {
  readonly settings: EngineSettings;
  readonly random: Random;
  readonly presence: Presence;
  readonly clusterId: number;
  readonly name: string;
  readonly disk: DiskRequests;
  readonly log: MemberLog;
  /** Repair a damaged log, or a replica that differs, from the other members. */
  readonly repair: boolean;
  readonly system: SystemMachine;
  readonly systemState: GroupState;
  /** What the system machine has applied, by its snapshot. */
  readonly systemApplied: Position;
  readonly snapshots: SnapshotWork;
  readonly quarantine: Quarantine;
  /** The members as this one was told when it joined: its own state may be behind that. */
  readonly told: readonly MemberRecord[];
  /** Where members may be as well, by name: what the application was told at its start. */
  readonly hints: ReadonlyMap<string, string>;
  /** Keeps the system group's first state, which is in no file, before anything rests on it. */
  readonly keepBeginning: (state: Uint8Array, then: (error: QuorateError | null) => void) => void;
  /** Keyed with the join secret, where one is shared. */
  readonly mac: ((bytes: Uint8Array) => Uint8Array) | undefined;
  /** Something has happened beside the events: lets a turn follow. */
  readonly wake: () => void;
  readonly nowMs: number;
}

/** The system group, through which all else is found. */
export const SYSTEM_GROUP: GroupId = 0;

const nothing: readonly never[] = [];

interface WaitingAppend {
  readonly ticket: number;
  readonly replica: Replica;
  readonly task: AppendTask;
  readonly sinceMs: number;
}

export class Engine implements ReplicaHost, PeerHandler {
  /** Told of what Raft does, while there is one. */
  observer: EngineObserver | undefined;
  readonly #init: EngineInit;
  readonly #peers: Peers;
  readonly #cluster: Cluster;
  readonly #replicas = new Map<GroupId, Replica>();
  /** Replicas that something happened to in this turn. */
  readonly #busy = new Set<Replica>();
  #appends: WaitingAppend[] = [];
  /**
   * Appends of this turn that carry nothing but the commit index; they leave with the next turn.
   * What was committed is answered now, and answers mostly bring proposals: then one write to a
   * follower, and one of its answers, does for both.
   */
  #notes: { readonly group: GroupId; readonly message: Message }[] = [];
  /** Tasks that are durable, behind one whose snapshot is being installed: they keep their order. */
  readonly #installing = new Map<Replica, AppendTask[]>();
  #effects: Effect[] = [];
  #nowMs = 0;
  /** Of the last tick: good enough for what the engine itself proposes. */
  #wallMs = 0;
  #state: 'running' | 'closing' | 'closed' = 'running';
  /** How the system group began is being written. */
  #keepsBeginning = false;
  #closeByMs = 0;
  /** When leaders were last looked at. */
  #spreadMs: number;
  /** Set for an election timeout after a stall. */
  #poorLeader:
    | {
        readonly stalled: { readonly lateMs: number; readonly diskStalledMs: number };
        readonly untilMs: number;
      }
    | undefined;
  /** The engine's own requests have negative tickets. */
  #nextOwnTicket = -1;
  readonly #own = new Map<Ticket, (outcome: Outcome) => void>();
  readonly #transfers = new Transfers((ticket, outcome) => this.#answer(ticket, outcome));
  readonly #calls: IncomingCalls;
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
    this.#peers = new Peers({
      self: { clusterId, member, incarnation, features: [], mac },
      settings: settings.peers,
      handler: this,
      random,
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
      answer: (ticket, outcome) => this.#answer(ticket, outcome),
      nowMs: () => this.#nowMs,
      voters: () => this.#replicas.get(SYSTEM_GROUP)!.configuration.voters,
      isOpen: (group) => this.#replicas.has(group),
      propose: (command, done, deadlineMs) => this.#proposeOwn(command, done, deadlineMs),
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
      isInstalling: (replica) => this.#installing.has(replica),
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
    });
    init.snapshots.attach({
      log: (level, facts, message) => this.#effects.push({ type: 'log', level, facts, message }),
      call: (peer, kind, payload, done) => this.#call(peer, kind, payload, done),
      received: (group, message) => this.message(message.from, group, message),
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
    return replica !== undefined && this.#installing.has(replica);
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
      case 'disk':
        this.#init.disk.complete(event.operation, event.result);
        return this.#settleAppends();
      case 'propose':
        if (this.#init.log.space !== 'enough') {
          const error = new QuorateError('disk-full', 'the disk is full: nothing new is taken');
          return this.#answer(event.ticket, { ok: false, error });
        }
        return this.#serving(event)?.propose(event);
      case 'read':
        return this.#serving(event)?.read(event);
      case 'await-applied':
        return this.#awaitApplied(event);
      case 'cancel':
        return this.#replicas.get(event.group)?.cancel(event.ticket);
      case 'open-group':
        return this.#opening.open(event);
      case 'call-leader':
        return this.#callLeader(event);
      case 'transfer-leadership':
        return this.#transferLeadership(event);
      case 'close':
        return this.#beginClose();
      default:
        return this.#peers.handle(event);
    }
  }

  /** The replica that is asked, if it may answer for its group; else the request is told why not. */
  #serving(request: { readonly group: GroupId; readonly ticket: Ticket }): Replica | undefined {
    const replica = this.#asked(request);
    if (replica?.diverged === undefined) return replica;
    this.#answer(request.ticket, { ok: false, error: replica.diverged });
    return undefined;
  }

  #awaitApplied(event: AwaitApplied): void {
    const replica = this.#serving(event);
    if (replica === undefined) return;
    const applied = replica.appliedIndex;
    // While a snapshot is taken in there is no state to be seen: the one that comes is waited for.
    const index = this.isInstalling(event.group) ? Math.max(event.index, applied + 1) : event.index;
    replica.reads.waitFor(event.ticket, event.deadlineMs, { index, applied });
  }

  #asked(request: { readonly group: GroupId; readonly ticket: Ticket }): Replica | undefined {
    const replica = this.#replicas.get(request.group);
    if (replica === undefined || this.#state === 'closing') {
      const error =
        replica === undefined
          ? this.#unopened(request.group)
          : new QuorateError('closing', 'this member is closing');
      this.#answer(request.ticket, { ok: false, error });
      return undefined;
    }
    this.#busy.add(replica);
    return replica;
  }

  #unopened(group: GroupId): QuorateError {
    if (this.#init.system.isRemovedGroup(group)) return deletedError(group);
    return new QuorateError('unknown-group', `group ${group} is not open here`);
  }

  /** The replica's group was deleted: nothing happens to it any more. */
  #forget(replica: Replica): void {
    const { id: group } = replica;
    const error = deletedError(group);
    this.#replicas.delete(group);
    this.#busy.delete(replica);
    this.#appends = this.#appends.filter((each) => each.replica !== replica);
    this.#lost.removed(replica);
    this.#hashes.removed(replica);
    this.#transfers.removed(group, error);
    replica.proposals.failAll(error.code, error.message);
    replica.reads.failAll(error.code, error.message);
    const { term } = replica.raft.core;
    this.#effects.push({ type: 'leadership', group, role: 'follower', term, leader: NOBODY });
  }

  #tick(nowMs: number): void {
    const { settings, log } = this.#init;
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
    this.#hashes.tick(nowMs);
    for (const replica of this.#replicas.values())
      if (replica.raft.hasReady()) this.#busy.add(replica);
    this.#peers.tick(nowMs);
    this.#transfers.expire(nowMs);
    log.tick();
    this.#watch(lateMs, settings.tickMs * settings.electionTicks);
    this.#spread();
    this.#init.snapshots.tick();
    if (this.#state === 'closing') this.#goOnClosing();
  }

  /**
   * A member whose disk or event loop stalls makes a poor leader: it gives leadership away. After a
   * stall it has heard nobody for long, so it may take a moment until it knows who can follow it.
   */
  #watch(lateMs: number, electionTimeoutMs: number): void {
    const oldest = this.#appends[0];
    const diskStalledMs = oldest === undefined ? 0 : this.#nowMs - oldest.sinceMs;
    if (lateMs >= electionTimeoutMs || diskStalledMs >= electionTimeoutMs) {
      const stalled = { lateMs: Math.round(lateMs), diskStalledMs: Math.round(diskStalledMs) };
      this.#poorLeader = { stalled, untilMs: this.#nowMs + electionTimeoutMs };
    }
    if (this.#poorLeader === undefined) return;
    const { stalled, untilMs } = this.#poorLeader;
    if (this.#nowMs > untilMs) this.#poorLeader = undefined;
    const led = [...this.#replicas.values()].filter(
      ({ role, raft }) => role === 'leader' && raft.core.transferTarget === NOBODY,
    );
    const groups = led.filter((replica) => this.#giveAway(replica)).map(({ id }) => id);
    if (groups.length === 0) return;
    const facts = { ...stalled, groupCount: groups.length, groups: groups.slice(0, 10) };
    this.#say('warn', facts, 'stalled: leadership is given away');
  }

  #spread(): void {
    const { spreadLeadersMs } = this.#init.settings;
    if (this.#nowMs - this.#spreadMs < spreadLeadersMs || this.#poorLeader !== undefined) return;
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
    const notes = this.#notes;
    this.#notes = [];
    for (const { group, message } of notes) this.#peers.send(message.to, group, message);
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
    this.#settleAppends();
    for (const operation of this.#init.disk.take()) this.#effects.push({ type: 'disk', operation });
    for (const effect of this.#peers.flush()) this.#effects.push(effect);
    const workIsLeft = this.#busy.size > 0 || this.#notes.length > 0 || this.#init.snapshots.busy;
    if (workIsLeft) this.#effects.push({ type: 'turn' });
    if (log.fault !== undefined) this.#stop(log.fault);
  }

  /** Goes on with what the log has made durable. */
  #settleAppends(): void {
    const { durableTicket } = this.#init.log;
    let settled = 0;
    for (const { ticket, replica, task } of this.#appends) {
      if (ticket > durableTicket) break;
      settled++;
      this.#settle(replica, task);
      // A mere note of the commit index is durable at once and leads to nothing.
      if (replica.raft.hasReady()) this.#busy.add(replica);
    }
    if (settled > 0) this.#appends.splice(0, settled);
  }

  /** A task is durable; one with a snapshot is done when the machine has it as well. */
  #settle(replica: Replica, task: AppendTask): void {
    const earlier = this.#installing.get(replica);
    if (earlier !== undefined) {
      earlier.push(task);
      return;
    }
    if (task.snapshot === undefined) return replica.appended(task);
    const later: AppendTask[] = [];
    this.#installing.set(replica, later);
    this.#init.snapshots.install(replica, task.snapshot, (error) => {
      if (error !== null) return this.#stop(error);
      this.#installing.delete(replica);
      this.#busy.add(replica);
      replica.appended(task);
      for (const next of later) this.#settle(replica, next);
    });
  }

  // What replicas ask.

  send(group: GroupId, message: Message): void {
    this.observer?.sent(group, message);
    if (message.type === 'append' && message.entries.length === 0) {
      this.#notes.push({ group, message });
      return;
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
    const { entries, hardState, snapshot } = task;
    this.observer?.appending(replica.id, task);
    const ticket = this.#init.log.append({ group: replica.id, entries, hardState, snapshot });
    this.#appends.push({ ticket, replica, task, sinceMs: this.#nowMs });
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

  // What peers bring.

  message(from: MemberId, group: GroupId, message: Message): void {
    const brings = message.type === 'snapshot' && isBeginning(message.snapshot);
    if (!brings || message.snapshot.data.length === 0) return this.#receive(from, group, message);
    // It is sent again where the answer takes long: one at a time is enough.
    if (this.#keepsBeginning) return;
    this.#keepsBeginning = true;
    this.#init.keepBeginning(message.snapshot.data, (error) => {
      this.#keepsBeginning = false;
      if (error !== null) return this.#stop(error);
      this.#receive(from, group, message);
    });
  }

  #receive(from: MemberId, group: GroupId, message: Message): void {
    const replica = this.#replicas.get(group);
    // A group that is not open yet: Raft sends again, for as long as it takes.
    if (replica === undefined || this.#lost.holds(replica)) return;
    this.#busy.add(replica);
    this.observer?.received(group, message);
    const refused = replica.step(message);
    if (refused instanceof QuorateError) {
      if (refused.code === 'log-damaged') return this.#lost.found(replica, refused);
      this.#say(
        'debug',
        { from, group, type: message.type, err: refused },
        'a message was refused',
      );
    }
  }

  call(
    from: MemberId,
    kind: number,
    payload: Uint8Array,
    answer: (result: CallResult) => void,
  ): void {
    this.#calls.take(from, kind, payload, answer);
  }

  peerUp(peer: MemberId): void {
    this.#say('info', { peer }, 'connected to a member');
  }

  /** Every group that follows this peer, or sends to it, shall find out what is lost. */
  peerDown(peer: MemberId): void {
    this.#say('info', { peer }, 'lost the connection to a member');
    for (const replica of this.#replicas.values()) {
      replica.step({ type: 'report-unreachable', member: peer });
      if (replica.leader === peer) replica.step({ type: 'wake' });
    }
  }

  dropped(peer: MemberId, groups: ReadonlySet<GroupId>): void {
    for (const group of groups) {
      this.#replicas.get(group)?.step({ type: 'report-unreachable', member: peer });
    }
  }

  refused(peer: MemberId, error: QuorateError, { by, proven }: RefusalOrigin): void {
    this.#say('warn', { peer, code: error.code, err: error }, 'a link between members was refused');
    if (by === 'self' && error.code === 'unknown-member') this.#newcomers.unknown(peer);
    if (by === 'self' || !proven) return;
    if (error.code === 'removed-member') this.#stop(removedError(this.self));
    // What this member once told the others is in the directory that they know: it must not vote here.
    if (error.code === 'wrong-incarnation') this.#stop(directoryError(this.self));
  }

  /** A group's replica, to which something is about to happen. */
  #noted(group: GroupId): Replica | undefined {
    const replica = this.#replicas.get(group);
    if (replica !== undefined) this.#busy.add(replica);
    return replica;
  }

  #transferLeadership(event: TransferLeadership): void {
    const replica = this.#asked(event);
    if (replica !== undefined) this.#transfers.begin(replica, event);
  }

  #callLeader(event: CallLeader): void {
    const replica = this.#serving(event);
    if (replica === undefined) return;
    const { ticket, payload } = event;
    const settle = (result: CallResult): void => this.#answer(ticket, result);
    const { id, role, leader } = replica;
    if (role === 'leader') return this.#calls.askSelf(id, payload, settle);
    if (leader === NOBODY) {
      return settle({ ok: false, error: new QuorateError('no-leader', 'no leader is known') });
    }
    this.#call(leader, callKinds.leader, encodeLeaderCall(id, payload), settle);
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
    const ticket = this.#nextOwnTicket--;
    this.#own.set(ticket, done);
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

  /** On behalf of a process that is no member: as if this member's application had asked. */
  #request(make: (ticket: Ticket) => Event, done: (outcome: Outcome) => void): void {
    const ticket = this.#nextOwnTicket--;
    this.#own.set(ticket, done);
    this.#take(make(ticket));
  }

  #answer(ticket: Ticket, outcome: Outcome): void {
    if (ticket >= 0) {
      this.#effects.push({ type: 'answer', ticket, outcome });
      return;
    }
    const done = this.#own.get(ticket);
    this.#own.delete(ticket);
    done?.(outcome);
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
