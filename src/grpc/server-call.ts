/**
 * One call on the server's side, from its header fields to its status.
 *
 * Invariants: exactly one status is sent, or the exchange is broken off; nothing is sent behind it;
 * the handler hears `over` exactly once, and nothing after it. A call that fails before its first
 * answer is answered by trailers alone.
 */
import { type CancelSignal, FiredSignal } from '../base/cancel-signal.ts';
import { QuorateError } from '../base/errors.ts';
import type { Cancel } from '../ports/callbacks.ts';
import type { ExchangeEvents, HttpExchange } from '../ports/http.ts';
import type { Address, PeerCertificate } from '../ports/streams.ts';
import { frame, frameInPlace, wholeMessage } from './frame.ts';
import { IncomingMessages, type IncomingOptions } from './incoming.ts';
import {
  encodeMessage,
  type Metadata,
  metadataFromHeaders,
  metadataToHeaders,
} from './metadata.ts';
import type { Method } from './method.ts';
import { okStatus, type Status, statusCodes, statusOf } from './status.ts';

/** What handlers see of a call. */
export interface ServerCall<Response = unknown> {
  readonly path: string;
  readonly metadata: Metadata;
  readonly remote: Address;
  readonly certificate: PeerCertificate | null;
  /** Fires when nobody waits for the answer any more: cancelled, past its deadline, or ended. */
  readonly signal: CancelSignal;
  /** Whether the call has ended. */
  readonly over: boolean;
  /** Bytes of answers that have not left yet: the client is slow. */
  readonly bufferedBytes: number;
  /** Sent before the first answer. */
  sendMetadata(metadata: Metadata): void;
  /** Sends an answer of a stream; false where it is better to wait for `drained`. */
  send(response: Response): boolean;
  /** Ends the call. Once; later ones are ignored, for a call may end from several sides. */
  finish(status?: Status): void;
  /** Stops and resumes `received`. */
  pause(): void;
  resume(): void;
}

/** A handler's side of a call that streams. */
export interface StreamHandler<Request> {
  received(request: Request): void;
  /** The client will send no more; it still listens. */
  ended(): void;
  drained?(): void;
  /** The call has ended, however that came. */
  over?(): void;
}

/** What a call shares with all of its server. */
export interface CallHost extends Pick<IncomingOptions, 'compression' | 'messageBytesMax'> {
  after(delayMs: number, callback: () => void): Cancel;
  nowMs(): number;
  statusOfError(error: unknown): Status;
  /** Counts bytes of requests that are not whole yet; false where they are too many for all. */
  assembling(changeBytes: number): boolean;
  /** The call has ended with this status; `cancelled` where the client broke it off. */
  ended(call: Call<never, never>, code: number): void;
}

const answerHeaders = {
  'content-type': 'application/grpc',
  'grpc-accept-encoding': 'identity,gzip',
} as const;

const okTrailers = { 'grpc-status': String(statusCodes.ok) } as const;

function trailersOf(status: Status): Record<string, string> {
  return {
    ...(status.metadata === undefined ? {} : metadataToHeaders(status.metadata)),
    'grpc-status': String(status.code),
    ...(status.message === '' ? {} : { 'grpc-message': encodeMessage(status.message) }),
  };
}

const callHasEnded = new QuorateError('aborted', 'the call has ended');

export class Call<Request, Response> implements ServerCall<Response>, ExchangeEvents {
  readonly metadata: Metadata;
  /** When it began, of the monotonic clock. */
  readonly beganMs: number;
  readonly #method: Method<Request, Response>;
  readonly #exchange: HttpExchange;
  readonly #host: CallHost;
  readonly #encoding: string;
  /** Made for what is not simply one whole message after the other. */
  #incoming: IncomingMessages | undefined;
  #handler: StreamHandler<Request> | undefined;
  #signal: FiredSignal | undefined;
  #cancelTimer: Cancel | undefined;
  #heldBytes = 0;
  #initial: Metadata | undefined;
  #responded = false;
  /** How it ends if the exchange is over; the exchange may say so while the status is being sent. */
  #code: number = statusCodes.cancelled;
  #abort = true;
  over = false;

  constructor(
    exchange: HttpExchange,
    method: Method<Request, Response>,
    init: { readonly host: CallHost; readonly encoding: string },
  ) {
    const { host, encoding } = init;
    this.#exchange = exchange;
    this.#method = method;
    this.#host = host;
    this.#encoding = encoding;
    this.beganMs = host.nowMs();
    this.metadata = metadataFromHeaders(exchange.request.headers);
  }

  get path(): string {
    return this.#method.path;
  }

  get remote(): Address {
    return this.#exchange.remote;
  }

  get certificate(): PeerCertificate | null {
    return this.#exchange.certificate;
  }

  get bufferedBytes(): number {
    return this.over ? 0 : this.#exchange.bufferedBytes;
  }

