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
import type { DiskRequests } from './log/disk-requests.ts';
import type { GroupLog } from './log/group-log.ts';
import type { GroupId } from './log/log-write.ts';
import type { MemberLog } from './log/member-log.ts';
import { findSnapshots, removeSnapshots } from './log/snapshot-files.ts';
import { type SnapshotFacts, snapshotPath } from './log/snapshot-format.ts';
import { SnapshotReader } from './log/snapshot-reader.ts';
import { SnapshotWriter } from './log/snapshot-writer.ts';
import type { Machine, MachineRestore } from './machine.ts';
import { isBeginning, origin } from './opening.ts';
import type { CallResult } from './peers/calls.ts';
import type { Replica } from './replica.ts';
import type { EngineSettings } from './settings.ts';
import { SnapshotReceive, SnapshotSend } from './snapshot-transfer.ts';

/** What this needs of the engine. */
export interface SnapshotHost {
  log(level: 'info' | 'warn', facts: LogFacts, message: string): void;
  call(peer: MemberId, kind: number, payload: Uint8Array, done: (result: CallResult) => void): void;
  /** A received snapshot is to be stepped. */
  received(group: GroupId, message: Message): void;
  replica(group: GroupId): Replica | undefined;
  /** The disk cannot be trusted any more. */
  failed(error: QuorateError): void;
  readonly self: MemberId;
}

