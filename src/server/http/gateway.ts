/**
 * The JSON gateway: the methods of the services by POST, in JSON. A stream of answers is a line of
 * `{"result":{…}}` for each; a refusal is `{"code":…,"message":"…"}` with an HTTP status that fits.
 *
 * Source: grpc-gateway's mapping of statuses (runtime/errors.go), which etcd uses.
 */
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { QuorateError } from '../../base/errors.ts';
import type { Metadata } from '../../grpc/metadata.ts';
import type { ServerCall, StreamHandler } from '../../grpc/server-call.ts';
import { okStatus, type Status, statusCodes, statusOf } from '../../grpc/status.ts';
import type { HttpExchange, HttpHeaders } from '../../ports/http.ts';
import type { Address } from '../../ports/streams.ts';
import type { ServedMethod } from '../services/registry.ts';
import { messageFromText, messageToText } from './json.ts';

type AnyMessage = MessageShape<DescMessage>;

/** What the gateway shares among its calls. */
export interface GatewayHost {
  /** The most that the body of a request may have. */
  readonly bodyBytesMax: number;
  readonly statusOfError: (error: unknown) => Status;
}

const httpStatuses: Readonly<Record<number, number>> = {
  [statusCodes.ok]: 200,
  [statusCodes.cancelled]: 499,
  [statusCodes.unknown]: 500,
  [statusCodes['invalid-argument']]: 400,
  [statusCodes['deadline-exceeded']]: 504,
  [statusCodes['not-found']]: 404,
  [statusCodes['already-exists']]: 409,
  [statusCodes['permission-denied']]: 403,
  [statusCodes['resource-exhausted']]: 429,
  [statusCodes['failed-precondition']]: 400,
  [statusCodes.aborted]: 409,
  [statusCodes['out-of-range']]: 400,
  [statusCodes.unimplemented]: 501,
  [statusCodes.internal]: 500,
  [statusCodes.unavailable]: 503,
  [statusCodes['data-loss']]: 500,
  [statusCodes.unauthenticated]: 401,
};

const json = { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' } as const;
const encoder = new TextEncoder();

/** Answers one exchange by calling a method. */
export function answerByGateway(
  exchange: HttpExchange,
  served: ServedMethod,
  host: GatewayHost,
): void {
  const call = new GatewayCall(exchange, served, host);
  call.start();
}

/** Fields of HTTP that matter to methods; `Grpc-Metadata-…` is how others are passed on. */
function metadataOf({ request: { headers } }: HttpExchange): Metadata {
  const metadata: Record<string, string> = Object.create(null);
  const { authorization, token } = headers;
  if (typeof authorization === 'string') metadata.authorization = authorization;
  if (typeof token === 'string') metadata.token = token;
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith('grpc-metadata-') || typeof value !== 'string') continue;
    const inner = name.slice('grpc-metadata-'.length);
    if (!inner.endsWith('-bin')) metadata[inner] = value;
  }
  return metadata;
}

class GatewayCall implements ServerCall<AnyMessage> {
  readonly path: string;
  readonly metadata: Metadata;
  readonly remote: Address;
  /** The client's certificate never counts here: its name is no user's of the gateway. */
  readonly certificate = null;
  readonly #exchange: HttpExchange;
  readonly #served: ServedMethod;
  readonly #host: GatewayHost;
  readonly #headers: HttpHeaders;
  readonly #controller = new AbortController();
  #handler: StreamHandler<AnyMessage> | undefined;
  #chunks: Uint8Array[] = [];
  #bodyBytes = 0;
  #responded = false;
  over = false;

