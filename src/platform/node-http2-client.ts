/** A client's connection that speaks HTTP/2, on Node's own sessions. */
import http2 from 'node:http2';
import { QuorateError } from '../base/errors.ts';
import { reasons } from '../http2/frame.ts';
import type { Answer } from '../ports/callbacks.ts';
import type {
  AnswerEvents,
  HttpCall,
  HttpConnection,
  HttpConnectOptions,
  HttpHeaders,
  ResetReason,
} from '../ports/http.ts';
import type { Address } from '../ports/streams.ts';
import { remoteOf } from './node-stream.ts';
import { openSocket } from './node-streams.ts';
import { plainBytes } from './plain-bytes.ts';
import { socketError } from './system-errors.ts';
import { tlsError } from './tls-options.ts';

const { constants } = http2;
const windowBytes = 4 * 1024 * 1024;
const keepAliveTimeoutMsDefault = 20_000;

/** See {@link Http.connect}. */
export function connectHttp2(
  options: HttpConnectOptions,
  closed: (error: QuorateError | null) => void,
  answer: Answer<HttpConnection>,
): void {
  const { address, timeoutMs, tls: wanted } = options;
  const doing = `connecting to ${address.host} port ${address.port}`;
  let settled = false;
  const settle = (result: HttpConnection | QuorateError): void => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    answer(result);
  };
  const timer = setTimeout(() => {
    session?.destroy();
    settle(new QuorateError('connection-timeout', `${doing}: no answer in ${timeoutMs} ms`));
  }, timeoutMs);
  let session: http2.ClientHttp2Session | undefined;
  try {
    const tls = wanted === undefined ? {} : { tls: { ...wanted, protocols: ['h2'] } };
    const socket = openSocket({ address, timeoutMs, ...tls });
    session = http2.connect(`${wanted === undefined ? 'http' : 'https'}://${authority(address)}`, {
      createConnection: () => socket,
      settings: { initialWindowSize: windowBytes, enablePush: false },
    });
  } catch (error) {
    setImmediate(() => settle(tlsError(error, doing)));
    return;
  }
  const opened = session;
  let failure: QuorateError | null = null;
  opened.on('error', (error) => {
    failure = failureOf(error, { doing, secure: wanted !== undefined });
  });
  opened.once('close', () => {
    if (settled) closed(failure);
    else settle(failure ?? new QuorateError('connection-reset', `${doing}: closed at once`));
  });
  // The server's settings are the first sign that it speaks HTTP/2.
  opened.once('remoteSettings', () => settle(new ClientConnection(opened, options)));
}

function authority({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function failureOf(error: Error, facts: { doing: string; secure: boolean }): QuorateError {
  const { doing, secure } = facts;
  return secure && !('syscall' in error)
    ? tlsError(error, doing)
    : socketError(error, { doing, otherwise: 'connection-reset' });
}

class ClientConnection implements HttpConnection {
  readonly remote: Address;
  readonly #session: http2.ClientHttp2Session;
  readonly #authority: string;
  readonly #scheme: string;

  constructor(session: http2.ClientHttp2Session, options: HttpConnectOptions) {
    this.#session = session;
    this.remote = remoteOf(session.socket as never);
    this.#authority = authority(options.address);
    this.#scheme = options.tls === undefined ? 'http' : 'https';
    session.setLocalWindowSize(windowBytes);
    // A server that goes away still answers what it has taken.
    session.on('goaway', () => session.close());
    const { keepAliveIntervalMs = 0, keepAliveTimeoutMs = keepAliveTimeoutMsDefault } = options;
    if (keepAliveIntervalMs === 0) return;
    const timer = setInterval(() => {
      const limit = setTimeout(() => session.destroy(), keepAliveTimeoutMs);
      if (!session.ping(() => clearTimeout(limit))) clearTimeout(limit);
    }, keepAliveIntervalMs);
    session.once('close', () => clearInterval(timer));
  }

  get open(): boolean {
    return !this.#session.closed && !this.#session.destroyed;
  }

  request(path: string, headers: HttpHeaders, events: AnswerEvents): HttpCall {
    const head = {
      ':method': 'POST',
      ':scheme': this.#scheme,
      ':authority': this.#authority,
      ':path': path,
      ...headers,
    } as http2.OutgoingHttpHeaders;
    return new ClientCall(this.#session.request(head, { endStream: false }), events);
  }

  close(): void {
    this.#session.close();
  }

  destroy(): void {
    this.#session.destroy();
  }
}

class ClientCall implements HttpCall {
  readonly #stream: http2.ClientHttp2Stream;

  constructor(stream: http2.ClientHttp2Stream, events: AnswerEvents) {
    this.#stream = stream;
    let full = false;
    stream.on('response', ({ ':status': status = 0, ...headers }) => {
      events.responded(Number(status), headers as HttpHeaders);
    });
    stream.on('trailers', (headers) => events.trailers(headers as HttpHeaders));
    stream.on('data', (bytes: Buffer) => events.received(plainBytes(bytes)));
    stream.on('drain', () => {
      full = false;
      events.drained?.();
    });
    let failure: Error | undefined;
    stream.on('error', (error) => {
      failure = error;
    });
    stream.once('close', () => {
      const { rstCode } = stream;
      if (failure === undefined && rstCode === constants.NGHTTP2_NO_ERROR)
        return events.closed(null);
      const refused = rstCode === constants.NGHTTP2_REFUSED_STREAM;
      events.closed(
        new QuorateError('connection-reset', failure?.message ?? `reset with code ${rstCode}`, {
          cause: failure,
          details: { rstCode, refused },
        }),
      );
    });
    this.write = (bytes) => {
      if (stream.destroyed || stream.writableEnded) return false;
      full = !stream.write(bytes) || full;
      return !full;
    };
  }

  readonly write: (bytes: Uint8Array) => boolean;

  end(): void {
    if (!this.#stream.writableEnded) this.#stream.end();
  }

  reset(reason: ResetReason): void {
    this.#stream.close(reasons[reason]);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }
}
