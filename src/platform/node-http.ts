/**
 * HTTP on Node: one listener for HTTP/1.1 and HTTP/2, with and without TLS; and connecting by
 * HTTP/2. Which protocol a connection speaks is seen by ALPN, else by its first bytes.
 */
import type net from 'node:net';
import type tls from 'node:tls';
import { assert } from '../base/assert.ts';
import { QuorateError } from '../base/errors.ts';
import type { Answer, Done } from '../ports/callbacks.ts';
import {
  type Http,
  type HttpConnection,
  type HttpConnectOptions,
  type HttpLimits,
  type HttpListener,
  type HttpListenerEvents,
  type HttpListenOptions,
  httpLimitDefaults,
} from '../ports/http.ts';
import type { Address, Credentials, Listener, ListenOptions } from '../ports/streams.ts';
import { Http1Connections } from './node-http1.ts';
import { connectHttp2 } from './node-http2-client.ts';
import { serveHttp2 } from './node-http2-server.ts';
import { remoteOf } from './node-stream.ts';
import { listenForSockets } from './node-streams.ts';

/** See {@link Http}. */
export class NodeHttp implements Http {
  listen(
    options: HttpListenOptions,
    events: HttpListenerEvents,
    answer: Answer<HttpListener>,
  ): void {
    const connections = new Connections({ ...httpLimitDefaults, ...options }, events);
    const listenOptions: ListenOptions = {
      ...options,
      ...(options.tls === undefined
        ? {}
        : { tls: { ...options.tls, protocols: ['h2', 'http/1.1'] } }),
    };
    listenForSockets(
      listenOptions,
      {
        accepted: (socket) => connections.accept(socket),
        refused: (error, remote) => events.refused?.(error, remote),
        failed: (error) => events.failed?.(error),
      },
      (listener) => {
        if (listener instanceof QuorateError) answer(listener);
        else answer(new NodeHttpListener(listener, connections));
      },
    );
  }

  connect(
    options: HttpConnectOptions,
    closed: (error: QuorateError | null) => void,
    answer: Answer<HttpConnection>,
  ): void {
    connectHttp2(options, closed, answer);
  }
}

class NodeHttpListener implements HttpListener {
  readonly address: Address;
  readonly #listener: Listener;
  readonly #connections: Connections;

  constructor(listener: Listener, connections: Connections) {
    this.#listener = listener;
    this.#connections = connections;
    this.address = listener.address;
  }

  get connections(): number {
    return this.#connections.size;
  }

  reload(credentials: Credentials): void {
    this.#listener.reload(credentials);
  }

  close(graceMs: number, done: Done): void {
    this.#listener.close((error) => this.#connections.close(graceMs, () => done(error)));
  }
}

/** One open connection, whatever it speaks. */
interface Open {
  /** Asks it to end in order. */
  drain(): void;
  destroy(): void;
}

/** The client's preface begins so, and no request of HTTP/1.1 does. */
const prefaceStart = 'PRI * HTTP/2.0';

/** The connections of one listener. */
class Connections {
  readonly #limits: Required<HttpLimits>;
  readonly #events: HttpListenerEvents;
  readonly #http1: Http1Connections;
  readonly #open = new Map<net.Socket, Open>();
  #closing = false;
  #empty: (() => void) | undefined;

  constructor(limits: Required<HttpLimits>, events: HttpListenerEvents) {
    this.#limits = limits;
    this.#events = events;
    this.#http1 = new Http1Connections(limits, events);
  }

  get size(): number {
    return this.#open.size;
  }

  accept(socket: net.Socket): void {
    this.#open.set(socket, { drain: () => socket.destroy(), destroy: () => socket.destroy() });
    // Errors of sockets end in `close`, which is what counts.
    socket.on('error', () => {});
    socket.once('close', () => {
      this.#open.delete(socket);
      if (this.#open.size === 0) this.#empty?.();
    });
    if (this.#closing) return void socket.destroy();
    const { alpnProtocol } = socket as tls.TLSSocket;
    if (alpnProtocol === 'h2') this.#serve2(socket);
    else if (alpnProtocol === 'http/1.1') this.#serve1(socket);
    else this.#waitForFirstBytes(socket);
  }

  close(graceMs: number, done: () => void): void {
    assert(!this.#closing, 'these connections are closing');
    this.#closing = true;
    const timer = setTimeout(() => {
      for (const open of this.#open.values()) open.destroy();
    }, graceMs);
    this.#empty = () => {
      clearTimeout(timer);
      this.#empty = undefined;
      setImmediate(done);
    };
    for (const open of this.#open.values()) open.drain();
    if (this.#open.size === 0) this.#empty();
  }

  #waitForFirstBytes(socket: net.Socket): void {
    const timer = setTimeout(() => {
      this.#refuse(socket, 'handshake-timeout', 'no protocol was spoken in time');
    }, this.#limits.handshakeTimeoutMs);
    let first: Buffer = Buffer.alloc(0);
    const ended = (): void => void socket.destroy();
    const look = (bytes: Buffer): void => {
      first = first.length === 0 ? bytes : Buffer.concat([first, bytes]);
      const start = first.toString('latin1', 0, prefaceStart.length);
      if (start.length < prefaceStart.length && prefaceStart.startsWith(start)) return;
      clearTimeout(timer);
      socket.off('data', look);
      socket.off('end', ended);
      socket.pause();
      socket.unshift(first);
      if (start === prefaceStart) this.#serve2(socket);
      else this.#serve1(socket);
    };
    socket.on('data', look);
    socket.once('end', ended);
    socket.once('close', () => clearTimeout(timer));
  }

  #serve2(socket: net.Socket): void {
    this.#open.set(socket, serveHttp2(socket, this.#limits, this.#events));
  }

  #serve1(socket: net.Socket): void {
    this.#open.set(socket, this.#http1.serve(socket));
  }

  #refuse(socket: net.Socket, code: 'handshake-timeout', message: string): void {
    this.#events.refused?.(new QuorateError(code, message), remoteOf(socket));
    socket.destroy();
  }
}
