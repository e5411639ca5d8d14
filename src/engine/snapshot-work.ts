/**
 * A member's snapshots, beside everything else it does: made when enough has been applied, a chunk
 * a turn; sent to members that are too far behind for the log; received, installed, loaded at the
 * start.
 *
 * How a group begins is a snapshot too, but one without a file: its state travels in the message,
 * or is nothing at all.
 */
import { QuorateError } from '../base/errors.ts';
import type { LogFacts } from '../ports/logger.ts';
import { emptyBytes, type MemberId, NOBODY, type Position, type Snapshot } from '../raft/entry.ts';
import type { InstallSnapshot, Message } from '../raft/message.ts';
import { callKinds } from './call-kinds.ts';
import { KeptWork } from './kept-work.ts';
import type { DiskRequests } from './log/disk-requests.ts';
import type { GroupLog } from './log/group-log.ts';
import type { GroupId } from './log/log-write.ts';
import type { MemberLog } from './log/member-log.ts';
import { findSnapshots, removeSnapshots } from './log/snapshot-files.ts';
import type { SnapshotFacts } from './log/snapshot-format.ts';
import { SnapshotWriter } from './log/snapshot-writer.ts';
import { isBeginning, origin } from './opening.ts';
import type { CallResult } from './peers/calls.ts';
import type { Replica } from './replica.ts';
import type { EngineSettings } from './settings.ts';
import { type RestoreTarget, restoreBeginning, restoreFile } from './snapshot-restore.ts';
import { SnapshotReceive, SnapshotSend } from './snapshot-transfer.ts';

/** What this needs of the engine. */
export interface SnapshotHost {
  log(level: 'info' | 'warn', facts: LogFacts, message: string): void;
  call(peer: MemberId, kind: number, payload: Uint8Array, done: (result: CallResult) => void): void;
  /** A received snapshot is to be stepped. */
  received(group: GroupId, message: Message): void;
  /** The replica of a group, to which something is about to happen. */
  replica(group: GroupId): Replica | undefined;
  /** A store or the disk cannot be trusted any more: the member stops. */
  failed(error: QuorateError): void;
  /** Something has come to an end beside the events: let a turn follow. */
  wake(): void;
  readonly self: MemberId;
}

export class SnapshotWork {
  readonly #disk: DiskRequests;
  readonly #log: MemberLog;
  readonly #settings: EngineSettings;
  readonly #clusterId: number;
  readonly #receive: SnapshotReceive;
  /** What was found at the start. */
  #found = new Map<GroupId, { readonly facts: SnapshotFacts }>();
  readonly #kept: KeptWork;
  readonly #making = new Map<Replica, Making>();
  /** Groups whose snapshot could not be made just now: not tried again before the next tick. */
  readonly #failing = new Set<GroupId>();
  readonly #sends = new Map<string, SnapshotSend>();
  #host: SnapshotHost | undefined;

