/**
 * All watches of one member. What is applied is told at once to those who are up to date; the others
 * are *behind*: they are told from the store's history, a slice at a time, until they are not.
 *
 * What holds for every watch (reliability.md, invariant 9): each event that it wants, once, in the
 * order of the revisions, never one below its start; all events of a revision at once; and progress
 * never tells a revision before the events up to it were sent.
 */
import { QuorateError } from '../../base/errors.ts';
import type { HistoryPart, HistoryRequest } from '../../mvcc/history.ts';
import type { KeyEvent } from '../../mvcc/request.ts';
import type { Cancel } from '../../ports/callbacks.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { Caller, WatchSink, WatchStreamOptions } from '../api.ts';
import { RangeIndex } from './range-index.ts';
import { viewOf, type Watch } from './watch.ts';
import { Stream, type StreamHost } from './watch-stream.ts';

/** Where events come from. */
export interface WatchSource {
  readonly revision: number;
  readonly compactRevision: number;
  /** False while another state is put in this one's place: there is no history to be read then. */
  readonly isWhole: boolean;
  /** What happened, not below the compaction, in order; no revision is split. */
  history(request: HistoryRequest): HistoryPart;
  check(caller: Caller | undefined, range: { key: Uint8Array; rangeEnd: Uint8Array }): void;
}

interface Told {
  readonly stream: Stream;
  readonly watch: Watch;
}

/** Streams of one member. */
const streamsMax = 100_000;
/**
 * What is read from history in one turn, so that catching up does not stall the event loop; an event
 * counts as often as it is told, for a thousand may have missed the same.
 */
const HISTORY_A_TURN = { eventsMax: 1000, recordsMax: 10_000, bytesMax: 2 ** 22 };
/** Watches that share one walk through history. */
const WATCHES_A_WALK = 512;

export class WatchHub implements StreamHost {
  readonly #source: WatchSource;
  readonly #clock: Clock;
  readonly #streams = new Set<Stream>();
  readonly #index = new RangeIndex<Told>();
  readonly #told = new Map<Watch, Told>();
  /** The last revision whose events were told; the source may be ahead within a turn. */
  #revision: number;
  #catchUpDue = false;
  #closed = false;
  readonly #cancelProgress: Cancel[] = [];
  readonly figures = { eventsSent: 0 };

  constructor(init: {
    readonly source: WatchSource;
    readonly clock: Clock;
    readonly random: Random;
    readonly progressIntervalMs: number;
  }) {
    this.#source = init.source;
    this.#clock = init.clock;
    this.#revision = init.source.revision;
    this.#scheduleProgress(init.random, init.progressIntervalMs);
  }

  get revision(): number {
    return this.#revision;
  }

