/**
 * One end of a simulated stream. What is written leaves as far as the window allows, which opens
 * as the other side's program takes what has arrived; the rest is buffered here, as a system call
 * that would block leaves it with the program.
 */
import { assert } from '../base/assert.ts';
import { type ErrorCode, QuorateError } from '../base/errors.ts';
import {
  type Address,
  bufferedBytesMaxDefault,
  highWaterBytesDefault,
  type PeerCertificate,
  type Stream,
  type StreamEvents,
  type StreamLimits,
} from '../ports/streams.ts';
import { type Host, retransmitMs, type SimNetwork } from './network.ts';
import type { SimProcess } from './sim-process.ts';
import { type Piece, StreamPipe } from './stream-pipe.ts';

/** How much may be under way: what the systems of both sides buffer. */
const windowBytes = 256 * 1024;

/** How much arrives at once. */
const pieceBytesMax = 64 * 1024;

/** How often a piece is split at a random place, to surprise those who take it for a message. */
const splitChance = 0.1;

/** What an end of a stream stands on. */
export interface StreamEnd {
  readonly network: SimNetwork;
  readonly host: Host;
  readonly process: SimProcess;
  readonly local: Address;
  readonly limits: StreamLimits;
  /** Called once when the stream is over for this end. */
  readonly forget: (stream: SimStream) => void;
}

/** See {@link Stream}. */
export class SimStream implements Stream {
  readonly local: Address;
  readonly remote: Address;
  readonly certificate: PeerCertificate | null = null;
  readonly protocol: string | null = null;
  readonly #end: StreamEnd;
  readonly #pipe: StreamPipe;
  readonly #highWaterBytes: number;
  readonly #bufferedBytesMax: number;
  #peer: SimStream | null = null;
  #events: StreamEvents | null = null;
  /** Written and not yet under way. */
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #underWayBytes = 0;
  #full = false;
  /** Arrived and not yet taken. */
  #arrived: Piece[] = [];
  #open = false;
  #paused = false;
  #ending = false;
  #endSent = false;
  #endReceived = false;
  #over = false;
  #unconfirmedBytes = 0;
  #confirming = false;

