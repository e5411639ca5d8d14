/**
 * The log of a whole member: what all its groups have to make durable becomes one batch, one write
 * and one sync. While a batch is on its way the next one gathers; load makes batches larger, not
 * the queue longer.
 *
 * One turn of the disk: the votes, if any changed, are written and synced; then the batch that rests
 * on them; then everybody is told. Nothing is durable before both are.
 *
 * Any failure to write or sync ends the log's life with a named {@link MemberLog.fault}: what the
 * file holds is unknown then (see ports/disk.ts), so the member stops and recovers. Only want of
 * space for another segment is survived: then batches wait, and nothing is lost or acknowledged.
 */
import { assert } from '../../base/assert.ts';
import { QuorateError } from '../../base/errors.ts';
import type { Entry, HardState } from '../../raft/entry.ts';
import { BatchAssembly } from './batch-assembly.ts';
import type { DiskRequests } from './disk-requests.ts';
import { GroupLog } from './group-log.ts';
import type { Identity } from './identity.ts';
import type { LogHost } from './log-host.ts';
import type { GroupId, GroupWrite, Ticket } from './log-write.ts';
import { Reserve } from './reserve.ts';
import { Seals } from './seals.ts';
import { logDirectory } from './segment-format.ts';
import { type ChainStart, Segments } from './segments.ts';
import type { LogSettings } from './settings.ts';
import type { VoteFile } from './vote-file.ts';
import { type Taken, WriteQueue } from './write-queue.ts';

/** What recovery hands over. */
export interface LogStart {
  readonly identity: Identity;
  readonly chain: ChainStart;
  readonly votes: VoteFile;
  readonly host: LogHost;
  readonly groups: ReadonlyMap<GroupId, GroupLog>;
  /** The number of the last batch, which is durable. */
  readonly lastNumber: number;
}

/** Figures for metrics; all counters since the log was opened. */
export interface LogStatus {
  readonly batches: number;
  readonly entries: number;
  readonly bytes: number;
  readonly seals: number;
  readonly voteWrites: number;
  readonly segments: number;
  readonly cacheBytes: number;
  readonly waitingBytes: number;
}

/**
 * Under load each batch is followed by another in a moment, which vouches for it: a lull between two
 * is not worth a write. If none follows, the tick sees to it.
 */
const twinsPerTick = 4;

export class MemberLog {
  readonly #disk: DiskRequests;
  readonly #settings: LogSettings;
  readonly #votes: VoteFile;
  readonly #reserve: Reserve;
  readonly #segments: Segments;
  readonly #assembly: BatchAssembly;
  readonly #queue: WriteQueue;
  readonly #seals: Seals;
  readonly #host: LogHost;
  readonly #groups: Map<GroupId, GroupLog>;
  /** Invariant: all batches up to this one are durable, and the next one has the next number. */
  #lastNumber: number;
  #lastTicket: Ticket = 0;
  /** All writes up to this ticket are durable. */
  durableTicket: Ticket = 0;
  /** Taken from the queue, waiting for the votes or for a segment. */
  #taken: Taken | undefined;
  /** What is on its way to the disk; at most one thing is. */
  #underWay: 'nothing' | 'votes' | 'batch' | 'seal' = 'nothing';
  /** How often before the next tick a lull is used to vouch for the last batch at once. */
  #twinsLeft = twinsPerTick;
  #starting: ((error: QuorateError | null) => void) | undefined;
  #closing: (() => void) | undefined;
  #counts = { batches: 0, entries: 0, bytes: 0, seals: 0, voteWrites: 0 };

