/**
 * A client's stream of watches. What it is told goes straight to its sink; nothing is kept for a
 * slow client but how far each of its watches has come. Once its sink takes messages again, what it
 * missed is read from history.
 */
import { QuorateError } from '../../base/errors.ts';
import { keyInterval } from '../../mvcc/key-intervals.ts';
import type { KeyEvent } from '../../mvcc/request.ts';
import type {
  Caller,
  WatchCreateRequest,
  WatchResponse,
  WatchSink,
  WatchStream,
  WatchStreamOptions,
} from '../api.ts';
import { eventBytes, Watch } from './watch.ts';

/** Watches of one stream. */
export const watchesMax = 100_000;
const FRAGMENT_BYTES_MAX = 2 ** 21 + 2 ** 19;

/** What a stream needs of the hub. */
export interface StreamHost {
  readonly revision: number;
  readonly compactRevision: number;
  /** Throws where this caller may not read that range. */
  check(caller: Caller | undefined, range: { key: Uint8Array; rangeEnd: Uint8Array }): void;
  added(stream: Stream, watch: Watch): void;
  removed(stream: Stream, watch: Watch): void;
  /** Watches that are behind may be told more. */
  resumed(stream: Stream): void;
  closed(stream: Stream): void;
  sent(events: number): void;
}

export class Stream implements WatchStream {
  readonly caller: Caller | undefined;
  readonly requireLeader: boolean;
  readonly watches = new Map<bigint, Watch>();
  readonly #host: StreamHost;
  readonly #sink: WatchSink;
  readonly #fragmentBytesMax: number;
  #nextId = 0n;
  #paused = false;
  #closed = false;
  /** How many of the watches are behind. */
  #behind = 0;
  #progressAsked = false;

  constructor(host: StreamHost, sink: WatchSink, options: WatchStreamOptions) {
    this.#host = host;
    this.#sink = sink;
    this.caller = options.caller;
    this.requireLeader = options.requireLeader ?? false;
    this.#fragmentBytesMax = options.fragmentBytesMax ?? FRAGMENT_BYTES_MAX;
  }

  /** Whether the sink takes messages. */
  get flowing(): boolean {
    return !this.#paused && !this.#closed;
  }

