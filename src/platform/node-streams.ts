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
import { contextOptions, tlsError } from './tls-options.ts';

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
  let server: net.Server;
  try {
    server = options.tls === undefined ? plainServer(events) : tlsServer(options, events);
  } catch (error) {
    process.nextTick(answer, tlsError(error, 'listening'));
    return;
  }
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
    answer(new NodeListener(server, options));
  });
}

class NodeListener implements Listener {
  readonly address: Address;
  readonly #server: net.Server;
  readonly #options: ListenOptions;
  #closed = false;

  constructor(server: net.Server, options: ListenOptions) {
    this.#server = server;
    this.#options = options;
    const bound = server.address();
    assert(bound !== null && typeof bound === 'object', 'a listener has an address');
    this.address = { host: bound.address, port: bound.port };
  }

  reload(credentials: Credentials): void {
    const { tls: wanted } = this.#options;
    assert(wanted !== undefined && this.#server instanceof tls.Server, 'this listener has no TLS');
    try {
      this.#server.setSecureContext(contextOptions(credentials));
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

function plainServer(events: SocketEvents): net.Server {
  return net.createServer(serverOptions, (socket) => events.accepted(socket));
}

function tlsServer(options: ListenOptions, events: SocketEvents): net.Server {
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
  server.on('secureConnection', (socket) => events.accepted(socket));
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
  return tls.connect({
    ...contextOptions(wanted.credentials),
    ...where,
    // The name in the hello is for hosts only (RFC 6066); what the certificate must carry is not.
    ...(net.isIP(name) === 0 ? { servername: name } : {}),
    checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(name, certificate),
    ...(wanted.protocols === undefined ? {} : { ALPNProtocols: [...wanted.protocols] }),
  });
}

/** Whether the network failed, not what was said over it. */
function isSystemError(error: Error): boolean {
  return 'syscall' in error || systemCode(error) === 'ECONNRESET' || 'errors' in error;
}
