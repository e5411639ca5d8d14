/** TCP and TLS on Node: listening, connecting, resolving. */
import dns from 'node:dns';
import net from 'node:net';
import tls from 'node:tls';
import { assert } from '../base/assert.ts';
import { QuorateError } from '../base/errors.ts';
import type { Answer, Cancel, Done } from '../ports/callbacks.ts';
import { timerDelayMsMax } from '../ports/clock.ts';
import {
  type Address,
  type ConnectOptions,
  type ConnectTls,
  type Credentials,
  connectionsMaxDefault,
  handshakeTimeoutMsDefault,
  type Listener,
  type ListenerEvents,
  type ListenOptions,
  type Stream,
  type Streams,
} from '../ports/streams.ts';
import { NodeStream, remoteOf } from './node-stream.ts';
import { socketError, systemCode } from './system-errors.ts';
import { contextOptions, disallowed, tlsError } from './tls-options.ts';

/** See {@link Streams}. */
export class NodeStreams implements Streams {
  listen(options: ListenOptions, events: ListenerEvents, answer: Answer<Listener>): void {
    const sockets: SocketEvents = {
      accepted: (socket) => events.accepted(new NodeStream(socket, options)),
      refused: (error, remote) => events.refused?.(error, remote),
      failed: (error) => events.failed?.(error),
    };
    listenForSockets(options, sockets, answer);
  }

  connect(options: ConnectOptions, answer: Answer<Stream>): Cancel {
    const { address, timeoutMs } = options;
    assert(timeoutMs >= 1 && timeoutMs <= timerDelayMsMax, () => `${timeoutMs} ms is no timeout`);
    const doing = `connecting to ${address.host} port ${address.port}`;
    let socket: net.Socket;
    try {
      socket = openSocket(options);
    } catch (error) {
      // Credentials that cannot be read are found before anything is sent.
      const timer = setImmediate(answer, tlsError(error, doing));
      return () => clearImmediate(timer);
    }
    let settled = false;
    const settle = (): boolean => {
      if (settled) return false;
      settled = true;
      clearTimeout(timer);
      return true;
    };
    const fail = (error: QuorateError): void => {
      if (!settle()) return;
      socket.destroy();
      answer(error);
    };
    const timer = setTimeout(() => {
      fail(new QuorateError('connection-timeout', `${doing}: no answer in ${timeoutMs} ms`));
    }, timeoutMs);
    // The listener stays, so that an error of a socket that was given up does not go astray.
    socket.on('error', (error) => {
      fail(
        options.tls !== undefined && !isSystemError(error)
          ? tlsError(error, doing)
          : socketError(error, { doing, otherwise: 'socket-failed' }),
      );
    });
    socket.on('close', () => {
      fail(new QuorateError('connection-reset', `${doing}: closed before it was open`));
    });
    socket.once(options.tls === undefined ? 'connect' : 'secureConnect', () => {
      if (settle()) answer(new NodeStream(socket, options));
    });
    return () => {
      if (settle()) socket.destroy();
    };
  }

  resolve(host: string, answer: Answer<readonly string[]>): void {
    if (net.isIP(host) !== 0) {
      process.nextTick(answer, [host]);
      return;
    }
    dns.lookup(host, { all: true }, (error, found) => {
      if (error === null) answer(found.map(({ address }) => address));
      else answer(socketError(error, { doing: 'resolving', otherwise: 'name-not-resolved' }));
    });
  }
}

/** What a listener for sockets tells: see {@link ListenerEvents}. */
export interface SocketEvents extends Pick<ListenerEvents, 'refused' | 'failed'> {
  accepted(socket: net.Socket): void;
}

/** Listens, and gives out each connection as Node's socket, after the handshake if there is TLS. */
export function listenForSockets(
  options: ListenOptions,
  events: SocketEvents,
  answer: Answer<Listener>,
): void {
  let secure: tls.Server | undefined;
  try {
    if (options.tls !== undefined) secure = tlsServer(options, events);
  } catch (error) {
    process.nextTick(answer, tlsError(error, 'listening'));
    return;
  }
  const server =
    secure === undefined || options.alsoPlain === true
      ? net.createServer(serverOptions, (socket) => {
          if (secure === undefined) events.accepted(socket);
          else new FirstByte(secure, options, events).take(socket);
        })
      : secure;
  server.maxConnections = options.connectionsMax ?? connectionsMaxDefault;
  server.on('drop', (dropped) => {
    const error = new QuorateError(
      'too-many-connections',
      `there are already ${server.maxConnections} connections`,
      { details: { connectionsMax: server.maxConnections } },
    );
    events.refused?.(error, {
      host: dropped?.remoteAddress ?? '',
      port: dropped?.remotePort ?? 0,
    });
  });
  const { host, port } = options.address;
  let listening = false;
  server.on('error', (error) => {
    const doing = `listening on ${host} port ${port}`;
    const failed = socketError(error, { doing, otherwise: 'socket-failed' });
    if (listening) events.failed?.(failed);
    else answer(failed);
  });
  server.listen({ host, port }, () => {
    listening = true;
    answer(new NodeListener(server, secure));
  });
}