  constructor(exchange: HttpExchange, served: ServedMethod, host: GatewayHost) {
    this.#exchange = exchange;
    this.#served = served;
    this.#host = host;
    this.path = `/${served.description.parent.typeName}/${served.description.name}`;
    this.metadata = metadataOf(exchange);
    this.remote = exchange.remote;
    const { origin } = exchange.request.headers;
    // Foreign origins do not get here: this one is known.
    this.#headers =
      origin === undefined
        ? json
        : { ...json, 'access-control-allow-origin': origin, vary: 'origin' };
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get bufferedBytes(): number {
    return this.#exchange.bufferedBytes;
  }

  start(): void {
    this.#exchange.subscribe({
      received: (bytes) => this.#take(bytes),
      ended: () => this.#begin(),
      drained: () => {
        if (!this.over) this.#handler?.drained?.();
      },
      closed: () => this.#close(),
    });
  }

  sendMetadata(): void {}

  send(response: AnyMessage): boolean {
    if (this.over) return false;
    const text = messageToText(this.#served.description.output, response);
    if (!this.#responded) {
      this.#responded = true;
      this.#exchange.respond(200, this.#headers);
    }
    const line = this.#served.kind === 'unary' ? text : `{"result":${text}}\n`;
    return this.#exchange.write(encoder.encode(line));
  }

  finish(status: Status = okStatus): void {
    if (this.over) return;
    if (status.code !== statusCodes.ok) this.#refuse(status);
    else if (!this.#responded) this.#exchange.respondOnly(200, this.#headers);
    else this.#exchange.end();
    this.#close();
  }

  pause(): void {}

  resume(): void {}

  #take(bytes: Uint8Array): void {
    if (this.over) return;
    this.#bodyBytes += bytes.length;
    if (this.#bodyBytes <= this.#host.bodyBytesMax) this.#chunks.push(bytes);
    else this.finish(statusOf('resource-exhausted', 'the body of the request is too large'));
  }

  #begin(): void {
    if (this.over) return;
    const served = this.#served;
    let requests: AnyMessage[];
    try {
      requests = this.#requests();
    } catch (error) {
      const reason = error instanceof QuorateError ? error.message : String(error);
      return this.finish(statusOf('invalid-argument', reason));
    }
    if (served.kind === 'unary') {
      served.handler(requests[0]!, this).then(
        (response) => {
          this.send(response);
          this.finish();
        },
        (error) => this.finish(this.#host.statusOfError(error)),
      );
      return;
    }
    try {
      this.#handler = served.handler(this);
      for (const request of requests) this.#handler.received(request);
      // The body is whole, and yet the client listens on: a watch lives on its answers.
      const { methodKind } = served.description;
      if (methodKind === 'server_streaming' || this.path.endsWith('/LeaseKeepAlive')) {
        this.#handler.ended();
      }
    } catch (error) {
      this.finish(this.#host.statusOfError(error));
    }
  }

  /** One request, or a line for each where the method takes several. */
  #requests(): AnyMessage[] {
    const text = textOf(this.#chunks);
    this.#chunks = [];
    const { input, methodKind } = this.#served.description;
    if (methodKind !== 'bidi_streaming') return [messageFromText(input, text)];
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    try {
      return lines.map((line) => messageFromText(input, line));
    } catch (error) {
      if (lines.length < 2) throw error;
      // One request, written over several lines.
      return [messageFromText(input, text)];
    }
  }

  #refuse({ code, message }: Status): void {
    const body = { code, message };
    if (this.#responded) {
      this.#exchange.write(encoder.encode(`${JSON.stringify({ error: body })}\n`));
    } else {
      this.#exchange.respond(httpStatuses[code] ?? 500, this.#headers);
      this.#exchange.write(encoder.encode(JSON.stringify(body)));
    }
    this.#exchange.end();
  }

  #close(): void {
    if (this.over) return;
    this.over = true;
    this.#chunks = [];
    this.#controller.abort();
    this.#handler?.over?.();
  }
}

function textOf(chunks: readonly Uint8Array[]): string {
  const decoder = new TextDecoder('utf8', { fatal: true });
  try {
    return (
      chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join('') + decoder.decode()
    );
  } catch {
    throw new QuorateError('malformed-message', 'the body is no UTF-8');
  }
}
