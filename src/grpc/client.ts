/**
 * The client's end of gRPC, on one connection. Whom to connect to, and what to do when a connection
 * is lost, is decided above: a call that fails says whether the server may have acted on it.
 */
import type { QuorateError } from '../base/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Compression } from '../ports/compression.ts';
import type { HttpCall, HttpConnection, HttpHeaders } from '../ports/http.ts';
import { frame } from './frame.ts';
import { IncomingMessages } from './incoming.ts';
import {
  decodeMessage,
  type Metadata,
  metadataFromHeaders,
  metadataToHeaders,
  timeoutText,
} from './metadata.ts';
import type { Method } from './method.ts';
import { rpcError, type Status, statusCodes, statusOf, statusOfHttp } from './status.ts';

/** What a client shares among its calls. */
export interface GrpcClientOptions {
  readonly clock: Clock;
  readonly compression: Compression;
  /** The most that one answer may have; 2^31 − 1 by default. */
  readonly messageBytesMax?: number;
}

/** What may be said of one call. */
export interface CallOptions {
  readonly metadata?: Metadata;
  /** The server is told, and it holds here too. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What the caller of a stream hears; nothing comes after `ended`. */
export interface StreamReceiver<Response> {
  /** The server's first metadata. */
  metadata?(metadata: Metadata): void;
  received(response: Response): void;
  drained?(): void;
  /** How it ended; the status has the server's last metadata. */
  ended(status: Status): void;
}

/** The caller's side of a call that streams. */
export interface ClientStream<Request> {
  /** Sends a request; false where it is better to wait for `drained`. */
  send(request: Request): boolean;
  /** No more requests. */
  end(): void;
  /** Gives the call up; `ended` follows, as cancelled. */
  cancel(): void;
  pause(): void;
  resume(): void;
}

/** Makes calls on one connection. */
export class GrpcClient {
  readonly #connection: HttpConnection;
  readonly #options: GrpcClientOptions;

  constructor(connection: HttpConnection, options: GrpcClientOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /**
   * One request, one answer.
   * @throws QuorateError `rpc-failed`, `rpc-unavailable`, with the status in its details
   */
  unary<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      let answer: { readonly response: Response } | undefined;
      const stream = this.stream(method, options, {
        received: (response) => {
          answer ??= { response };
        },
        ended: (status) => {
          if (status.code !== statusCodes.ok) reject(rpcError(status));
          else if (answer === undefined) reject(rpcError(statusOf('internal', 'no answer came')));
          else resolve(answer.response);
        },
      });
      stream.send(request);
      stream.end();
    });
  }

  /** A call of any kind. */
  stream<Request, Response>(
    method: Method<Request, Response>,
    options: CallOptions,
    receiver: StreamReceiver<Response>,
  ): ClientStream<Request> {
    return new OutgoingCall(this.#connection, method, {
      ...this.#options,
      ...options,
      receiver,
    });
  }
}

class OutgoingCall<Request, Response> implements ClientStream<Request> {
  readonly #method: Method<Request, Response>;
  readonly #receiver: StreamReceiver<Response>;
  readonly #http: HttpCall;
  readonly #cleanUp: (() => void)[] = [];
  #incoming: IncomingMessages | undefined;
  #status: Status | undefined;
  #over = false;

  constructor(
    connection: HttpConnection,
    method: Method<Request, Response>,
    init: GrpcClientOptions & CallOptions & { readonly receiver: StreamReceiver<Response> },
  ) {
    const { receiver, metadata = {}, timeoutMs, signal, clock } = init;
    this.#method = method;
    this.#receiver = receiver;
    const headers = {
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-accept-encoding': 'identity,gzip',
      ...(timeoutMs === undefined ? {} : { 'grpc-timeout': timeoutText(timeoutMs) }),
      ...metadataToHeaders(metadata),
    };
    this.#http = connection.request(method.path, headers, {
      responded: (status, answered) => this.#responded(status, answered, init),
      received: (bytes) => this.#incoming?.push(bytes),
      trailers: (trailers) => {
        this.#status = statusFromHeaders(trailers);
      },
      drained: () => this.#receiver.drained?.(),
      closed: (error) => this.#closed(error),
    });
    if (timeoutMs !== undefined) {
      const expired = statusOf('deadline-exceeded', 'deadline exceeded');
      this.#cleanUp.push(clock.after(timeoutMs, () => this.#giveUp(expired)));
    }
    if (signal !== undefined) {
      const abort = (): void => this.cancel();
      signal.addEventListener('abort', abort, { once: true });
      this.#cleanUp.push(() => signal.removeEventListener('abort', abort));
      if (signal.aborted) clock.endOfTurn(abort);
    }
  }

  send(request: Request): boolean {
    return !this.#over && this.#http.write(frame(this.#method.request.encode(request)));
  }

  end(): void {
    if (!this.#over) this.#http.end();
  }

  cancel(): void {
    this.#giveUp(statusOf('cancelled', 'the call was cancelled'));
  }

  pause(): void {
    this.#http.pause();
  }

  resume(): void {
    this.#http.resume();
  }

  #responded(http: number, headers: HttpHeaders, init: GrpcClientOptions): void {
    // Trailers alone come as header fields.
    if (headers['grpc-status'] !== undefined) this.#status = statusFromHeaders(headers);
    else if (http !== 200) this.#status = statusOfHttp(http);
    this.#receiver.metadata?.(metadataFromHeaders(headers));
    const { compression, messageBytesMax = 2 ** 31 - 1 } = init;
    const { 'grpc-encoding': encoding } = headers;
    this.#incoming = new IncomingMessages(
      {
        compression,
        messageBytesMax,
        encoding: typeof encoding === 'string' ? encoding : 'identity',
        source: this.#http,
      },
      {
        message: (bytes) => this.#received(bytes),
        ended: () => this.#finish(this.#status ?? statusOf('internal', 'no status came')),
        failed: (status) => this.#giveUp(status),
      },
    );
  }

  #received(bytes: Uint8Array): void {
    let response: Response;
    try {
      response = this.#method.response.decode(bytes);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return this.#giveUp(statusOf('internal', `the answer is malformed: ${reason}`));
    }
    if (!this.#over) this.#receiver.received(response);
  }

  #closed(error: QuorateError | null): void {
    if (error !== null && this.#status === undefined) {
      return this.#finish({ ...statusOf('unavailable', error.message) });
    }
    if (this.#incoming !== undefined) this.#incoming.end();
    else this.#finish(this.#status ?? statusOf('unavailable', 'the connection was closed'));
  }

  #giveUp(status: Status): void {
    if (this.#over) return;
    this.#http.reset('cancel');
    this.#finish(status);
  }

  #finish(status: Status): void {
    if (this.#over) return;
    this.#over = true;
    this.#incoming?.stop();
    for (const clean of this.#cleanUp) clean();
    this.#receiver.ended(status);
  }
}

function statusFromHeaders(headers: HttpHeaders): Status {
  const { 'grpc-status': code, 'grpc-message': message = '' } = headers;
  return {
    code: typeof code === 'string' && /^\d+$/.test(code) ? Number(code) : statusCodes.unknown,
    message: decodeMessage(String(message)),
    metadata: metadataFromHeaders(headers),
  };
}
