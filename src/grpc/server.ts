/**
 * The server's end of gRPC: finds the method that an exchange asks for, and hands its handler a
 * call. What is no gRPC at all is not its business: see {@link isGrpc}.
 *
 * Source: grpc/grpc, doc/PROTOCOL-HTTP2.md; the texts of refusals are those of grpc-go, because
 * that is what etcd's users see.
 */
import { assert } from '../base/assert.ts';
import type { Clock } from '../ports/clock.ts';
import type { Compression } from '../ports/compression.ts';
import type { HttpExchange, HttpHeaders } from '../ports/http.ts';
import { encodeMessage, timeoutMs } from './metadata.ts';
import type { Method } from './method.ts';
import { Call, type CallHost, type ServerCall, type StreamHandler } from './server-call.ts';
import { type Status, statusFrom, statusOf } from './status.ts';

/** Answers one request; what it throws becomes the status. */
export type UnaryHandler<Request, Response> = (
  request: Request,
  call: ServerCall<Response>,
) => Promise<Response>;

/** Takes part in a call that streams in one or both directions. */
export type StreamingHandler<Request, Response> = (
  call: ServerCall<Response>,
) => StreamHandler<Request>;

/** How a server is made. */
export interface GrpcServerOptions {
  readonly clock: Clock;
  readonly compression: Compression;
  /** The most that a request may have, compressed or not. */
  readonly messageBytesMax: number;
  /** Bytes of requests that are not whole yet, on all connections: 256 MiB by default. */
  readonly assemblyBytesMax?: number;
  /** What an error means that a handler threw, if it is no status of its own. */
  readonly statusOfError: (error: unknown) => Status;
  /** For those who count: a call has ended. */
  readonly ended?: (call: EndedCall) => void;
}

/** What is left to say of a call when it has ended. */
export interface EndedCall {
  readonly path: string;
  readonly type: 'unary' | 'client_stream' | 'server_stream' | 'bidi_stream';
  readonly code: number;
  readonly tookMs: number;
}

const assemblyBytesMaxDefault = 256 * 1024 * 1024;
/** A deadline further away than a timer reaches is none. */
const deadlineMsMax = 2 ** 31 - 1;

interface Route {
  readonly method: Method<never, unknown>;
  readonly start: (call: Call<never, never>) => StreamHandler<never>;
}

/** Whether an exchange speaks gRPC: by its content type, `application/grpc` or `…+proto`. */
export function isGrpc({ request }: HttpExchange): boolean {
  return request.version === 2 && isGrpcType(request.headers['content-type']);
}

function isGrpcType(type: HttpHeaders[string]): boolean {
  return typeof type === 'string' && /^application\/grpc(\+proto)?($|;)/.test(type);
}

/** Serves methods. */
export class GrpcServer {
  readonly #routes = new Map<string, Route>();
  readonly #services = new Set<string>();
  readonly #calls = new Set<Call<never, never>>();
  readonly #host: CallHost;
  readonly #assemblyBytesMax: number;
  #assemblyBytes = 0;
  #draining: Status | undefined;

