/**
 * Connections of clients that speak HTTP/1.1, on Node's own parser. Node times slow requests only
 * for servers that listen themselves, so that is done here.
 */
import http from 'node:http';
import type net from 'node:net';
import { assert } from '../base/assert.ts';
import type {
  ExchangeEvents,
  HttpExchange,
  HttpHeaders,
  HttpLimits,
  HttpListenerEvents,
  HttpRequest,
  ResetReason,
} from '../ports/http.ts';
import type { Address, PeerCertificate } from '../ports/streams.ts';
import { type HttpPeer, peerOf } from './node-http-peer.ts';
import { plainBytes } from './plain-bytes.ts';

/** For the header fields of a request, and for its body. */
const headersTimeoutMs = 10_000;
const bodyTimeoutMs = 60_000;
/** A connection that asks nothing more is closed. */
const idleTimeoutMs = 60_000;

interface Http1Connection {
  readonly peer: HttpPeer;
  /** Exchanges that have begun and not ended: one, but for clients that pipeline. */
  exchanges: number;
  timer: NodeJS.Timeout | undefined;
  draining: boolean;
}

/** All connections of one listener that speak HTTP/1.1. */
export class Http1Connections {
  readonly #server: http.Server;
  readonly #limits: Required<HttpLimits>;
  readonly #connections = new WeakMap<net.Socket, Http1Connection>();

  constructor(limits: Required<HttpLimits>, events: HttpListenerEvents) {
    this.#limits = limits;
    this.#server = http.createServer({
      maxHeaderSize: limits.headerBytesMax,
      keepAliveTimeout: idleTimeoutMs,
      allowHalfOpen: true,
    } as http.ServerOptions);
    this.#server.on('request', (message: http.IncomingMessage, response: http.ServerResponse) => {
      const connection = this.#connections.get(message.socket);
      if (connection !== undefined) events.exchange(this.#exchange(connection, message, response));
    });
    this.#server.on('clientError', (error: Error & { code?: string }, socket) => {
      // It speaks something else, and would not understand the answer.
      if (error.code === 'HPE_INVALID_METHOD') return void socket.destroy();
      const status =
        error.code === 'HPE_HEADER_OVERFLOW'
          ? '431 Request Header Fields Too Large'
          : '400 Bad Request';
      if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
      else socket.destroy();
    });
  }

  /** Serves a socket from which nothing has been taken. */
  serve(socket: net.Socket): { drain(): void; destroy(): void } {
    const connection: Http1Connection = {
      peer: peerOf(socket),
      exchanges: 0,
      timer: undefined,
      draining: false,
    };
    this.#connections.set(socket, connection);
    const expect = (): void => {
      clearTimeout(connection.timer);
      connection.timer = setTimeout(() => socket.destroy(), headersTimeoutMs);
    };
    expect();
    socket.once('close', () => clearTimeout(connection.timer));
    this.#server.emit('connection', socket);
    socket.resume();
    return {
      drain: () => {
        connection.draining = true;
        if (connection.exchanges === 0) socket.destroy();
      },
      destroy: () => void socket.destroy(),
    };
  }

  #exchange(
    connection: Http1Connection,
    message: http.IncomingMessage,
    response: http.ServerResponse,
  ): HttpExchange {
    const { socket } = message;
    connection.exchanges++;
    clearTimeout(connection.timer);
    connection.timer = setTimeout(() => socket.destroy(), bodyTimeoutMs);
    message.once('end', () => clearTimeout(connection.timer));
    if (connection.draining) response.setHeader('connection', 'close');
    response.once('close', () => {
      connection.exchanges--;
      if (connection.draining && connection.exchanges === 0) socket.destroy();
    });
    return new Http1Exchange(message, response, { ...connection.peer, limits: this.#limits });
  }
}

class Http1Exchange implements HttpExchange {
  readonly request: HttpRequest;
  readonly remote: Address;
  readonly secure: boolean;
  readonly certificate: PeerCertificate | null;
  readonly #message: http.IncomingMessage;
  readonly #response: http.ServerResponse;
  readonly #limits: Required<HttpLimits>;
  #events: ExchangeEvents | undefined;
  #full = false;

  constructor(
    message: http.IncomingMessage,
    response: http.ServerResponse,
    init: HttpPeer & { readonly limits: Required<HttpLimits> },
  ) {
    this.#message = message;
    this.#response = response;
    this.remote = init.remote;
    this.secure = init.secure;
    this.certificate = init.certificate;
    this.#limits = init.limits;
    this.request = {
      version: 1,
      method: message.method ?? '',
      path: message.url ?? '',
      authority: message.headers.host ?? '',
      headers: message.headers as HttpHeaders,
    };
    message.on('error', () => {});
    response.on('error', () => {});
    response.once('close', () => this.#events?.closed(response.writableFinished));
  }

  get bufferedBytes(): number {
    return this.#response.writableLength;
  }

  subscribe(events: ExchangeEvents): void {
    assert(this.#events === undefined, 'an exchange has one subscriber');
    this.#events = events;
    this.#message.on('data', (bytes: Buffer) => events.received(plainBytes(bytes)));
    this.#message.on('end', () => events.ended());
    this.#response.on('drain', () => {
      if (!this.#full) return;
      this.#full = false;
      events.drained?.();
    });
  }

  pause(): void {
    this.#message.pause();
  }

  resume(): void {
    this.#message.resume();
  }

  respond(status: number, headers: HttpHeaders): void {
    if (this.#response.headersSent || this.#response.destroyed) return;
    const response = this.#response;
    response.writeHead(status, headers as http.OutgoingHttpHeaders);
    // They leave in any case, but together with a body that is there already.
    response.cork();
    response.flushHeaders();
    process.nextTick(() => response.uncork());
  }

  write(bytes: Uint8Array): boolean {
    const response = this.#response;
    if (response.destroyed || response.writableEnded) return false;
    const welcome = response.write(bytes);
    if (response.writableLength > this.#limits.bufferedBytesMax) {
      response.destroy();
      return false;
    }
    this.#full ||= !welcome;
    return !this.#full;
  }

  end(): void {
    if (!this.#response.writableEnded) this.#response.end();
    // What has not been read of the request would be taken for the next one's beginning.
    this.#message.resume();
  }

  respondOnly(status: number, headers: HttpHeaders): void {
    if (this.#response.headersSent || this.#response.destroyed) return;
    this.#response.writeHead(status, headers as http.OutgoingHttpHeaders);
    this.end();
  }

  reset(_reason: ResetReason): void {
    this.#response.destroy();
    this.#message.destroy();
  }
}
