/**
 * A connection of a client that speaks HTTP/2, on Node's own sessions (nghttp2).
 *
 * What nghttp2 and Node guard by themselves, and tests here only confirm: frames out of order, the
 * sizes of frames, windows, the number of streams, floods of CONTINUATION and of settings (RFC 9113,
 * section 10.5; CVE-2024-27983). What is guarded here: streams begun and broken off at once
 * (CVE-2023-44487), pings that come too often, as gRPC's servers do (grpc/proposal, A8), header lists
 * that are too long, and a client that has vanished.
 */
import http2 from 'node:http2';
import type net from 'node:net';
import type { HttpLimits, HttpListenerEvents } from '../ports/http.ts';
import { peerOf } from './node-http-peer.ts';
import { Http2Exchange, type Http2Place } from './node-http2-exchange.ts';

/** The window of a connection: what one client may have sent that nobody has taken. */
const connectionWindowBytes = 4 * 1024 * 1024;
const streamWindowBytes = 1024 * 1024;
/** In MiB: sessions above it refuse streams; watchers have limits of their own. */
const sessionMemoryMiB = 256;
/** Strikes before a client that pings too often is sent away; what gRPC's servers grant. */
const pingStrikesMax = 2;
/**
 * Streams that a client may break off: so many at once, and so many a second from then on. That is
 * a little less than nghttp2 grants (1,000 and 33), for what happens beyond that is that Node reads
 * no more and yet keeps the connection open.
 */
const resetsMax = 800;
const resetsPerSecond = 30;
/** Without any call under way, a ping in so long is enough. */
const idlePingIntervalMs = 7_200_000;

const { NGHTTP2_NO_ERROR, NGHTTP2_ENHANCE_YOUR_CALM } = http2.constants;

/** Serves a socket whose client begins with the preface of HTTP/2. */
export function serveHttp2(
  socket: net.Socket,
  limits: Required<HttpLimits>,
  events: HttpListenerEvents,
): { drain(): void; destroy(): void } {
  // A client that closes its side is gone: nothing of HTTP/2 is half open.
  socket.allowHalfOpen = false;
  const session = http2.performServerHandshake(socket, {
    maxSessionMemory: sessionMemoryMiB,
    settings: {
      maxConcurrentStreams: limits.streamsMax,
      initialWindowSize: streamWindowBytes,
      maxHeaderListSize: limits.headerBytesMax,
      enablePush: false,
    },
  });
  session.setLocalWindowSize(connectionWindowBytes);
  const connection = new ServerConnection(session, socket, limits);
  const peer = peerOf(socket);
  session.on('stream', (stream, headers) => {
    const exchange = new Http2Exchange(stream, headers, { ...peer, limits, place: connection });
    if (exchange.acceptable) events.exchange(exchange);
  });
  return connection;
}

class ServerConnection implements Http2Place {
  readonly #session: http2.ServerHttp2Session;
  readonly #socket: net.Socket;
  readonly #limits: Required<HttpLimits>;
  readonly #keepAlive: NodeJS.Timeout;
  #streams = 0;
  #strikes = 0;
  #lastPingMs = Number.NEGATIVE_INFINITY;
  #bytesSeen = 0;
  #draining = false;
  #resetsLeft = resetsMax;
  #lastResetMs = performance.now();

  constructor(session: http2.ServerHttp2Session, socket: net.Socket, limits: Required<HttpLimits>) {
    this.#session = session;
    this.#socket = socket;
    this.#limits = limits;
    session.on('error', () => {});
    session.on('ping', () => this.#pinged());
    session.on('close', () => {
      clearInterval(this.#keepAlive);
      socket.destroy();
    });
    this.#keepAlive = setInterval(() => this.#ask(), limits.keepAliveIntervalMs);
    this.#keepAlive.unref();
  }

  streamOpened(): void {
    this.#streams++;
  }

  streamClosed(brokenOff: boolean): void {
    this.#streams--;
    if (brokenOff) this.#brokenOff();
    if (this.#draining && this.#streams === 0) this.#session.close();
  }

  /** Whoever gets answers may measure the round trip by pings. */
  answered(): void {
    this.#strikes = 0;
    this.#lastPingMs = Number.NEGATIVE_INFINITY;
  }

  drain(): void {
    if (this.#draining || this.#session.closed || this.#session.destroyed) return;
    this.#draining = true;
    // Streams that the client began before it knew are served still: they are known to have
    // arrived once it answers a ping that was sent behind the notice (RFC 9113, section 6.8).
    this.#session.goaway(NGHTTP2_NO_ERROR, 2 ** 31 - 1);
    const finish = (): void => {
      if (!this.#session.destroyed) this.#session.close();
    };
    if (!this.#session.ping(() => finish())) finish();
  }

  destroy(): void {
    this.#session.destroy();
    this.#socket.destroy();
  }

  #pinged(): void {
    const nowMs = performance.now();
    const apartMs = this.#streams === 0 ? idlePingIntervalMs : this.#limits.pingIntervalMsMin;
    if (nowMs - this.#lastPingMs < apartMs) this.#strikes++;
    this.#lastPingMs = nowMs;
    if (this.#strikes > pingStrikesMax) this.#sendAway('too_many_pings');
  }

  /** Beginning a stream costs the server more than it costs a client that breaks it off at once. */
  #brokenOff(): void {
    const nowMs = performance.now();
    const gained = ((nowMs - this.#lastResetMs) / 1_000) * resetsPerSecond;
    this.#lastResetMs = nowMs;
    this.#resetsLeft = Math.min(resetsMax, this.#resetsLeft + gained) - 1;
    if (this.#resetsLeft < 0) this.#sendAway('too_many_resets');
  }

  #sendAway(why: string): void {
    if (this.#session.destroyed) return;
    this.#session.goaway(NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from(why));
    // The notice leaves first.
    setImmediate(() => this.destroy());
  }

  #ask(): void {
    const { bytesRead } = this.#socket;
    const silent = bytesRead === this.#bytesSeen;
    this.#bytesSeen = bytesRead;
    if (!silent || this.#session.destroyed) return;
    const timer = setTimeout(() => this.destroy(), this.#limits.keepAliveTimeoutMs);
    if (!this.#session.ping(() => clearTimeout(timer))) clearTimeout(timer);
  }
}