  get signal(): CancelSignal {
    this.#signal ??= new FiredSignal();
    if (this.over) this.#signal.fire(callHasEnded);
    return this.#signal;
  }

  /** Begins: from now on the handler hears of the call. */
  start(handler: StreamHandler<Request>, deadlineMs: number | undefined): void {
    this.#handler = handler;
    this.#exchange.subscribe(this);
    if (deadlineMs === undefined) return;
    this.#cancelTimer = this.#host.after(deadlineMs, () => {
      this.finish(statusOf('deadline-exceeded', 'context deadline exceeded'));
    });
  }

  // What the exchange tells: see ExchangeEvents.

  received(bytes: Uint8Array): void {
    if (this.over) return;
    // Most requests are one message in one piece, and need nothing to put them together.
    if (this.#incoming === undefined) {
      const whole = wholeMessage(bytes, this.#host.messageBytesMax);
      if (whole !== undefined) return this.#received(whole);
      this.#incoming = this.#assembly();
    }
    this.#incoming.push(bytes);
    this.#countHeld(this.#incoming);
  }

  ended(): void {
    if (this.over) return;
    if (this.#incoming !== undefined) this.#incoming.end();
    else this.#lastReceived();
  }

  drained(): void {
    if (!this.over) this.#handler?.drained?.();
  }

  closed(): void {
    this.#close();
  }

  sendMetadata(metadata: Metadata): void {
    this.#initial = metadata;
  }

  send(response: Response): boolean {
    if (this.over) return false;
    const codec = this.#method.response;
    let bytes: Uint8Array;
    try {
      bytes = codec.encode(response);
    } catch (error) {
      this.fail(error);
      return false;
    }
    this.#respond();
    return this.#exchange.write(codec.prefixRoom === true ? frameInPlace(bytes) : frame(bytes));
  }

  finish(status: Status = okStatus): void {
    if (!this.over) this.#finish(status, true);
  }

  /** The handler of a unary call is done: nobody listens to its signal any more. */
  settle(response: Response): void {
    this.send(response);
    if (!this.over) this.#finish(okStatus, false);
  }

  #finish(status: Status, abort: boolean): void {
    const trailers = status === okStatus ? okTrailers : trailersOf(status);
    this.#code = status.code;
    this.#abort = abort;
    if (this.#responded) this.#exchange.end(trailers);
    else if (status.code === statusCodes.ok) {
      this.#respond();
      this.#exchange.end(trailers);
    } else {
      this.#exchange.respondOnly(200, { ...this.#headers(), ...trailers });
    }
    this.#close();
  }

  /** Ends the call with what an error means. */
  fail(error: unknown): void {
    if (!this.over) this.#finish(this.#host.statusOfError(error), false);
  }

  pause(): void {
    if (!this.over) this.#exchange.pause();
  }

  resume(): void {
    if (!this.over) this.#exchange.resume();
  }

  #respond(): void {
    if (this.#responded) return;
    this.#responded = true;
    this.#exchange.respond(200, this.#headers());
  }

  /** Almost all answers have the same ones: one object for all of these. */
  #headers(): Record<string, string> {
    if (this.#initial === undefined) return answerHeaders;
    return { ...metadataToHeaders(this.#initial), ...answerHeaders };
  }

  #assembly(): IncomingMessages {
    const { compression, messageBytesMax } = this.#host;
    return new IncomingMessages(
      { compression, messageBytesMax, encoding: this.#encoding, source: this.#exchange },
      {
        message: (bytes) => this.#received(bytes),
        ended: () => this.#lastReceived(),
        failed: (status) => this.finish(status),
      },
    );
  }

  #countHeld({ heldBytes }: IncomingMessages): void {
    const welcome = this.#host.assembling(heldBytes - this.#heldBytes);
    this.#heldBytes = heldBytes;
    if (!welcome && !this.over) {
      this.finish(statusOf('resource-exhausted', 'too many bytes of unfinished requests'));
    }
  }

  #received(bytes: Uint8Array): void {
    let request: Request;
    try {
      request = this.#method.request.decode(bytes);
    } catch (error) {
      const reason = (error as Error).message;
      return this.finish(statusOf('internal', `grpc: error unmarshalling request: ${reason}`));
    }
    // What a handler throws ends its call, and nothing else.
    try {
      this.#handler?.received(request);
    } catch (error) {
      this.fail(error);
    }
  }

  #lastReceived(): void {
    try {
      this.#handler?.ended();
    } catch (error) {
      this.fail(error);
    }
  }

  #close(): void {
    if (this.over) return;
    this.over = true;
    this.#cancelTimer?.();
    this.#incoming?.stop();
    if (this.#heldBytes > 0) this.#host.assembling(-this.#heldBytes);
    this.#heldBytes = 0;
    if (this.#abort) this.#signal?.fire(callHasEnded);
    this.#host.ended(this as unknown as Call<never, never>, this.#code);
    this.#handler?.over?.();
  }
}
