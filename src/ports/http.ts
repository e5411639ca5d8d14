/**
 * HTTP: requests and answers over HTTP/2, and over HTTP/1.1 on the same port. gRPC stands on it, and
 * so do the JSON gateway and health pages; what stands below (Node's own HTTP/2, or one written for
 * gRPC on bare sockets) is the platform's business.
 *
 * Without TLS the first bytes say which protocol is spoken (RFC 9113, section 3.4: the client's
 * preface); with TLS the handshake says it (ALPN), and where it does not, the first bytes again.
 * Of the security list in reliability.md: limits on everything a client can send without end (8).
 */
import type { QuorateError } from '../base/errors.ts';
import type { Answer, Done } from './callbacks.ts';
import type { Address, ConnectTls, Credentials, ListenerTls, PeerCertificate } from './streams.ts';

/** Header fields: names in lower case; a field that came twice is joined by `, `. */
export type HttpHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What a request says before its body. */
export interface HttpRequest {
  readonly version: 1 | 2;
  readonly method: string;
  /** With the query, as it was sent. */
  readonly path: string;
  /** The host, and port, that the client believes to talk to; empty if it does not say. */
  readonly authority: string;
  readonly headers: HttpHeaders;
}

/** Why one side broke an exchange off: the reasons of RFC 9113, section 7, that are of use here. */
export type ResetReason = 'none' | 'cancel' | 'internal' | 'refused' | 'calm';

/** What an exchange tells its owner; nothing more comes after `closed`. */
export interface ExchangeEvents {
  /** Bytes of the body, at least one; the receiver's own from now on. */
  received(bytes: Uint8Array): void;
  /** The body is whole. */
  ended(): void;
  /** What was not sent has left after `write` had said that there was too much. */
  drained?(): void;
  /** It is over; `whole` if the answer has been handed over completely and nobody broke it off. */
  closed(whole: boolean): void;
}

/** One request, as the server sees it, and the way to answer it. */
export interface HttpExchange {
  readonly request: HttpRequest;
  readonly remote: Address;
  readonly secure: boolean;
  readonly certificate: PeerCertificate | null;
  /** Bytes that were written and have not left yet. */
  readonly bufferedBytes: number;
  /** Names who gets the events; once, in the callback that brought the exchange. */
  subscribe(events: ExchangeEvents): void;
  /** Stops `received`, so that the client has to wait (flow control). */
  pause(): void;
  resume(): void;
  /** Status and header fields; once, before anything else of the answer. */
  respond(status: number, headers: HttpHeaders): void;
  /** Sends bytes of the answer's body; false where the writer should wait for `drained`. */
  write(bytes: Uint8Array): boolean;
  /** Ends the answer; trailers only where HTTP/2 is spoken. */
  end(trailers?: HttpHeaders): void;
  /** The whole of an answer without a body: header fields that are trailers at once. */
  respondOnly(status: number, headers: HttpHeaders): void;
  /** Breaks the exchange off. */
  reset(reason: ResetReason): void;
}

/** Limits of a listener. Each has a default that is fit for a server on a hostile network. */
export interface HttpLimits {
  readonly connectionsMax?: number;
  /** For the TLS handshake, and then for the first bytes of a protocol. */
  readonly handshakeTimeoutMs?: number;
  /** Requests under way on one HTTP/2 connection. */
  readonly streamsMax?: number;
  /** All header fields of one request together, decoded. */
  readonly headerBytesMax?: number;
  /** Above this many bytes that a slow reader has not taken, its exchange is broken off. */
  readonly bufferedBytesMax?: number;
  /** Least time between a client's pings; who keeps breaking it is sent away (`too_many_pings`). */
  readonly pingIntervalMsMin?: number;
  /** A client that has been silent so long is asked whether it lives; */
  readonly keepAliveIntervalMs?: number;
  /** and one that does not answer for so long is cut off. */
  readonly keepAliveTimeoutMs?: number;
}

export const httpLimitDefaults: Required<HttpLimits> = {
  connectionsMax: 10_000,
  handshakeTimeoutMs: 5_000,
  streamsMax: 4_096,
  headerBytesMax: 65_536,
  bufferedBytesMax: 64 * 1024 * 1024,
  pingIntervalMsMin: 5_000,
  keepAliveIntervalMs: 7_200_000,
  keepAliveTimeoutMs: 20_000,
};

/** Where and how to listen. */
export interface HttpListenOptions extends HttpLimits {
  readonly address: Address;
  /** Its protocols need not be given: `h2` and `http/1.1`. */
  readonly tls?: ListenerTls;
  /** Beside TLS also takes clients that speak without: the first byte says which it is. */
  readonly alsoPlain?: boolean;
}

/** What a listener tells its owner. */
export interface HttpListenerEvents {
  /** A request has come; its events must be asked for before this call returns. */
  exchange(exchange: HttpExchange): void;
  /** A connection was turned away: bad handshake, too many, neither HTTP/1.1 nor HTTP/2. */
  refused?(error: QuorateError, remote: Address): void;
  /** The listener has failed for good. */
  failed?(error: QuorateError): void;
}

/** A place where requests come in. */
export interface HttpListener {
  readonly address: Address;
  /** Connections that are open now. */
  readonly connections: number;
  /** Uses these credentials from the next handshake on; throws `tls-failed`. */
  reload(credentials: Credentials): void;
  /**
   * Accepts no more, and tells HTTP/2 clients so (GOAWAY); requests under way go on. After `graceMs`
   * what is left is cut off. `done` when nothing is left.
   */
  close(graceMs: number, done: Done): void;
}

/** Whom to connect to. */
export interface HttpConnectOptions {
  readonly address: Address;
  readonly tls?: ConnectTls;
  /** For resolving, connecting and the handshakes together. */
  readonly timeoutMs: number;
  /** A server that has been silent so long is asked whether it lives; 0: never. */
  readonly keepAliveIntervalMs?: number;
  readonly keepAliveTimeoutMs?: number;
}

/** What a request tells the client that made it; nothing comes after `closed`. */
export interface AnswerEvents {
  responded(status: number, headers: HttpHeaders): void;
  received(bytes: Uint8Array): void;
  /** Header fields behind the body; they may come without body, and not at all. */
  trailers(headers: HttpHeaders): void;
  drained?(): void;
  /** `null` where the server has ended it in order; `refused` where it did nothing at all. */
  closed(error: QuorateError | null): void;
}

/** One request, as the client that made it sees it. */
export interface HttpCall {
  write(bytes: Uint8Array): boolean;
  end(): void;
  reset(reason: ResetReason): void;
  pause(): void;
  resume(): void;
}

/** A client's connection that speaks HTTP/2. */
export interface HttpConnection {
  readonly remote: Address;
  /** False once it takes no more requests: closed, or told to go away. */
  readonly open: boolean;
  request(path: string, headers: HttpHeaders, events: AnswerEvents): HttpCall;
  /** No more requests; closes when those under way have ended. */
  close(): void;
  destroy(): void;
}

/** HTTP, both ends. */
export interface Http {
  /** `address-in-use`, `address-unavailable`, `permission-denied`, `tls-failed`. */
  listen(
    options: HttpListenOptions,
    events: HttpListenerEvents,
    answer: Answer<HttpListener>,
  ): void;
  /**
   * Connects for HTTP/2. Errors as {@link Streams.connect}. `closed` is called once, when the
   * connection that was answered is gone.
   */
  connect(
    options: HttpConnectOptions,
    closed: (error: QuorateError | null) => void,
    answer: Answer<HttpConnection>,
  ): void;
}