  get compactRevision(): number {
    return this.#source.compactRevision;
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  get watchCount(): number {
    return this.#told.size;
  }

  get behindCount(): number {
    let count = 0;
    for (const watch of this.#told.keys()) if (watch.behind) count++;
    return count;
  }

  open(sink: WatchSink, options: WatchStreamOptions): Stream {
    const stream = new Stream(this, sink, options);
    if (this.#closed || this.#streams.size >= streamsMax) {
      const code = this.#closed ? 'server-stopped' : 'too-many-requests';
      stream.end(new QuorateError(code, 'no more streams of watches are taken'));
    } else this.#streams.add(stream);
    return stream;
  }

  /** Everything of one revision, right after it was applied. */
  applied(revision: number, events: readonly KeyEvent[]): void {
    if (this.#told.size === 0) this.#revision = revision;
    else if (events.length === 1) this.#appliedOne(revision, events[0]!);
    else this.#appliedSeveral(revision, events);
  }

  /** The state was replaced by a snapshot: everybody finds the way through history. */
  replaced(): void {
    const before = this.#revision;
    this.#revision = this.#source.revision;
    for (const { stream, watch } of this.#told.values()) {
      // Who was not behind has been told all that was known here.
      if (!watch.behind) watch.nextRevision = Math.max(watch.nextRevision, before + 1);
      if (watch.nextRevision <= this.#revision) stream.fallBehind(watch);
    }
    this.#scheduleCatchUp();
  }

  /** The rules of access have changed. */
  rulesChanged(): void {
    for (const stream of [...this.#streams]) stream.recheck();
  }

  /** There has been no leader for long: those who asked for one are let go. */
  leaderless(): void {
    for (const stream of [...this.#streams]) {
      if (stream.requireLeader) stream.end(new QuorateError('no-leader', 'there is no leader'));
    }
  }

  close(): void {
    this.#closed = true;
    for (const cancel of this.#cancelProgress.splice(0)) cancel();
    const error = new QuorateError('server-stopped', 'this member is closing');
    for (const stream of [...this.#streams]) stream.end(error);
  }

  // What streams ask.

  check(caller: Caller | undefined, range: { key: Uint8Array; rangeEnd: Uint8Array }): void {
    this.#source.check(caller, range);
  }

  added(stream: Stream, watch: Watch): void {
    const told = { stream, watch };
    this.#told.set(watch, told);
    this.#index.add(watch.interval, watch.single, told);
  }

  removed(_stream: Stream, watch: Watch): void {
    const told = this.#told.get(watch);
    if (told === undefined) return;
    this.#told.delete(watch);
    this.#index.remove(watch.interval, watch.single, told);
  }

  resumed(_stream: Stream): void {
    this.#scheduleCatchUp();
  }

  closed(stream: Stream): void {
    this.#streams.delete(stream);
  }

  sent(events: number): void {
    this.figures.eventsSent += events;
  }

  /** By far the most: all that are told of it share what they are told. */
  #appliedOne(revision: number, event: KeyEvent): void {
    const interested: Told[] = [];
    this.#index.each(event.kv.key, (told) => {
      if (!told.watch.behind && told.watch.wants(event)) interested.push(told);
    });
    this.#revision = revision;
    let plain: readonly KeyEvent[] | undefined;
    let whole: readonly KeyEvent[] | undefined;
    for (const told of interested) {
      if (told.watch.request.prevKv) {
        whole ??= [viewOf(event, true)];
        this.#tell(told, whole, revision);
      } else {
        plain ??= [viewOf(event, false)];
        this.#tell(told, plain, revision);
      }
    }
  }

  #appliedSeveral(revision: number, events: readonly KeyEvent[]): void {
    const interested = new Map<Told, KeyEvent[]>();
    for (const event of events) {
      this.#index.each(event.kv.key, (told) => {
        if (told.watch.behind || !told.watch.wants(event)) return;
        const known = interested.get(told);
        if (known === undefined) interested.set(told, [told.watch.view(event)]);
        else known.push(told.watch.view(event));
      });
    }
    this.#revision = revision;
    for (const [told, wanted] of interested) this.#tell(told, wanted, revision);
  }

  #tell({ stream, watch }: Told, events: readonly KeyEvent[], revision: number): void {
    if (stream.flowing) stream.tell(watch, events, revision);
    else {
      watch.nextRevision = Math.max(watch.nextRevision, revision);
      stream.fallBehind(watch);
    }
  }

  #scheduleCatchUp(): void {
    if (this.#catchUpDue || this.#closed) return;
    this.#catchUpDue = true;
    this.#clock.endOfTurn(() => {
      this.#catchUpDue = false;
      if (!this.#closed && this.#catchUp()) {
        // Other work comes between two slices.
        this.#clock.after(0, () => this.#scheduleCatchUp());
      }
    });
  }

  /** One slice of history, for those who are furthest behind. Returns whether more is to be done. */
  #catchUp(): boolean {
    // Everybody begins again once the other state is there.
    if (!this.#source.isWhole) return false;
    const waiting: Told[] = [];
    for (const told of this.#told.values()) {
      if (told.watch.behind && told.stream.flowing) waiting.push(told);
    }
    if (waiting.length === 0) return false;
    waiting.sort((a, b) => a.watch.nextRevision - b.watch.nextRevision);
    const { compactRevision } = this.#source;
    const group = waiting.slice(0, WATCHES_A_WALK).filter(({ stream, watch }) => {
      if (watch.nextRevision >= compactRevision) return true;
      stream.cancelCompacted(watch);
      return false;
    });
    if (group.length > 0) this.#walk(group);
    return true;
  }

  #walk(group: readonly Told[]): void {
    const index = new RangeIndex<Told>();
    for (const told of group) index.add(told.watch.interval, told.watch.single, told);
    const part = this.#source.history({
      from: group[0]!.watch.nextRevision,
      to: this.#revision,
      interest: (key) => index.count(key),
      ...HISTORY_A_TURN,
    });
    const gathered = new Map<Told, KeyEvent[]>(group.map((told) => [told, []]));
    for (const event of part.events) {
      index.each(event.kv.key, (told) => {
        if (told.watch.wants(event)) gathered.get(told)!.push(told.watch.view(event));
      });
    }
    for (const [{ stream, watch }, events] of gathered) {
      // A client that stopped taking messages meanwhile stays where it was.
      if (!stream.flowing || !watch.behind) continue;
      stream.tell(watch, events, part.next - 1);
      if (watch.nextRevision > this.#revision) stream.caughtUp(watch);
    }
  }

  #scheduleProgress(random: Random, intervalMs: number): void {
    // Jitter, so that not all members tell all their clients at the same moment.
    const delayMs = intervalMs * (1 + random.fraction() / 10);
    const cancel = this.#clock.after(delayMs, () => {
      this.#cancelProgress.splice(0);
      for (const stream of this.#streams) stream.periodicProgress();
      this.#scheduleProgress(random, intervalMs);
    });
    this.#cancelProgress.push(cancel);
  }
}
