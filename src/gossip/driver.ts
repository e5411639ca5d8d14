/**
 * The driver of the gossip core: carries packets, streams and time between the pure core and the
 * ports, and hands every other effect to its owner.
 *
 * Effects are carried out in the order in which the core returned them, also when carrying one out
 * makes the owner give the core another input: what that returns is queued behind. Commands are
 * checked by the core before anything changes, and throw to whoever gave them.
 */
import type { QuorateError } from '../base/errors.ts';
import type { Cancel } from '../ports/callbacks.ts';
import type { Clock } from '../ports/clock.ts';
import type { PacketSocket } from '../ports/packets.ts';
import type { Listener, Stream, Streams } from '../ports/streams.ts';
import type { GossipEffect, GossipInput, GossipMachine, StreamId } from '../swim/api.ts';

/** Effects that are not about the network. */
export type OwnEffect = Exclude<
  GossipEffect,
  { type: 'send-packet' | 'open-stream' | 'write-stream' | 'close-stream' }
>;

/** What a {@link Driver} needs. */
export interface DriverOptions {
  readonly core: GossipMachine;
  readonly clock: Clock;
  readonly streams: Streams;
  readonly socket: PacketSocket;
  readonly listener: Listener;
  /** How long a closing stream may take to flush, in milliseconds. */
  readonly lingerMs: number;
  readonly effect: (effect: OwnEffect) => void;
}

/** Longest timer: the core is woken at least this often, which does no harm. */
const wakeDelayMsMax = 60_000;

interface OpenStream {
  /** Absent while it is being connected. */
  stream?: Stream;
  cancelConnect?: Cancel;
  /** Set once it is closing: cuts it off if it takes too long. */
  linger?: Cancel;
}

/** Runs a core; see the module's comment. */
export class Driver {
  readonly core: GossipMachine;
  readonly #options: DriverOptions;
  readonly #open = new Map<StreamId, OpenStream>();
  readonly #effects: GossipEffect[] = [];
  #draining = false;
  #timer: Cancel | undefined;
  /** When the timer is due; `Infinity` while there is none. */
  #timerAtMs = Number.POSITIVE_INFINITY;
  #lastAccepted = -1;
  #closed = false;

  constructor(options: DriverOptions) {
    this.#options = options;
    this.core = options.core;
    this.#schedule();
  }

  /** The core's time. */
  nowMs(): number {
    return this.#options.clock.monotonicMs();
  }

  /** Gives the core an input and carries out what it asks for. Throws what the core throws. */
  handle(input: GossipInput): void {
    if (this.#closed) return;
    for (const effect of this.core.handle(input, this.nowMs())) this.#effects.push(effect);
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (
        let effect = this.#effects.shift();
        effect !== undefined;
        effect = this.#effects.shift()
      ) {
        this.#carryOut(effect);
      }
    } finally {
      this.#draining = false;
    }
    this.#schedule();
  }

  /** A stream that the listener accepted. */
  accepted(stream: Stream): void {
    if (this.#closed) {
      stream.subscribe({ received: () => {}, closed: () => {} });
      stream.destroy();
      return;
    }
    this.#lastAccepted += 2;
    const id = this.#lastAccepted;
    this.#open.set(id, { stream });
    this.#subscribe(id, stream);
    this.handle({ type: 'stream-accepted', stream: id, from: stream.remote });
  }

  /** Stops at once; nothing is sent or received any more, and both ports are free when it resolves. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.();
    this.#effects.length = 0;
    const { socket, listener } = this.#options;
    const freed = Promise.all([
      new Promise<void>((resolve) => socket.close(() => resolve())),
      new Promise<void>((resolve) => listener.close(() => resolve())),
    ]);
    for (const open of this.#open.values()) {
      open.cancelConnect?.();
      open.linger?.();
      open.stream?.destroy();
    }
    this.#open.clear();
    await freed;
  }

  #schedule(): void {
    const dueAtMs = this.core.wakeAtMs;
    // An earlier timer than needed is left as it is: it looks again when it fires.
    if (this.#closed || this.#timerAtMs <= dueAtMs) return;
    this.#timer?.();
    const nowMs = this.nowMs();
    const delayMs = Math.min(wakeDelayMsMax, Math.max(0, dueAtMs - nowMs));
    this.#timerAtMs = nowMs + delayMs;
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      if (this.core.wakeAtMs <= this.nowMs()) this.handle({ type: 'wake' });
      else this.#schedule();
    });
  }

  #carryOut(effect: GossipEffect): void {
    switch (effect.type) {
      case 'send-packet':
        this.#options.socket.send(effect.bytes, effect.to);
        return;
      case 'open-stream':
        this.#connect(effect);
        return;
      case 'write-stream':
        this.#open.get(effect.stream)?.stream?.write([effect.bytes]);
        return;
      case 'close-stream':
        this.#finish(effect.stream);
        return;
      default:
        this.#options.effect(effect);
    }
  }

  #connect(effect: Extract<GossipEffect, { type: 'open-stream' }>): void {
    const open: OpenStream = {};
    this.#open.set(effect.stream, open);
    // Whoever was stalled past the deadline has no time left, and still no right to a bad number.
    const timeoutMs = Math.max(1, effect.timeoutMs);
    open.cancelConnect = this.#options.streams.connect(
      { address: effect.to, timeoutMs },
      (answer) => {
        delete open.cancelConnect;
        if (answer instanceof Error) {
          this.#open.delete(effect.stream);
          this.handle({ type: 'stream-closed', stream: effect.stream, error: answer.message });
          return;
        }
        open.stream = answer;
        this.#subscribe(effect.stream, answer);
        answer.write([effect.bytes]);
      },
    );
  }

  #subscribe(id: StreamId, stream: Stream): void {
    stream.subscribe({
      received: (bytes) => {
        if (this.#open.get(id)?.linger === undefined) {
          this.handle({ type: 'stream-data', stream: id, bytes });
        }
      },
      ended: () => {
        // Whoever speaks this protocol ends only when his exchange is over.
        this.#over(id, null);
        stream.end();
      },
      closed: (error) => {
        this.#over(id, error);
        this.#open.get(id)?.linger?.();
        this.#open.delete(id);
      },
    });
  }

  /** Tells the core, once, that a stream is over, unless it was the core that closed it. */
  #over(id: StreamId, error: QuorateError | null): void {
    const open = this.#open.get(id);
    if (open === undefined || open.linger !== undefined) return;
    this.#linger(open);
    this.handle({
      type: 'stream-closed',
      stream: id,
      ...(error === null ? {} : { error: error.message }),
    });
  }

  #finish(id: StreamId): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    if (open.stream === undefined) {
      open.cancelConnect?.();
      this.#open.delete(id);
      return;
    }
    if (open.linger !== undefined) return;
    this.#linger(open);
    open.stream.end();
  }

  #linger(open: OpenStream): void {
    open.linger = this.#options.clock.after(this.#options.lingerMs, () => open.stream?.destroy());
  }
}
