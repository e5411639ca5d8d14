/**
 * A connection of a client that speaks HTTP/2: a socket, the timers, and what is said over it, which
 * is the business of {@link ServerConnection}.
 *
 * All that is said while one event of Node's is handled, by however many answers, is one write.
 */
import type net from 'node:net';
import { ServerConnection } from '../http2/server-connection.ts';
import type { ServerStream } from '../http2/server-stream.ts';
import type { HttpLimits, HttpListenerEvents } from '../ports/http.ts';
import { peerOf } from './node-http-peer.ts';
import { plainBytes } from './plain-bytes.ts';

/** A client that is told why it is sent away may still read that for so long. */
const lingerMs = 1_000;
/** Above this much that a client does not read, beside bodies, which wait elsewhere. */
const unsentBytesMax = 16 * 1024 * 1024;

/** Serves a socket whose client begins with the preface of HTTP/2. */
export function serveHttp2(
  socket: net.Socket,
  limits: Required<HttpLimits>,
  events: HttpListenerEvents,
): { drain(): void; destroy(): void } {
  return new Http2Socket(socket, limits, events);
}

class Http2Socket {
  readonly #socket: net.Socket;
  readonly #limits: Required<HttpLimits>;
  readonly #events: HttpListenerEvents;
  readonly #connection: ServerConnection;
  readonly #keepAlive: NodeJS.Timeout;
  #timer: NodeJS.Timeout | undefined;
  #awake = false;
  #congested = false;
  #draining = false;
  #bytesSeen = 0;

  constructor(socket: net.Socket, limits: Required<HttpLimits>, events: HttpListenerEvents) {
    this.#socket = socket;
    this.#limits = limits;
    this.#events = events;
    // A client that closes its side is gone: nothing of HTTP/2 is half open.
    socket.allowHalfOpen = false;
    // Whole turns are gathered here: nothing is to wait for more.
    socket.setNoDelay(true);
    this.#connection = new ServerConnection(this, { peer: peerOf(socket), limits });
    this.#keepAlive = setInterval(() => this.#ask(), limits.keepAliveIntervalMs);
    this.#keepAlive.unref();
    socket.on('drain', () => this.#drained());
    socket.once('close', () => this.#closed());
    socket.on('data', (bytes: Buffer) => this.#connection.receive(plainBytes(bytes)));
    socket.resume();
  }

  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#connection.announceEnd();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  // What the connection asks for.

  exchange(stream: ServerStream): void {
    this.#events.exchange(stream);
  }

  wake(): void {
    if (this.#awake) return;
    this.#awake = true;
    process.nextTick(() => this.#flush());
  }

  nowMs(): number {
    return performance.now();
  }

  pinged(): void {
    clearTimeout(this.#timer);
    if (this.#draining) this.#connection.finish();
  }

  over(): void {
    this.#flush();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#socket.destroy(), lingerMs);
    this.#socket.end();
  }

  #flush(): void {
    this.#awake = false;
    const socket = this.#socket;
    const pieces = this.#connection.take();
    if (socket.destroyed || !socket.writable || pieces.length === 0) return;
    let welcome = true;
    if (pieces.length > 1) socket.cork();
    for (const piece of pieces) welcome = socket.write(piece);
    if (pieces.length > 1) socket.uncork();
    if (socket.writableLength > unsentBytesMax) return void socket.destroy();
    this.#congested = !welcome && socket.writableNeedDrain;
    this.#connection.congested(this.#congested);
  }

  #drained(): void {
    if (!this.#congested) return;
    this.#congested = false;
    this.#connection.congested(false);
  }

  #closed(): void {
    clearInterval(this.#keepAlive);
    clearTimeout(this.#timer);
    this.#connection.lost();
  }

  /** Whoever has said nothing for long is asked whether he lives. */
  #ask(): void {
    const { bytesRead } = this.#socket;
    const silent = bytesRead === this.#bytesSeen;
    this.#bytesSeen = bytesRead;
    if (!silent || this.#socket.destroyed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#socket.destroy(), this.#limits.keepAliveTimeoutMs);
    this.#connection.ping();
  }
}