export class SnapshotWork {
  readonly #disk: DiskRequests;
  readonly #log: MemberLog;
  readonly #settings: EngineSettings;
  readonly #clusterId: number;
  readonly #receive: SnapshotReceive;
  /** What was found at the start. */
  #found: ReadonlyMap<GroupId, { readonly facts: SnapshotFacts }> = new Map();
  readonly #making = new Map<Replica, Making>();
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
      this.#found = found.newest;
      then(found.damaged[0] ?? null);
    });
  }

  /** Brings a group's machine to its newest snapshot; answers where that stands. */
  load(group: GroupLog, machine: Machine, then: (applied: Position | QuorateError) => void): void {
    const facts = this.#found.get(group.id)?.facts;
    if (facts === undefined || facts.index < group.firstIndex() - 1) {
      return then(beginning(group, machine));
    }
    const { index, term, configuration } = facts;
    this.#restore(machine, facts, (error) => {
      if (error !== undefined) return then(error);
      if (index > group.lastIndex()) this.#beginLogAt(group, facts);
      group.setConfiguration(configuration);
      group.setSnapshot({ term, index, configuration, data: emptyBytes });
      then({ term, index });
    });
  }

  /** The member stopped between receiving a snapshot and beginning its log behind it. */
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

  /** Reads a snapshot into a machine, piece by piece. */
  #restore(
    machine: Machine,
    { group, index }: Pick<SnapshotFacts, 'group' | 'index'>,
    then: (error: QuorateError | undefined) => void,
  ): void {
    const restore = new LateRestore(machine);
    const reader = new SnapshotReader(this.#disk, snapshotPath(group, index));
    const next = (): void => {
      reader.next((piece) => {
        if (piece instanceof QuorateError) return then(piece);
        if (piece.kind === 'chunk') restore.chunk(piece.content);
        if (!reader.ended) return next();
        reader.close();
        then(restore.finish());
      });
    };
    next();
  }

  /** Takes over a snapshot message whose state is in a file; false where it travels as it is. */
  send(group: GroupId, message: Message): boolean {
    if (message.type !== 'snapshot' || isBeginning(message.snapshot)) return false;
    const name = `${group}-${message.to}`;
    if (!this.#sends.has(name)) this.#sends.set(name, this.#startSend(group, message, name));
    return true;
  }

  #startSend(group: GroupId, message: InstallSnapshot, name: string): SnapshotSend {
    const { to: member, snapshot } = message;
    const host = this.#host!;
    host.log('info', { group, member, index: snapshot.index }, 'a snapshot is being sent');
    return new SnapshotSend({
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
    const settled = (error: QuorateError | undefined): void => {
      if (error !== undefined) return then(error);
      group.setConfiguration(snapshot.configuration);
      group.setSnapshot(snapshot);
      replica.restored(snapshot);
      then(null);
    };
    this.#making.delete(replica);
    if (isBeginning(snapshot)) return settled(restoreBeginning(replica.machine, snapshot));
    const { id, machine } = replica;
    this.#restore(machine, { group: id, index: snapshot.index }, (error) => {
      settled(error);
      this.#removeOld(id, snapshot.index);
    });
  }

  tick(): void {
    const { snapshotBytesPerSecondMax, tickMs } = this.#settings;
    for (const send of this.#sends.values())
      send.refill((snapshotBytesPerSecondMax * tickMs) / 1000);
  }

  /** A turn has passed: begins snapshots that are due, and goes on with those begun. */
  endOfTurn(busy: readonly Replica[]): void {
    this.#receive.releaseHeld();
    for (const replica of busy) if (this.#isDue(replica)) this.#make(replica);
    for (const making of this.#making.values()) this.#goOn(making);
  }

  #isDue(replica: Replica): boolean {
    const { snapshotAfterBytes } = this.#settings;
    const due = replica.bytesSinceSnapshot >= snapshotAfterBytes || this.#log.space !== 'enough';
    return due && !this.#making.has(replica) && replica.appliedIndex > this.#newest(replica.id);
  }

  #newest(group: GroupId): number {
    return this.#log.group(group)?.snapshot()?.index ?? 0;
  }

  #make(replica: Replica): void {
    const { id: group, appliedIndex: index, appliedTerm: term, configuration } = replica;
    const facts = { clusterId: this.#clusterId, group, index, term, configuration };
    const writer = new SnapshotWriter(this.#disk, facts);
    const chunks = replica.machine.snapshot();
    replica.snapshotBegun();
    this.#making.set(replica, { replica, writer, chunks, finishing: false });
  }

  /** One more chunk a turn, as long as the disk keeps up. */
  #goOn(making: Making): void {
    const { writer, chunks, finishing } = making;
    if (finishing || (!writer.ready && writer.failed === undefined)) return;
    const { done, value } = writer.failed === undefined ? chunks.next() : endOfChunks;
    if (done !== true) return writer.write(value);
    making.finishing = true;
    writer.finish((error) => this.#finished(making, error));
  }

  #finished({ replica, writer }: Making, error: QuorateError | null): void {
    // A snapshot from the leader may have taken its place meanwhile.
    const current = this.#making.get(replica)?.writer === writer;
    if (current) this.#making.delete(replica);
    const { group, index } = writer.facts;
    if (error !== null) {
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
    const sending = [...this.#sends.values()].filter((send) => send.group === group);
    const oldest = Math.min(index, ...sending.map((send) => send.message.snapshot.index));
    const kept = Math.max(0, index - this.#settings.keptEntries);
    log.compactTo(this.#log.space === 'enough' ? Math.min(kept, oldest) : oldest);
    if (sending.length === 0) this.#removeOld(group, index);
  }

  #removeOld(group: GroupId, keepIndex: number): void {
    removeSnapshots(this.#disk, group, keepIndex, (error) => {
      if (error === null) return;
      this.#host?.log('warn', { group, err: error }, 'removing old snapshots failed');
    });
  }
}

/** A snapshot being made. */
interface Making {
  readonly replica: Replica;
  readonly writer: SnapshotWriter;
  readonly chunks: Iterator<Uint8Array, void>;
  finishing: boolean;
}

const endOfChunks = { done: true, value: undefined } as const;

/** Restores a machine, and remembers the first thing that went wrong. */
class LateRestore {
  readonly #restore: MachineRestore;
  #failed: unknown;

  constructor(machine: Machine) {
    this.#restore = machine.restore();
  }

  readonly chunk = (bytes: Uint8Array): void => this.#try(() => this.#restore.chunk(bytes));

  finish(): QuorateError | undefined {
    this.#try(() => this.#restore.finish());
    if (this.#failed === undefined) return undefined;
    const { code } = this.#failed as { readonly code?: unknown };
    // Nothing is broken: another version of the program can take it.
    if (code === 'machine-too-old' || code === 'machine-too-new') {
      return this.#failed as QuorateError;
    }
    return new QuorateError('machine-failed', 'the machine cannot take its snapshot back', {
      cause: this.#failed,
    });
  }

  #try(action: () => void): void {
    if (this.#failed !== undefined) return;
    try {
      action();
    } catch (error) {
      this.#failed = error;
    }
  }
}

/** No snapshot file: the group is as it began, or this member has nothing of it yet. */
function beginning(group: GroupLog, machine: Machine): Position | QuorateError {
  const snapshot = group.snapshot();
  if (snapshot !== undefined) return restoreBeginning(machine, snapshot) ?? origin;
  if (group.lastIndex() === 0 || group.firstIndex() === 1) return { term: 0, index: 0 };
  return new QuorateError('snapshot-damaged', `the snapshot of group ${group.id} is missing`);
}

function restoreBeginning(machine: Machine, { data }: Snapshot): QuorateError | undefined {
  if (data.length === 0) return undefined;
  const restore = new LateRestore(machine);
  restore.chunk(data);
  return restore.finish();
}