  constructor(init: {
    readonly disk: DiskRequests;
    readonly log: MemberLog;
    readonly settings: EngineSettings;
    readonly clusterId: number;
  }) {
    this.#disk = init.disk;
    this.#log = init.log;
    this.#settings = init.settings;
    this.#clusterId = init.clusterId;
    this.#receive = new SnapshotReceive(init.disk, init.clusterId);
    this.#kept = new KeptWork(init.log, init.settings.keptEntries, {
      neededFrom: (group) => this.#neededFrom(group),
      compacted: (group, firstIndex) => this.#removeOld(group, firstIndex - 1),
      failed: (error) => this.#host?.failed(error),
      flushed: (group) => void this.#host?.replica(group),
      wake: () => this.#host?.wake(),
    });
  }

  attach(host: SnapshotHost): void {
    this.#host = host;
  }

  /** Whether something waits for turns to pass. */
  get busy(): boolean {
    return this.#making.size > 0;
  }

  /** Finds what snapshots there are, once, before any group is loaded. */
  lookUp(then: (error: QuorateError | null) => void): void {
    findSnapshots(this.#disk, this.#clusterId, (found) => {
      if (found instanceof QuorateError) return then(found);
      this.#found = new Map(found.newest);
      then(found.damaged[0] ?? null);
    });
  }

  /** Brings a group's machine to where its store stands, or to its newest snapshot. */
  load(group: GroupLog, target: RestoreTarget, then: (loaded: Position | QuorateError) => void) {
    const facts = this.#found.get(group.id)?.facts;
    const usable = facts !== undefined && facts.index >= group.firstIndex() - 1;
    if (usable && facts.index <= group.lastIndex()) this.#standsFor(group, facts);
    const resumed = this.#kept.resume(group, target);
    if (resumed instanceof QuorateError) return then(resumed);
    if (resumed !== undefined) {
      if (lacks(group, resumed)) this.#beginLogAt(group, resumed);
      return then(resumed);
    }
    if (!usable) return then(beginning(group, target));
    const { index, term } = facts;
    restoreFile(this.#disk, facts, target, (error) => {
      if (error !== undefined) return then(error);
      if (lacks(group, facts)) this.#beginLogAt(group, facts);
      this.#standsFor(group, facts);
      group.setConfiguration(facts.configuration);
      this.#kept.settle(group.id, target, facts, (failed) => then(failed ?? { term, index }));
    });
  }

  /** The log may be asked for this snapshot. */
  #standsFor(group: GroupLog, { index, term, configuration }: SnapshotFacts): void {
    group.setSnapshot({ term, index, configuration, data: emptyBytes });
  }

  /**
   * The member stopped between receiving a snapshot and beginning its log behind it; or its log was
   * damaged, and cut before there.
   */
  #beginLogAt(group: GroupLog, { index, term }: Position): void {
    const { hardState } = group;
    const newTerm = Math.max(hardState.term, term);
    const vote = newTerm === hardState.term ? hardState.vote : NOBODY;
    this.#log.append({
      group: group.id,
      entries: [],
      snapshot: { index, term },
      hardState: { term: newTerm, vote, commit: index },
    });
  }

  /** Takes over a snapshot message whose state is in a file; false where it travels as it is. */
  send(group: GroupId, message: Message): boolean {
    if (message.type !== 'snapshot' || isBeginning(message.snapshot)) return false;
    const name = `${group}-${message.to}`;
    if (!this.#sends.has(name)) this.#startSend(group, message, name);
    return true;
  }

  #startSend(group: GroupId, message: InstallSnapshot, name: string): void {
    const { to: member, snapshot } = message;
    const host = this.#host!;
    host.log('info', { group, member, index: snapshot.index }, 'a snapshot is being sent');
    const send = new SnapshotSend({
      disk: this.#disk,
      group,
      message,
      ask: (kind, payload, done) => host.call(member, kind, payload, done),
      ended: (error) => {
        this.#sends.delete(name);
        const failed = error !== null;
        if (failed) host.log('warn', { group, member, err: error }, 'sending a snapshot failed');
        host.replica(group)?.step({ type: 'report-snapshot', member, failed });
      },
    });
    // Known before it begins: without a link to the member it has ended by then.
    this.#sends.set(name, send);
    send.begin();
  }

  /** A question about a transfer; false where it is about something else. */
  called(
    from: MemberId,
    kind: number,
    payload: Uint8Array,
    answer: (result: CallResult) => void,
  ): boolean {
    if (kind === callKinds.snapshotBegin) this.#receive.begin(payload, answer);
    else if (kind === callKinds.snapshotPiece) this.#receive.piece(payload, answer);
    else if (kind === callKinds.snapshotEnd) {
      const to = this.#host!.self;
      this.#receive.end(payload, answer, (group, message) => {
        this.#host!.received(group, { ...message, from, to });
      });
    } else return false;
    return true;
  }

  /** The log begins behind this snapshot now: brings the replica's machine there. */
  install(replica: Replica, snapshot: Snapshot, then: (error: QuorateError | null) => void): void {
    const group = this.#log.openGroup(replica.id);
    // A later snapshot may come while this one is read: the log begins behind that then, and it is
    // installed next.
    const isLast = (): boolean => group.base.index <= snapshot.index;
    const settled = (error: QuorateError | undefined): void => {
      if (error !== undefined) return then(error);
      if (isLast()) {
        group.setConfiguration(snapshot.configuration);
        group.setSnapshot(snapshot);
      }
      replica.restored(snapshot);
      then(null);
    };
    this.#giveUp(replica);
    if (isBeginning(snapshot)) return settled(restoreBeginning(replica, snapshot));
    const { id } = replica;
    const restore = (): void =>
      restoreFile(this.#disk, { group: id, index: snapshot.index }, replica, (error) => {
        if (error !== undefined) return settled(error);
        this.#kept.settle(id, replica, snapshot, (failed) => {
          settled(failed ?? undefined);
          if (isLast()) this.#removeOld(id, snapshot.index);
        });
      });
    this.#kept.afterFlush(replica.machine, restore);
  }

  tick(): void {
    this.#failing.clear();
    const { snapshotBytesPerSecondMax, tickMs } = this.#settings;
    for (const send of this.#sends.values())
      send.refill((snapshotBytesPerSecondMax * tickMs) / 1000);
  }

  /** A turn has passed: begins snapshots that are due, and goes on with those begun. */
  endOfTurn(busy: readonly Replica[]): void {
    this.#receive.releaseHeld();
    for (const replica of busy) {
      const isKept = this.#kept.endOfTurn(replica, this.#settings.snapshotAfterBytes);
      if (isKept ? this.#isWanted(replica) : this.#isDue(replica)) this.#make(replica);
    }
    for (const making of this.#making.values()) this.#goOn(making);
  }

  #isDue(replica: Replica): boolean {
    if (replica.diverged !== undefined) return false;
    const { snapshotAfterBytes } = this.#settings;
    const due = replica.bytesSinceSnapshot >= snapshotAfterBytes || this.#log.space !== 'enough';
    return due && !this.#making.has(replica) && replica.appliedIndex > this.#newest(replica.id);
  }

  /** The machine has a store, so only a member that is far behind needs a file. */
  #isWanted(replica: Replica): boolean {
    if (this.#making.has(replica) || this.#failing.has(replica.id)) return false;
    return this.#log.group(replica.id)?.snapshotWanted === true;
  }

  #newest(group: GroupId): number {
    return this.#log.group(group)?.ownSnapshot?.index ?? 0;
  }

  #make(replica: Replica): void {
    const { id: group, appliedIndex: index, appliedTerm: term, configuration } = replica;
    this.#log.group(group)?.assertDurable(index);
    const facts = { clusterId: this.#clusterId, group, index, term, configuration };
    const writer = new SnapshotWriter(this.#disk, facts);
    const engine = replica.state.encode();
    const chunks = replica.machine.snapshot();
    if (replica.machine.kept === undefined) replica.snapshotBegun();
    this.#making.set(replica, { replica, writer, engine, chunks, finishing: false });
  }

  /** One more chunk a turn, as long as the disk keeps up. */
  #goOn(making: Making): void {
    const { writer, engine, chunks, finishing } = making;
    if (finishing || (!writer.ready && writer.failed === undefined)) return;
    if (writer.failed === undefined) {
      const part = engine.next();
      if (part.done !== true) return writer.writeEngine(part.value);
      const chunk = chunks.next();
      if (chunk.done !== true) return writer.write(chunk.value);
    } else {
      chunks.return?.();
    }
    making.finishing = true;
    writer.finish((error) => this.#finished(making, error));
  }

  /** A snapshot from the leader takes the place of what is being made. */
  #giveUp(replica: Replica): void {
    this.#making.get(replica)?.chunks.return?.();
    this.#making.delete(replica);
  }

  /** The group is gone from here: whatever is under way for it ends, and its files go. */
  remove(group: GroupId, replica: Replica | undefined, then: () => void): void {
    if (replica !== undefined) this.#giveUp(replica);
    this.#found.delete(group);
    this.#removeOld(group, Infinity);
    if (replica === undefined) then();
    else this.#kept.afterFlush(replica.machine, then);
  }

  /** A group that is not open begins anew: no file of it is left. */
  removeFiles(group: GroupId, then: (error: QuorateError | null) => void): void {
    this.#found.delete(group);
    removeSnapshots(this.#disk, group, Infinity, then);
  }

  /** As if it had been found at the start. */
  placed(facts: SnapshotFacts): void {
    this.#found.set(facts.group, { facts });
  }

  /** Whether there is a snapshot for a group that was not loaded yet. */
  has(group: GroupId): boolean {
    return this.#found.has(group);
  }

  /** Groups of which a snapshot was found at the start. */
  found(): Iterable<GroupId> {
    return this.#found.keys();
  }

  #finished({ replica, writer }: Making, error: QuorateError | null): void {
    // A snapshot from the leader may have taken its place meanwhile.
    const current = this.#making.get(replica)?.writer === writer;
    if (current) this.#making.delete(replica);
    const { group, index } = writer.facts;
    if (error !== null) {
      this.#failing.add(group);
      this.#host?.log('warn', { group, index, err: error }, 'making a snapshot failed');
      // No state of the member rests on this file, but nobody knows what the disk has kept.
      if (error.code === 'disk-sync-failed') this.#host?.failed(error);
    } else if (current) {
      this.#made(writer.facts);
    }
  }

  /** Members that are a little behind still find their entries in the log. */
  #made({ group, index, term, configuration }: SnapshotFacts): void {
    const log = this.#log.group(group);
    if (log === undefined || index < log.firstIndex() - 1) return;
    log.setSnapshot({ term, index, configuration, data: emptyBytes });
    const replica = this.#host?.replica(group);
    if (log.snapshotWanted) {
      log.snapshotWanted = false;
      replica?.step({ type: 'storage-ready' });
    }
    if (replica?.machine.kept !== undefined) return;
    const sending = [...this.#sends.values()].filter((send) => send.group === group);
    const oldest = Math.min(index, ...sending.map((send) => send.message.snapshot.index));
    const kept = Math.max(0, index - this.#settings.keptEntries);
    log.compactTo(this.#log.space === 'enough' ? Math.min(kept, oldest) : oldest);
    if (sending.length === 0) this.#removeOld(group, index);
  }

  /** Behind the store's position, the log is needed from here on. */
  #neededFrom(group: GroupId): number {
    const sending = [...this.#sends.values()].filter((send) => send.group === group);
    const making = [...this.#making.values()].filter(({ replica }) => replica.id === group);
    const indexes = sending.map((send) => send.message.snapshot.index);
    return Math.min(Infinity, ...indexes, ...making.map(({ writer }) => writer.facts.index));
  }

  #removeOld(group: GroupId, beforeIndex: number): void {
    removeSnapshots(this.#disk, group, beforeIndex, (error) => {
      if (error === null) return;
      this.#host?.log('warn', { group, err: error }, 'removing old snapshots failed');
    });
  }
}

/** A snapshot being made. */
interface Making {
  readonly replica: Replica;
  readonly writer: SnapshotWriter;
  readonly engine: Iterator<Uint8Array, void>;
  readonly chunks: Iterator<Uint8Array, void>;
  finishing: boolean;
}

/** No snapshot file: the group is as it began, or this member has nothing of it yet. */
function beginning(group: GroupLog, target: RestoreTarget): Position | QuorateError {
  const snapshot = group.ownSnapshot;
  if (snapshot !== undefined) return restoreBeginning(target, snapshot) ?? origin;
  if (group.lastIndex() === 0 || group.firstIndex() === 1) return { term: 0, index: 0 };
  return new QuorateError('snapshot-damaged', `the snapshot of group ${group.id} is missing`);
}

/** Whether a log does not lead up to a position, or, damaged, has something else there. */
function lacks(group: GroupLog, { index, term }: Position): boolean {
  return index > group.lastIndex() || group.term(index) !== term;
}