  constructor(end: StreamEnd, other: { readonly host: Host; readonly address: Address }) {
    this.#end = end;
    this.local = end.local;
    this.remote = other.address;
    this.#highWaterBytes = end.limits.highWaterBytes ?? highWaterBytesDefault;
    this.#bufferedBytesMax = end.limits.bufferedBytesMax ?? bufferedBytesMaxDefault;
    assert(
      this.#highWaterBytes >= highWaterBytesDefault &&
        this.#highWaterBytes <= this.#bufferedBytesMax,
      () => `${this.#highWaterBytes} bytes are no high water below ${this.#bufferedBytesMax}`,
    );
    this.#pipe = new StreamPipe(
      end.network,
      { from: end.host, to: other.host },
      (piece) => this.#peer!.#arrive(piece),
      () => this.fail('connection-timeout', 'the other side has not answered for long'),
    );
  }

  /** Makes two ends one stream. */
  static join(a: SimStream, b: SimStream): void {
    a.#peer = b;
    b.#peer = a;
  }

  /** From now on this end's program has the stream, and has said who gets its events. */
  opened(): void {
    assert(this.#events !== null, 'a stream must be subscribed to when it is handed over');
    this.#open = true;
    if (this.#arrived.length > 0) this.resume();
  }

  get over(): boolean {
    return this.#over;
  }

  get bufferedBytes(): number {
    return this.#queuedBytes;
  }

  subscribe(events: StreamEvents): void {
    assert(this.#events === null, 'a stream has one subscriber');
    this.#events = events;
  }

  write(buffers: readonly Uint8Array[]): boolean {
    if (this.#over || this.#ending || !this.#end.process.calls()) return false;
    for (const buffer of buffers) {
      if (buffer.length === 0) continue;
      this.#queue.push(buffer);
      this.#queuedBytes += buffer.length;
    }
    this.#pump();
    if (this.#queuedBytes > this.#bufferedBytesMax) {
      this.#peer!.#resetSoon(this.#end.host);
      this.fail('send-buffer-full', `${this.#queuedBytes} bytes wait for a slow reader`);
      return false;
    }
    this.#full ||= this.#queuedBytes >= this.#highWaterBytes;
    return !this.#full;
  }

  end(): void {
    if (this.#over || this.#ending || !this.#end.process.calls()) return;
    this.#ending = true;
    this.#pump();
  }

  destroy(): void {
    if (this.#over || !this.#end.process.calls()) return;
    this.#leave();
    this.#tellClosed(null);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (this.#arrived.length === 0 || this.#over || !this.#end.process.calls()) return;
    this.#end.process.plan(0, 'stream: resumed', () => this.#take());
  }

  /** The stream is over, for a reason. */
  fail(code: ErrorCode, message: string): void {
    if (this.#over) return;
    this.#stop();
    this.#pipe.close();
    this.#tellClosed(new QuorateError(code, message));
  }

  /** The system took the connection, and the listener does not want it. */
  turnAway(): void {
    if (!this.#over) this.#leave();
  }

  /** The process of this end was killed: its system says goodbye, in one way or the other. */
  orphan(): void {
    if (this.#over) return;
    const { network, host } = this.#end;
    if (network.random.fraction() < 0.5) {
      this.#leave();
      return;
    }
    this.#stop();
    this.#pipe.close();
    this.#peer!.#resetSoon(host);
  }

  /** The machine of this end is off: nobody says anything. */
  vanish(): void {
    if (this.#over) return;
    this.#stop();
    this.#pipe.close();
  }

  /** Ends this side: what is under way arrives, then the end. */
  #leave(): void {
    this.#stop();
    if (!this.#endSent) this.#pipe.send(null);
    this.#endSent = true;
  }

  #stop(): void {
    this.#over = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#arrived = [];
    this.#end.forget(this);
  }

  #tellClosed(error: QuorateError | null): void {
    this.#end.process.plan(0, 'stream: closed', () => {
      if (this.#open) this.#events?.closed(error);
    });
  }

  /** Sends as much as the window allows, then the end if it is due. */
  #pump(): void {
    while (this.#queue.length > 0 && this.#underWayBytes < windowBytes) {
      const piece = this.#nextPiece();
      this.#queuedBytes -= piece.length;
      this.#underWayBytes += piece.length;
      const { network, host } = this.#end;
      const faults = network.faultsBetween(host, this.#peer!.#end.host);
      if (network.happens(faults.resetChance)) {
        this.#peer!.#resetSoon(host);
        this.fail('connection-reset', 'the connection broke');
        return;
      }
      this.#pipe.send(piece);
    }
    if (this.#ending && !this.#endSent && this.#queue.length === 0) {
      this.#endSent = true;
      this.#pipe.send(null);
      this.#closeIfBothEnded();
    }
  }

  /** The next bytes to leave: several buffers in one piece, or a part of one. */
  #nextPiece(): Uint8Array {
    const { random } = this.#end.network;
    const limit = random.fraction() < splitChance ? 1 + random.below(1024) : pieceBytesMax;
    const first = this.#queue[0]!;
    if (first.length > limit) {
      this.#queue[0] = first.subarray(limit);
      return first.subarray(0, limit);
    }
    let count = 1;
    let length = first.length;
    for (; count < this.#queue.length; count++) {
      const more = this.#queue[count]!.length;
      if (length + more > limit) break;
      length += more;
    }
    if (count === 1) return this.#queue.shift()!;
    const piece = new Uint8Array(length);
    let at = 0;
    for (const buffer of this.#queue.splice(0, count)) {
      piece.set(buffer, at);
      at += buffer.length;
    }
    return piece;
  }

  /** A piece has come out of the other end's pipe. */
  #arrive(piece: Piece): void {
    const { network, host, process } = this.#end;
    if (this.#over || !process.alive) {
      // Nobody is here any more, and the system says so.
      if (piece !== null) this.#peer!.#resetSoon(host);
      return;
    }
    const from = this.#peer!.#end.host;
    const content =
      piece === null ? null : network.deliver(piece, network.faultsBetween(from, host));
    network.scheduler.note(piece?.length ?? -1, () => {
      return `stream ${from.name} → ${host.name}, ${piece === null ? 'end' : `${piece.length} bytes`}`;
    });
    this.#arrived.push(content);
    process.receive('stream: received', () => this.#take());
  }

  /** Gives the program what has arrived, if it wants it. */
  #take(): void {
    while (this.#open && !this.#paused && !this.#over && this.#arrived.length > 0) {
      const piece = this.#arrived.shift()!;
      if (piece === null) {
        this.#endReceived = true;
        this.#events?.ended?.();
        this.#closeIfBothEnded();
      } else {
        this.#peer!.#confirm(piece.length, this.#end.host);
        this.#events?.received(piece);
      }
    }
  }

  #closeIfBothEnded(): void {
    if (this.#over || !this.#endSent || !this.#endReceived) return;
    this.#stop();
    this.#tellClosed(null);
  }

  /** The other side has taken bytes: the window opens, after a while if somebody waits for it. */
  #confirm(bytes: number, from: Host): void {
    if (this.#queue.length === 0 && !this.#full) {
      this.#underWayBytes -= bytes;
      return;
    }
    this.#unconfirmedBytes += bytes;
    if (this.#confirming) return;
    this.#confirming = true;
    const { network, host } = this.#end;
    const arrive = (): void => {
      if (!network.reaches(from.name, host.name)) {
        network.scheduler.plan(retransmitMs[0], null, 'stream: confirm', arrive);
        return;
      }
      this.#confirming = false;
      this.#underWayBytes -= this.#unconfirmedBytes;
      this.#unconfirmedBytes = 0;
      if (this.#over || !this.#end.process.alive) return;
      this.#pump();
      if (!this.#full || this.#queue.length > 0) return;
      this.#full = false;
      this.#end.process.receive('stream: drained', () => {
        if (!this.#over) this.#events?.drained?.();
      });
    };
    const delayMs = network.delayMs(network.faultsBetween(from, host));
    network.scheduler.plan(delayMs, null, 'stream: confirm', arrive);
  }

  /** A reset comes from the other side, if it can. */
  #resetSoon(from: Host): void {
    const { network, host } = this.#end;
    const delayMs = network.delayMs(network.faultsBetween(from, host));
    network.scheduler.plan(delayMs, null, 'stream: reset', () => {
      if (network.reaches(from.name, host.name)) {
        this.fail('connection-reset', 'the other side has reset the connection');
      }
    });
  }
}
