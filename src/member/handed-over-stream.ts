/**
 * A stream that a member has accepted and looked into, given to somebody else: the bytes that were
 * read come first, as if nobody had.
 */
import { assert } from '../base/assert.ts';
import type { QuorateError } from '../base/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Address, PeerCertificate, Stream, StreamEvents } from '../ports/streams.ts';

/** See above. Its owner passes the events on. */
export class HandedOverStream implements Stream {
  readonly #stream: Stream;
  readonly #clock: Clock;
  #events: StreamEvents | undefined;
  /** What has come and waits for its turn; undefined once everything goes straight through. */
  #waiting: ((events: StreamEvents) => void)[] | undefined;
  #paused = false;

  constructor(stream: Stream, first: Uint8Array, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
    this.#waiting = [(events) => events.received(first)];
  }

  get local(): Address {
    return this.#stream.local;
  }

  get remote(): Address {
    return this.#stream.remote;
  }

  get certificate(): PeerCertificate | null {
    return this.#stream.certificate;
  }

  get protocol(): string | null {
    return this.#stream.protocol;
  }

  get bufferedBytes(): number {
    return this.#stream.bufferedBytes;
  }

  subscribe(events: StreamEvents): void {
    assert(this.#events === undefined, 'a stream has one subscriber');
    this.#events = events;
    this.#clock.after(0, () => this.#catchUp());
  }

  write(buffers: readonly Uint8Array[]): boolean {
    return this.#stream.write(buffers);
  }

  end(): void {
    this.#stream.end();
  }

  destroy(): void {
    this.#stream.destroy();
  }

  pause(): void {
    this.#paused = true;
    this.#stream.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#stream.resume();
    if (this.#waiting !== undefined) this.#clock.after(0, () => this.#catchUp());
  }

  received(bytes: Uint8Array): void {
    this.#pass((events) => events.received(bytes));
  }

  drained(): void {
    this.#pass((events) => events.drained?.());
  }

  ended(): void {
    this.#pass((events) => events.ended?.());
  }

  closed(error: QuorateError | null): void {
    // Nobody can resume what is over.
    this.#paused = false;
    this.#pass((events) => events.closed(error));
    this.#catchUp();
  }

  #pass(event: (events: StreamEvents) => void): void {
    if (this.#waiting === undefined && this.#events !== undefined) event(this.#events);
    else this.#waiting?.push(event);
  }

  #catchUp(): void {
    const events = this.#events;
    if (events === undefined) return;
    for (let next = this.#next(); next !== undefined; next = this.#next()) next(events);
    if (this.#waiting?.length === 0) this.#waiting = undefined;
  }

  #next(): ((events: StreamEvents) => void) | undefined {
    return this.#paused ? undefined : this.#waiting?.shift();
  }
}