  create(request: WatchCreateRequest): void {
    if (this.#closed) return;
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      this.#send({ watchId: -1n, created: true, canceled: true, cancelReason: refusal });
      return;
    }
    const id = this.#idFor(request.watchId);
    const watch = Watch.from(id, request, this.#host.revision);
    if (watch === undefined) {
      this.#send({ watchId: -1n, created: true, canceled: true });
      return;
    }
    this.watches.set(id, watch);
    this.#send({ watchId: id, created: true });
    if (request.startRevision > 0 && watch.nextRevision < this.#host.compactRevision) {
      this.watches.delete(id);
      this.#compacted(watch);
      return;
    }
    this.#host.added(this, watch);
    if (watch.nextRevision <= this.#host.revision || !this.flowing) this.fallBehind(watch);
    if (watch.behind) this.#host.resumed(this);
  }

  cancel(watchId: bigint): void {
    const watch = this.watches.get(watchId);
    if (watch === undefined) return;
    this.#send({ watchId, canceled: true });
    this.#remove(watch);
  }

  progress(): void {
    this.#progressAsked = true;
    this.#answerProgress();
  }

  resume(): void {
    if (this.#closed || !this.#paused) return;
    this.#paused = false;
    this.#answerProgress();
    if (this.#behind > 0) this.#host.resumed(this);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const watch of [...this.watches.values()]) this.#remove(watch);
    this.#host.closed(this);
  }

  /** Ends the stream for a reason of the service's. */
  end(error: QuorateError): void {
    if (this.#closed) return;
    this.close();
    this.#sink.ended(error);
  }

  // For the hub.

  /** History has to be read for this watch, from its next revision on. */
  fallBehind(watch: Watch): void {
    if (watch.behind) return;
    watch.behind = true;
    this.#behind++;
  }

  caughtUp(watch: Watch): void {
    if (!watch.behind) return;
    watch.behind = false;
    this.#behind--;
    this.#answerProgress();
  }

  /** Tells a watch of all that interests it up to and with `revision`. */
  tell(watch: Watch, events: readonly KeyEvent[], revision: number): void {
    watch.nextRevision = Math.max(watch.nextRevision, revision + 1);
    if (events.length === 0) return;
    watch.active = true;
    this.#host.sent(events.length);
    if (!watch.request.fragment) return this.#sendEvents(watch.id, events, revision);
    const parts = split(events, this.#fragmentBytesMax);
    parts.forEach((part, i) => {
      const fragment = i < parts.length - 1;
      this.#send({ watchId: watch.id, events: part, fragment, revision });
    });
  }

  /** What the watch still wanted is gone. */
  cancelCompacted(watch: Watch): void {
    // Said first: once the watch is gone, an answer to a question for progress may follow.
    this.#compacted(watch);
    this.#remove(watch);
  }

  /** The rules of access have changed: who may not read any more is told no more. */
  recheck(): void {
    for (const watch of [...this.watches.values()]) {
      try {
        this.#host.check(this.caller, watch.request);
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error;
        this.#send({ watchId: watch.id, canceled: true, cancelReason: error });
        this.#remove(watch);
      }
    }
  }

  /** Now and then: how far the watches have come that asked for it and have not heard lately. */
  periodicProgress(): void {
    for (const watch of this.watches.values()) {
      const due = watch.request.progressNotify && !watch.behind && !watch.active;
      watch.active = false;
      if (due && watch.nextRevision <= this.#host.revision + 1 && this.flowing) {
        this.#send({ watchId: watch.id });
      }
    }
  }

  #answerProgress(): void {
    if (!this.#progressAsked || this.#behind > 0 || !this.flowing) return;
    const { revision } = this.#host;
    for (const watch of this.watches.values()) if (watch.nextRevision > revision + 1) return;
    this.#progressAsked = false;
    this.#send({ watchId: -1n });
  }

  #refusal(request: WatchCreateRequest): QuorateError | undefined {
    const { startRevision, watchId } = request;
    if (startRevision < 0) return new QuorateError('negative-watch-revision', 'a negative start');
    if (watchId !== 0n && this.watches.has(watchId)) {
      return new QuorateError('duplicate-watch-id', `watch ${watchId} exists`);
    }
    if (this.watches.size >= watchesMax) {
      return new QuorateError('too-many-watches', `a stream has at most ${watchesMax} watches`);
    }
    const key = request.key.length === 0 ? Uint8Array.of(0) : request.key;
    if (keyInterval(key, request.rangeEnd) === undefined) return undefined;
    try {
      this.#host.check(this.caller, { key, rangeEnd: request.rangeEnd });
      return undefined;
    } catch (error) {
      if (error instanceof QuorateError) return error;
      throw error;
    }
  }

  #idFor(wanted: bigint): bigint {
    if (wanted !== 0n) return wanted;
    while (this.watches.has(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }

  #compacted(watch: Watch): void {
    const { compactRevision } = this.#host;
    this.#send({ watchId: watch.id, canceled: true, compactRevision, revision: 0 });
  }

  #remove(watch: Watch): void {
    this.watches.delete(watch.id);
    this.caughtUp(watch);
    this.#host.removed(this, watch);
  }

  /** Spelled out, since it is what streams do all the time. */
  #sendEvents(watchId: bigint, events: readonly KeyEvent[], revision: number): void {
    if (this.#closed) return;
    const response: WatchResponse = {
      revision,
      watchId,
      created: false,
      canceled: false,
      cancelReason: undefined,
      compactRevision: 0,
      fragment: false,
      events,
    };
    if (!this.#sink.send(response)) this.#paused = true;
  }

  #send(response: Partial<WatchResponse> & { readonly watchId: bigint }): void {
    if (this.#closed) return;
    const whole = { ...blank, revision: this.#host.revision, ...response };
    if (!this.#sink.send(whole)) this.#paused = true;
  }
}

const noEvents: readonly KeyEvent[] = [];

const blank: Omit<WatchResponse, 'watchId'> = {
  revision: 0,
  created: false,
  canceled: false,
  cancelReason: undefined,
  compactRevision: 0,
  fragment: false,
  events: noEvents,
};

/** Runs of at most so many bytes, each of at least one event. */
function split(events: readonly KeyEvent[], bytesMax: number): readonly (readonly KeyEvent[])[] {
  const parts: KeyEvent[][] = [[]];
  let bytes = 0;
  for (const event of events) {
    const size = eventBytes(event);
    if (bytes + size > bytesMax && parts.at(-1)!.length > 0) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(event);
    bytes += size;
  }
  return parts;
}