  constructor(options: GrpcServerOptions) {
    this.#assemblyBytesMax = options.assemblyBytesMax ?? assemblyBytesMaxDefault;
    const { clock, compression, messageBytesMax } = options;
    this.#host = {
      compression,
      messageBytesMax,
      after: (delayMs, callback) => clock.after(Math.min(delayMs, deadlineMsMax), callback),
      statusOfError: (error) => statusFrom(error) ?? options.statusOfError(error),
      assembling: (change) => {
        this.#assemblyBytes += change;
        return this.#assemblyBytes <= this.#assemblyBytesMax;
      },
      nowMs: () => clock.monotonicMs(),
      ended: (call, code) => {
        this.#calls.delete(call);
        const { path, beganMs } = call;
        if (options.ended === undefined) return;
        const tookMs = clock.monotonicMs() - beganMs;
        options.ended({ path, code, tookMs, type: typeOf(this.#routes.get(path)!.method) });
      },
    };
  }

  /** Calls under way. */
  get calls(): number {
    return this.#calls.size;
  }

  /** Names of the services, for reflection. */
  get services(): readonly string[] {
    return [...this.#services].sort();
  }

  /** Serves a method of one request and one answer. */
  unary<Request, Response>(
    method: Method<Request, Response>,
    handler: UnaryHandler<Request, Response>,
  ): void {
    assert(!method.requestStream && !method.responseStream, `${method.path} streams`);
    this.#add(method, (call) => unaryCall(call, handler));
  }

  /** Serves a method that streams; of one whose requests do not, exactly one is received. */
  stream<Request, Response>(
    method: Method<Request, Response>,
    handler: StreamingHandler<Request, Response>,
  ): void {
    assert(method.requestStream || method.responseStream, `${method.path} does not stream`);
    this.#add(method, (call) => (method.requestStream ? handler(call) : single(call, handler)));
  }

  /** Answers an exchange that speaks gRPC. */
  handle(exchange: HttpExchange): void {
    const { request } = exchange;
    if (request.method !== 'POST') {
      return refuse(exchange, 405, statusOf('internal', `POST is needed, not ${request.method}`));
    }
    const route = this.#routes.get(request.path);
    if (route === undefined) return refuse(exchange, 200, this.#unknown(request.path));
    if (this.#draining !== undefined) return refuse(exchange, 200, this.#draining);
    const { 'grpc-timeout': timeout, 'grpc-encoding': encoding } = request.headers;
    const deadlineMs = typeof timeout === 'string' ? timeoutMs(timeout) : undefined;
    if (timeout !== undefined && deadlineMs === undefined) {
      return refuse(exchange, 400, statusOf('internal', `malformed grpc-timeout: ${timeout}`));
    }
    const call = new Call(exchange, route.method as Method<never, never>, {
      host: this.#host,
      encoding: typeof encoding === 'string' && encoding !== '' ? encoding : 'identity',
    });
    this.#calls.add(call);
    call.start(route.start(call), deadlineMs);
  }

  /** Takes no more calls, and ends those that stream with this status; unary ones finish. */
  drain(status: Status): void {
    this.#draining = status;
    for (const call of [...this.#calls]) {
      const method = this.#routes.get(call.path)?.method;
      if (method?.requestStream || method?.responseStream) call.finish(status);
    }
  }

  #add<Request, Response>(
    method: Method<Request, Response>,
    start: (call: Call<Request, Response>) => StreamHandler<Request>,
  ): void {
    assert(!this.#routes.has(method.path), `${method.path} is served already`);
    this.#routes.set(method.path, { method, start } as unknown as Route);
    this.#services.add(method.path.split('/')[1]!);
  }

  #unknown(path: string): Status {
    const [, service, name, more] = path.split('/');
    if (service === undefined || name === undefined || more !== undefined) {
      return statusOf('unimplemented', `malformed method name: "${path}"`);
    }
    return this.#services.has(service)
      ? statusOf('unimplemented', `unknown method ${name} for service ${service}`)
      : statusOf('unimplemented', `unknown service ${service}`);
  }
}

function typeOf({ requestStream, responseStream }: Method<never, unknown>): EndedCall['type'] {
  if (requestStream) return responseStream ? 'bidi_stream' : 'client_stream';
  return responseStream ? 'server_stream' : 'unary';
}

/** Answers an exchange that becomes no call. */
function refuse(exchange: HttpExchange, http: number, status: Status): void {
  exchange.subscribe({ received: () => {}, ended: () => {}, closed: () => {} });
  exchange.respondOnly(http, {
    'content-type': 'application/grpc',
    'grpc-status': String(status.code),
    'grpc-message': encodeMessage(status.message),
  });
}

function unaryCall<Request, Response>(
  call: Call<Request, Response>,
  handler: UnaryHandler<Request, Response>,
): StreamHandler<Request> {
  return new UnaryCall(call, handler);
}

/** One request and its answer. A class, since there is one for each of very many calls. */
class UnaryCall<Request, Response> implements StreamHandler<Request> {
  readonly #call: Call<Request, Response>;
  readonly #handler: UnaryHandler<Request, Response>;
  #taken = false;
  #request: Request | undefined;

  constructor(call: Call<Request, Response>, handler: UnaryHandler<Request, Response>) {
    this.#call = call;
    this.#handler = handler;
  }

  received(request: Request): void {
    if (this.#taken) return this.#call.finish(moreThanOne);
    this.#taken = true;
    this.#request = request;
  }

  /** No more can follow. */
  ended(): void {
    if (!this.#taken) return this.#call.finish(noRequest);
    const call = this.#call;
    this.#handler(this.#request as Request, call).then(
      (response) => call.settle(response),
      (error) => call.fail(error),
    );
  }
}

const moreThanOne = statusOf('internal', 'cardinality violation: more than one request');
const noRequest = statusOf('internal', 'cardinality violation: no request');

/** A method that answers one request with a stream. */
function single<Request, Response>(
  call: Call<Request, Response>,
  handler: StreamingHandler<Request, Response>,
): StreamHandler<Request> {
  let inner: StreamHandler<Request> | undefined;
  const outer = one(call, (request) => {
    inner = handler(call);
    inner.received(request);
    inner.ended();
  });
  return {
    ...outer,
    drained: () => inner?.drained?.(),
    over: () => inner?.over?.(),
  };
}

/** Takes exactly one request, and passes it on when no more can follow. */
function one<Request, Response>(
  call: Call<Request, Response>,
  take: (request: Request) => void,
): StreamHandler<Request> {
  let taken: { readonly request: Request } | undefined;
  return {
    received(request) {
      if (taken === undefined) taken = { request };
      else call.finish(moreThanOne);
    },
    ended() {
      if (taken !== undefined) take(taken.request);
      else call.finish(noRequest);
    },
  };
}
