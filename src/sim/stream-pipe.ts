/**
 * One direction of a simulated stream between its two ends: pieces arrive in order, later when they
 * were lost on the way, and not before a cut or clog has ended or the other machine is up again. Like
 * TCP, it tries again ever more slowly, and gives up at last.
 */
import type { EventTicket } from './event-heap.ts';
import { type Host, retransmitMs, type SimNetwork, streamPatienceMs } from './network.ts';

/** Bytes, or `null` for the end. */
export type Piece = Uint8Array | null;

/** How many pieces may be under way; the window of a stream keeps far below. */
const piecesMax = 100_000;

interface Travelling {
  readonly piece: Piece;
  readonly arrivesMs: number;
}

/** See above. */
export class StreamPipe {
  readonly #network: SimNetwork;
  readonly #from: Host;
  readonly #to: Host;
  readonly #deliver: (piece: Piece) => void;
  readonly #giveUp: () => void;
  #pieces: Travelling[] = [];
  #lastArrivalMs = 0;
  #stalledSinceMs: number | null = null;
  #retryMs = retransmitMs[0];
  #ticket: EventTicket | null = null;
  #closed = false;

  constructor(
    network: SimNetwork,
    ends: { from: Host; to: Host },
    deliver: (piece: Piece) => void,
    giveUp: () => void,
  ) {
    this.#network = network;
    this.#from = ends.from;
    this.#to = ends.to;
    this.#deliver = deliver;
    this.#giveUp = giveUp;
  }

  send(piece: Piece): void {
    if (this.#closed || this.#pieces.length >= piecesMax) return;
    const { scheduler } = this.#network;
    const faults = this.#network.faultsBetween(this.#from, this.#to);
    let delayMs = this.#network.delayMs(faults);
    if (this.#network.happens(faults.lossChance)) delayMs += retransmitMs[0];
    const arrivesMs = Math.max(this.#lastArrivalMs, scheduler.nowMs + delayMs);
    this.#lastArrivalMs = arrivesMs;
    this.#pieces.push({ piece, arrivesMs });
    if (this.#pieces.length === 1) this.#await(arrivesMs - scheduler.nowMs);
  }

  /** Drops what is under way. */
  close(): void {
    this.#closed = true;
    this.#pieces = [];
    if (this.#ticket !== null) this.#network.scheduler.cancel(this.#ticket);
  }

  #await(delayMs: number): void {
    this.#ticket = this.#network.scheduler.plan(delayMs, null, 'stream', () => this.#arrive());
  }

  #arrive(): void {
    this.#ticket = null;
    const { nowMs } = this.#network.scheduler;
    if (this.#to.process === null || !this.#network.reaches(this.#from.name, this.#to.name)) {
      this.#stalledSinceMs ??= nowMs;
      if (nowMs - this.#stalledSinceMs >= streamPatienceMs) {
        this.close();
        this.#giveUp();
        return;
      }
      this.#await(this.#retryMs);
      this.#retryMs = Math.min(retransmitMs[1], this.#retryMs * 2);
      return;
    }
    this.#stalledSinceMs = null;
    this.#retryMs = retransmitMs[0];
    const { piece } = this.#pieces.shift()!;
    const next = this.#pieces[0];
    if (next !== undefined) this.#await(Math.max(0, next.arrivesMs - nowMs));
    this.#deliver(piece);
  }
}
