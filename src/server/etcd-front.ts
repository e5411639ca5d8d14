/**
 * What answers etcd's clients: gRPC, JSON gateway and pages over one running key-value service.
 * It is given exchanges by whatever listens, so that it can be put together otherwise: behind
 * several listeners, or beside other services in an application's own server.
 */
import { type EndedCall, GrpcServer, isGrpc } from '../grpc/server.ts';
import { statusOf } from '../grpc/status.ts';
import type { Kv } from '../kv/api.ts';
import type { Clock } from '../ports/clock.ts';
import type { Compression } from '../ports/compression.ts';
import type { HttpExchange, HttpHeaders } from '../ports/http.ts';
import { statusOfError } from './errors.ts';
import { answerText, answerWhenWhole, type FrontRules, refusalOf } from './http/front.ts';
import { answerByGateway } from './http/gateway.ts';
import { ServerMetrics } from './http/metrics.ts';
import { answerPage } from './http/pages.ts';
import { gatewayMethod } from './http/paths.ts';
import { allServices } from './services/all.ts';
import type { ServiceRegistry } from './services/registry.ts';

/** How a front is made. */
export interface EtcdFrontOptions extends FrontRules {
  readonly kv: Kv;
  readonly clock: Clock;
  readonly compression: Compression;
  /** The most that a request may have; messages may have 512 KiB more. Default 1.5 MiB, as etcd. */
  readonly requestBytesMax?: number;
  /** Told of each call of gRPC's that has ended. */
  readonly ended?: (call: EndedCall) => void;
  /** Whether the JSON gateway answers; it does by default. */
  readonly gateway?: boolean;
}

export const requestBytesMaxDefault = 1_572_864;
/** What a message may have beside the request proper; etcd's number. */
const messageOverheadBytes = 512 * 1024;

/** Answers exchanges. */
export class EtcdFront {
  readonly grpc: GrpcServer;
  readonly services: ServiceRegistry;
  readonly metrics: ServerMetrics;
  readonly #options: EtcdFrontOptions;
  readonly #messageBytesMax: number;

  constructor(options: EtcdFrontOptions) {
    const { kv, clock, compression, requestBytesMax = requestBytesMaxDefault } = options;
    this.#options = options;
    this.#messageBytesMax = requestBytesMax + messageOverheadBytes;
    this.metrics = new ServerMetrics(kv);
    this.services = allServices({ kv, clock, requestBytesMax });
    this.grpc = new GrpcServer({
      clock,
      compression,
      messageBytesMax: this.#messageBytesMax,
      statusOfError,
      ended: (call) => {
        this.metrics.ended(call);
        options.ended?.(call);
      },
    });
    this.services.serve(this.grpc);
  }

  /** Answers one exchange, whatever it asks for, or only what is gRPC, or only what is not. */
  handle(exchange: HttpExchange, serves: 'all' | 'grpc' | 'http' = 'all'): void {
    const refusal = refusalOf(exchange, this.#options);
    if (refusal !== undefined) return answerAndIgnore(exchange, 403, `${refusal}\n`);
    const speaksGrpc = isGrpc(exchange);
    if (serves === (speaksGrpc ? 'http' : 'grpc')) {
      return answerAndIgnore(exchange, 404, '404 page not found\n');
    }
    if (speaksGrpc) return this.grpc.handle(exchange);
    const { path: target, method, headers } = exchange.request;
    const at = target.indexOf('?');
    const path = at < 0 ? target : target.slice(0, at);
    if (method === 'OPTIONS' && headers.origin !== undefined) return answerPreflight(exchange);
    const query = new URLSearchParams(at < 0 ? '' : target.slice(at + 1));
    const { kv } = this.#options;
    if (answerPage(exchange, { kv, metrics: () => this.metrics.text() }, { path, query })) return;
    const served = this.services.methods.get(gatewayMethod(path) ?? '');
    if (served === undefined || this.#options.gateway === false) {
      // Below /v3/ it is the gateway that knows no such method, and says so in its own form.
      const isGateways = this.#options.gateway !== false && path.startsWith('/v3/');
      const text = isGateways ? '{"code":5,"message":"Not Found"}' : '404 page not found\n';
      return answerAndIgnore(exchange, 404, text);
    }
    if (method !== 'POST') {
      const text = '{"code":12,"message":"Method Not Allowed"}';
      return answerAndIgnore(exchange, 405, text, { allow: 'POST' });
    }
    // A body in JSON is larger than the message: bytes take a third more, as base64.
    const bodyBytesMax = 2 * this.#messageBytesMax;
    answerByGateway(exchange, served, { bodyBytesMax, statusOfError });
  }

  /** Answers only pages: for listeners of metrics. */
  handlePages(exchange: HttpExchange): void {
    const [path = '', search = ''] = exchange.request.path.split('?', 2);
    const query = new URLSearchParams(search);
    const { kv } = this.#options;
    if (answerPage(exchange, { kv, metrics: () => this.metrics.text() }, { path, query })) return;
    answerAndIgnore(exchange, 404, '404 page not found\n');
  }

  /** Takes no more calls, and ends streams as etcd does when it stops. */
  drain(): void {
    this.grpc.drain(statusOf('unavailable', 'etcdserver: server stopped'));
  }
}

function answerAndIgnore(
  exchange: HttpExchange,
  status: number,
  text: string,
  headers: HttpHeaders = {},
): void {
  const type = text.startsWith('{') ? 'application/json' : 'text/plain; charset=utf-8';
  answerWhenWhole(exchange, () => answerText(exchange, status, { text, type, headers }));
}

/** A page of an origin that is configured may ask what it may send. */
function answerPreflight(exchange: HttpExchange): void {
  const { origin } = exchange.request.headers;
  answerAndIgnore(exchange, 204, '', {
    'access-control-allow-origin': String(origin),
    'access-control-allow-methods': 'POST, GET',
    'access-control-allow-headers': 'accept, content-type, authorization',
    vary: 'origin',
  });
}
