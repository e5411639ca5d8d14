/**
 * One stream of a connection: a request, and the answer to it (RFC 9113, sections 5.1 and 5.2).
 *
 * Invariants: nothing is sent beyond what the client has room for, and nothing behind the end of the
 * answer; what the client sends is counted as taken once it has been handed on, so that it can have
 * sent at most a window that nobody has taken. `closed` is heard once, and nothing behind it.
 */
import { assert } from '../base/assert.ts';
import type {
  ExchangeEvents,
  HttpExchange,
  HttpHeaders,
  HttpRequest,
  ResetReason,
} from '../ports/http.ts';
import type { Address, PeerCertificate } from '../ports/streams.ts';
import { type Reason, reasons } from './frame.ts';

/** What a stream may have waiting before its writer is asked to wait. */
const writtenBytesHigh = 65_536;

/** Who is at the other end. */
export interface StreamPeer {
  readonly remote: Address;
  readonly secure: boolean;
  readonly certificate: PeerCertificate | null;
}

/** What a stream needs of its connection. */
export interface StreamHost {
  readonly peer: StreamPeer;
  /** Above it a client is too slow. */
  readonly bufferedBytesMax: number;
  /** Sends header fields; with `last` they end the answer. */
  sendFields(stream: ServerStream, status: number, headers: HttpHeaders, last: boolean): void;
  /** Sends what the windows allow of what waits, and then the end if it was said. */
  pump(stream: ServerStream): void;
  /** So many bytes of a body have been handed on, or will not be asked for any more. */
  taken(stream: ServerStream, bytes: number): void;
  /** Breaks a stream off. */
  reset(stream: ServerStream, reason: Reason): void;
}

export class ServerStream implements HttpExchange {
  readonly id: number;
  readonly request: HttpRequest;
  readonly #host: StreamHost;
  #events: ExchangeEvents | undefined;

  // The answer.
  /** What the client has room for; below 0 after it took back some of it. */
  sendWindowBytes: number;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** How the answer ends, once that is said. */
  #end: { readonly trailers: HttpHeaders | undefined } | undefined;
  #responded = false;
  #full = false;
  /** The end of the answer has been sent. */
  answered = false;

  // The request.
  receiveWindowBytes: number;
  /** Taken, and the client has not been told. */
  untoldBytes = 0;
  /** Said and not yet come; −1: not said. */
  #bodyBytesLeft: number;
  #paused = false;
  #delivering = false;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #endToTell = false;
  /** The client has ended its side. */
  ended = false;
  closed = false;

  constructor(
    host: StreamHost,
    init: {
      readonly id: number;
      readonly request: HttpRequest;
      readonly bodyBytes: number;
      readonly sendWindowBytes: number;
      readonly receiveWindowBytes: number;
    },
  ) {
    this.#host = host;
    this.id = init.id;
    this.request = init.request;
    this.#bodyBytesLeft = init.bodyBytes;
    this.sendWindowBytes = init.sendWindowBytes;
    this.receiveWindowBytes = init.receiveWindowBytes;
  }

  get remote(): Address {
    return this.#host.peer.remote;
  }

  get secure(): boolean {
    return this.#host.peer.secure;
  }

  get certificate(): PeerCertificate | null {
    return this.#host.peer.certificate;
  }

  get bufferedBytes(): number {
    return this.#waitingBytes;
  }

  subscribe(events: ExchangeEvents): void {
    assert(this.#events === undefined, 'an exchange has one subscriber');
    this.#events = events;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deliver();
  }

  respond(status: number, headers: HttpHeaders): void {
    if (this.closed || this.#responded) return;
    this.#responded = true;
    this.#host.sendFields(this, status, headers, false);
  }

  write(bytes: Uint8Array): boolean {
    if (this.closed || this.#end !== undefined) return false;
    if (bytes.length > 0) {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.length;
      this.#host.pump(this);
    }
    if (this.#waitingBytes > this.#host.bufferedBytesMax) this.reset('calm');
    if (this.#waitingBytes >= writtenBytesHigh) this.#full = true;
    return !this.#full && !this.closed;
  }

  end(trailers?: HttpHeaders): void {
    if (this.closed || this.#end !== undefined) return;
    this.#end = { trailers };
    this.#host.pump(this);
  }

  respondOnly(status: number, headers: HttpHeaders): void {
    if (this.closed || this.#responded) return;
    this.#responded = true;
    this.#end = { trailers: undefined };
    this.#host.sendFields(this, status, headers, true);
  }

  reset(reason: ResetReason): void {
    if (!this.closed) this.#host.reset(this, reasons[reason]);
  }

  // What follows is for the connection.

  /** Bytes of the answer wait to be sent. */
  get waits(): boolean {
    return this.#waitingBytes > 0;
  }

  /** The end of the answer was said, and is all that is left to send. */
  get endToSend(): { readonly trailers: HttpHeaders | undefined } | undefined {
    return this.#waitingBytes === 0 && !this.answered ? this.#end : undefined;
  }

  /** The next bytes of the answer. */
  next(bytesMax: number): Uint8Array {
    const [first] = this.#waiting;
    assert(first !== undefined, 'something waits');
    const sent = first.length > bytesMax ? first.subarray(0, bytesMax) : first;
    if (sent === first) this.#waiting.shift();
    else this.#waiting[0] = first.subarray(bytesMax);
    this.#waitingBytes -= sent.length;
    return sent;
  }

  /** Asks for more once a writer that had to wait may go on. */
  relieve(): void {
    if (!this.#full || this.#waitingBytes > 0 || this.closed) return;
    this.#full = false;
    this.#events?.drained?.();
  }

  /** False where the request is longer than it said. */
  receive(bytes: Uint8Array): boolean {
    if (this.#bodyBytesLeft >= 0) {
      this.#bodyBytesLeft -= bytes.length;
      if (this.#bodyBytesLeft < 0) return false;
    }
    if (bytes.length === 0) return true;
    if (!this.#paused && !this.#delivering && this.#held.length === 0) {
      // Nothing waits, and nobody lets it wait: it need not be held.
      this.#delivering = true;
      this.#host.taken(this, bytes.length);
      this.#events?.received(bytes);
      this.#delivering = false;
      return true;
    }
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    this.#deliver();
    return true;
  }

  /** False where the request is shorter than it said. */
  receiveEnd(): boolean {
    if (this.#bodyBytesLeft > 0) return false;
    this.ended = true;
    this.#endToTell = true;
    this.#deliver();
    return true;
  }

  /** It is over. */
  close(whole: boolean): void {
    if (this.closed) return;
    this.closed = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#held = [];
    if (this.#heldBytes > 0) this.#host.taken(this, this.#heldBytes);
    this.#heldBytes = 0;
    this.#events?.closed(whole);
  }

  #deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    while (!this.#paused && !this.closed) {
      const bytes = this.#held.shift();
      if (bytes === undefined) break;
      this.#heldBytes -= bytes.length;
      this.#host.taken(this, bytes.length);
      this.#events?.received(bytes);
    }
    this.#delivering = false;
    if (!this.#endToTell || this.#paused || this.closed || this.#held.length > 0) return;
    this.#endToTell = false;
    this.#events?.ended();
  }
}