class NodeListener implements Listener {
  readonly address: Address;
  readonly #server: net.Server;
  readonly #secure: tls.Server | undefined;
  #closed = false;

  constructor(server: net.Server, secure: tls.Server | undefined) {
    this.#server = server;
    this.#secure = secure;
    const bound = server.address();
    assert(bound !== null && typeof bound === 'object', 'a listener has an address');
    this.address = { host: bound.address, port: bound.port };
  }

  reload(credentials: Credentials): void {
    assert(this.#secure !== undefined, 'this listener has no TLS');
    try {
      this.#secure.setSecureContext(contextOptions(credentials));
    } catch (error) {
      throw tlsError(error, 'reloading');
    }
  }

  close(done: Done): void {
    assert(!this.#closed, 'this listener is closed');
    this.#closed = true;
    // Node calls back only when the connections have ended too; the port is free at once.
    this.#server.close();
    setImmediate(done, null);
  }
}

const serverOptions = { allowHalfOpen: true, noDelay: true } as const;

/** A record of TLS that begins a handshake begins with this byte (RFC 8446, section 5.1). */
const HANDSHAKE = 0x16;

/** Sees by a connection's first byte whether it speaks TLS. */
class FirstByte {
  readonly #secure: tls.Server;
  readonly #waitMs: number;
  readonly #events: SocketEvents;

  constructor(secure: tls.Server, options: ListenOptions, events: SocketEvents) {
    this.#secure = secure;
    this.#waitMs = options.handshakeTimeoutMs ?? handshakeTimeoutMsDefault;
    this.#events = events;
  }

  take(socket: net.Socket): void {
    const timer = setTimeout(() => {
      const error = new QuorateError('handshake-timeout', 'nothing was said in time');
      this.#events.refused?.(error, remoteOf(socket));
      socket.destroy();
    }, this.#waitMs);
    const ignore = (): void => {};
    const end = (): void => void socket.destroy();
    socket.on('error', ignore);
    socket.once('close', () => clearTimeout(timer));
    socket.once('end', end);
    socket.once('data', (bytes: Buffer) => {
      clearTimeout(timer);
      socket.off('error', ignore);
      socket.off('end', end);
      socket.pause();
      socket.unshift(bytes);
      if (bytes[0] === HANDSHAKE) return void this.#secure.emit('connection', socket);
      this.#events.accepted(socket);
      socket.resume();
    });
  }
}

function tlsServer(options: ListenOptions, events: SocketEvents): tls.Server {
  const { credentials, clientCertificate, protocols } = options.tls!;
  const asks = clientCertificate === 'required';
  const server = tls.createServer({
    ...contextOptions(credentials),
    ...serverOptions,
    requestCert: asks,
    rejectUnauthorized: asks,
    handshakeTimeout: options.handshakeTimeoutMs ?? handshakeTimeoutMsDefault,
    ...(protocols === undefined ? {} : { ALPNProtocols: [...protocols] }),
  });
  const { allowed } = credentials;
  server.on('secureConnection', (socket) => {
    const why = allowed && asks ? disallowed(allowed, socket.getPeerCertificate()) : undefined;
    if (why === undefined) return events.accepted(socket);
    const remote = remoteOf(socket);
    socket.destroy();
    events.refused?.(new QuorateError('tls-failed', `accepting: ${why}`), remote);
  });
  server.on('tlsClientError', (error, socket) => {
    const remote = remoteOf(socket);
    socket.destroy();
    const slow = systemCode(error) === 'ERR_TLS_HANDSHAKE_TIMEOUT';
    const refused = slow
      ? new QuorateError('handshake-timeout', `a TLS handshake took too long`, { cause: error })
      : tlsError(error, 'accepting');
    events.refused?.(refused, remote);
  });
  return server;
}

/** A socket that begins to connect. */
export function openSocket({ address, tls: wanted }: ConnectOptions): net.Socket {
  const where = { host: address.host, port: address.port, allowHalfOpen: true, noDelay: true };
  return wanted === undefined ? net.connect(where) : openTlsSocket(where, wanted);
}

function openTlsSocket(where: net.TcpSocketConnectOpts, wanted: ConnectTls): tls.TLSSocket {
  const name = wanted.serverName ?? where.host!;
  const commonNames = wanted.credentials.allowed?.commonNames ?? [];
  return tls.connect({
    ...contextOptions(wanted.credentials),
    ...where,
    // The name in the hello is for hosts only (RFC 6066); what the certificate must carry is not.
    ...(net.isIP(name) === 0 ? { servername: name } : {}),
    checkServerIdentity: (_host, certificate) => {
      const why = disallowed({ commonNames }, certificate);
      return why === undefined ? tls.checkServerIdentity(name, certificate) : new Error(why);
    },
    ...(wanted.protocols === undefined ? {} : { ALPNProtocols: [...wanted.protocols] }),
  });
}

/** Whether the network failed, not what was said over it. */
function isSystemError(error: Error): boolean {
  return 'syscall' in error || systemCode(error) === 'ECONNRESET' || 'errors' in error;
}