  constructor(disk: DiskRequests, settings: LogSettings, start: LogStart) {
    this.#disk = disk;
    this.#settings = settings;
    this.#votes = start.votes;
    this.#lastNumber = start.lastNumber;
    this.#reserve = new Reserve(disk, settings.reserveBytes);
    const parts = { disk, identity: start.identity, settings, reserve: this.#reserve };
    const failed = (error: QuorateError): void => this.#fail(error);
    this.#segments = new Segments(parts, start.chain, { ready: () => this.#advance(), failed });
    this.#queue = new WriteQueue(settings.batchBytesMax);
    this.#seals = new Seals(disk, start.identity, this.#segments);
    this.#host = start.host;
    this.#groups = new Map(start.groups);
    const { host } = start;
    this.#assembly = new BatchAssembly({
      identity: start.identity,
      settings,
      segments: this.#segments,
      host,
      groups: this.#groups,
    });
  }

  /** Why the log does nothing any more; the member must stop. */
  get fault(): QuorateError | undefined {
    return this.#host.fault;
  }

  /**
   * Called once, by recovery: writes the votes anew and a batch that rests on them and vouches for
   * all before it; `then` is called when that is durable. Then the log may be used.
   */
  start(then: (error: QuorateError | null) => void): void {
    this.#starting = then;
    this.#votes.dirty = true;
    for (const group of this.#groups.values()) {
      const { hardState, written } = group;
      if (!isNews(hardState, written.hardState)) continue;
      this.#queue.add(group, { group: group.id, entries: [], hardState }, ++this.#lastTicket);
    }
    this.#segments.prepare();
    this.#keepReserve();
    this.#advance();
  }

  groups(): Iterable<GroupLog> {
    return this.#groups.values();
  }

  group(id: GroupId): GroupLog | undefined {
    return this.#groups.get(id);
  }

  /** The group's log; an empty one is begun where there is none. At most `groupsMax` are open. */
  openGroup(id: GroupId): GroupLog {
    const known = this.#groups.get(id);
    if (known !== undefined) return known;
    assert(this.#groups.size < this.#settings.groupsMax, 'too many groups have a log');
    const group = new GroupLog(id, this.#host);
    this.#groups.set(id, group);
    return group;
  }

  /** Forgets a group for good: its id must never be used again. Writes that wait are dropped. */
  removeGroup(id: GroupId): void {
    const group = this.#groups.get(id);
    if (group === undefined) return;
    this.#groups.delete(id);
    group.reset(group.base);
    this.#votes.remove(id);
    this.#assembly.remove(group);
  }

  /** Whether a repaired group must neither vote nor count; see recovery.ts. */
  isSuspect(id: GroupId): boolean {
    return this.#votes.row(id)?.suspect ?? this.#votes.unknownSuspect;
  }

  /** Whether a suspect group's term and vote may be older than what this member once said. */
  isVoteLost(id: GroupId): boolean {
    return this.#votes.row(id)?.voteLost ?? this.#votes.unknownSuspect;
  }

  /** The end of the group's log turned out to be lost: suspect from now on, see `votesSettled`. */
  markSuspect(id: GroupId): void {
    this.#votes.markSuspect(id);
  }

  /** Whether all that was said of votes and suspects so far is durable. */
  get votesSettled(): boolean {
    return !this.#votes.dirty && this.#underWay !== 'votes';
  }

  /** The group has caught up past an index that its leader confirmed; durable with the next batch. */
  clearSuspect(id: GroupId): void {
    if (this.isSuspect(id)) this.#votes.clearSuspect(id);
  }

  /**
   * Hands a write over; the group's log changes at once. It becomes durable with a batch after the
   * next {@link flush}: when {@link durableTicket} has reached the ticket. A change of the commit
   * index alone is remembered for the group's next write, and has the ticket of the last write.
   */
  append(write: GroupWrite): Ticket {
    const group = this.#groups.get(write.group);
    assert(group !== undefined, () => `group ${write.group} has no log here`);
    const { entries, hardState, snapshot } = write;
    const news = hardState !== undefined && isNews(hardState, group.hardState);
    if (hardState !== undefined) group.hardState = hardState;
    if (entries.length === 0 && snapshot === undefined && !news) return this.#lastTicket;
    const ticket = ++this.#lastTicket;
    if (snapshot !== undefined) group.install(snapshot, ticket);
    if (entries.length > 0) {
      this.#checkSizes(entries);
      group.append(entries, ticket);
    }
    this.#queue.add(group, news ? write : { group: write.group, entries, snapshot }, ticket);
    return ticket;
  }

  /**
   * Writes a group's commit index with the next batch, though nothing else is new. Else it waits for
   * the group's next write, and is forgotten if the process ends before.
   */
  keepCommit(id: GroupId): void {
    const group = this.#groups.get(id);
    if (group === undefined) return;
    this.#queue.add(group, { group: id, entries: [] }, ++this.#lastTicket);
  }

  /**
   * The end of a turn: what waits goes out, unless a batch is on its way. To be called at the end
   * of a turn in which something was handed over or an operation of the disk has ended.
   */
  flush(): void {
    this.#advance();
    const idle = this.fault === undefined && this.idle && this.#twinsLeft > 0;
    if (!idle || !this.#seals.lacking(this.#lastNumber)) return;
    this.#twinsLeft--;
    this.#vouch(false);
  }

  #advance(): void {
    if (this.#underWay !== 'nothing' || this.fault !== undefined) return;
    if (this.#taken === undefined) {
      if (!this.#hasWork()) return this.#finishClosing();
      this.#taken = this.#queue.take();
      for (const { group, write } of this.#taken.parts) {
        const open = this.#groups.get(group.id) === group;
        if (write.hardState !== undefined && open) this.#votes.set(group.id, write.hardState);
      }
    }
    if (this.#votes.dirty) this.#writeVotes();
    else this.#writeBatch(this.#taken);
  }

  /** Groups for which missing entries have come: each is to be stepped `storage-ready`. */
  takeFetched(): readonly GroupId[] {
    return this.#host.takeFetched().map(({ id }) => id);
  }

  /**
   * To be called now and then, every tick for instance: seals the log when it is idle, and looks
   * for space where that is short.
   */
  tick(): void {
    if (this.fault !== undefined) return;
    this.#twinsLeft = twinsPerTick;
    if (this.#segments.full) this.#segments.prepare();
    this.#keepReserve();
    if (!this.idle || !this.#seals.unsafe(this.#lastNumber)) return;
    this.#seal(() => {
      this.#vouch(true);
      this.#advance();
    });
  }

  /** Nothing is on its way, and nothing waits. */
  get idle(): boolean {
    return this.#underWay === 'nothing' && this.#taken === undefined && !this.#hasWork();
  }

  /**
   * `reserve`: the space kept for bad times is being used: refuse proposals with `disk-full`, and
   * compact. `full`: batches wait for space.
   */
  get space(): 'enough' | 'reserve' | 'full' {
    if (this.#segments.full) return 'full';
    return this.#reserve.state === 'absent' ? 'reserve' : 'enough';
  }

  /** Writes what waits and seals the log; `then` is called when that is durable, or at a fault. */
  close(then: () => void): void {
    assert(this.#closing === undefined, 'the log is being closed already');
    this.#closing = then;
    if (this.fault !== undefined) then();
    else this.#advance();
  }

  status(): LogStatus {
    return {
      ...this.#counts,
      segments: this.#segments.count,
      cacheBytes: this.#host.cache.bytes,
      waitingBytes: this.#queue.bytes,
    };
  }

  #hasWork(): boolean {
    return !this.#queue.empty || this.#votes.dirty || this.#assembly.hasOwnWork;
  }

  #writeVotes(): void {
    this.#underWay = 'votes';
    this.#counts.voteWrites++;
    this.#votes.write(this.#lastNumber, (error) => {
      this.#underWay = 'nothing';
      if (error !== null) this.#fail(error);
      else this.#advance();
    });
  }

  #writeBatch(taken: Taken): void {
    const number = this.#lastNumber + 1;
    const batch = this.#assembly.assemble(taken, { number, voteSequence: this.#votes.sequence });
    if (batch === undefined) {
      // Nothing can be done before there is room, so there is nothing to wait for.
      if (this.#segments.full) this.#started(noRoom());
      return;
    }
    if (batch.tookParts) this.#taken = undefined;
    this.#underWay = 'batch';
    this.#disk.run(batch.task, (error) => {
      this.#underWay = 'nothing';
      if (error !== null) return this.#fail(error);
      this.#lastNumber = number;
      this.#segments.wrote(batch.bytes);
      this.#counts.batches++;
      this.#counts.entries += batch.entries;
      this.#counts.bytes += batch.bytes;
      if (batch.ticket !== undefined) this.durableTicket = batch.ticket;
      this.#host.cache.trim(this.durableTicket);
      this.#segments.retire(batch.oldestSegment);
      this.#started(null);
      this.#advance();
    });
  }

  /** Vouches for the last batch, at once when nothing follows: no later batch waits for it. */
  #vouch(sync: boolean): void {
    this.#seals.twin(this.#sealFacts(), sync, (error) => {
      if (error !== null) return this.#fail(error);
      // Another batch may have been finished meanwhile, or closing may wait for this.
      if (this.fault === undefined) this.#advance();
    });
  }

  /** Vouches for it behind it as well, and so that it stays. */
  #seal(then: () => void): void {
    this.#underWay = 'seal';
    this.#counts.seals++;
    this.#seals.behind(this.#sealFacts(), (error) => {
      this.#underWay = 'nothing';
      if (error !== null) this.#fail(error);
      else then();
    });
  }

  #sealFacts(): { number: number; voteSequence: number; oldestSegment: number } {
    return {
      number: this.#lastNumber,
      voteSequence: this.#votes.sequence,
      oldestSegment: this.#segments.oldest.sequence,
    };
  }

  #finishClosing(): void {
    if (this.#closing === undefined || this.#segments.busy || this.#seals.busy) return;
    if (this.#seals.unsafe(this.#lastNumber)) return this.#seal(() => this.#vouch(true));
    const closing = this.#closing;
    this.#closing = undefined;
    closing();
  }

  #keepReserve(): void {
    const besides = 2 * this.#settings.segmentBytes;
    if (this.#segments.full) return;
    this.#reserve.make(besides, (error) => {
      if (error !== null) this.#fail(error);
    });
  }

  #checkSizes(entries: readonly Entry[]): void {
    for (const { index, data } of entries) {
      assert(
        data.length <= this.#settings.batchBytesMax - 2 ** 10,
        () => `entry ${index} has ${data.length} bytes, more than a batch may carry`,
      );
    }
  }

  #fail(error: QuorateError): void {
    this.#host.fail(error);
    this.#started(error);
    const closing = this.#closing;
    this.#closing = undefined;
    closing?.();
  }

  #started(error: QuorateError | null): void {
    const starting = this.#starting;
    this.#starting = undefined;
    starting?.(error);
  }
}

function noRoom(): QuorateError {
  return new QuorateError('disk-full', 'there is no room for another segment of the log', {
    details: { path: logDirectory },
  });
}

/** Whether term or vote are new; the commit index is only a hint. */
function isNews(state: HardState, before: HardState): boolean {
  return state.term !== before.term || state.vote !== before.vote;
}
