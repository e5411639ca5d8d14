/**
 * What the HTTP interfaces of kv-rest and counters have in common: pages of other sites reach nothing
 * through the browser of somebody near; a body is JSON whatever its content type says, and has a
 * limit; an error becomes a status; requests under way may end before the service does.
 */
import { once } from 'node:events';
import http from 'node:http';
import { QuorateError, Refusal } from 'quorate';

/** Requests under way may end before the service does, for this long. */
const drainMsMax = 3000;
const connectionsMax = 10_000;

/** What a request is answered with: text as it is, anything else as JSON, nothing at all. */
export interface Reply {
  readonly status: number;
  readonly body?: unknown;
}

/** A request that cannot be done as it is. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface HttpServiceInit {
  readonly host: string;
  readonly port: number;
  readonly bodyBytesMax: number;
  /** How JSON is read and written, where integers need all their 64 bits. */
  readonly json?: { parse(text: string): unknown; stringify(value: unknown): string | undefined };
  answer(asked: Asked): Promise<Reply>;
  /** What the body of a refusal looks like. */
  refusal(message: string): unknown;
}

/** A request. */
export class Asked {
  readonly method: string;
  /** Decoded, without the slash at its beginning. */
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly #request: http.IncomingMessage;
  readonly #init: HttpServiceInit;

  constructor(request: http.IncomingMessage, init: HttpServiceInit) {
    const { method = 'GET', url = '/', headers } = request;
    this.method = method;
    this.headers = headers;
    this.#request = request;
    this.#init = init;
    try {
      this.path = decodeURIComponent(url.replace(/[?#].*$/s, '').replace(/^\//, ''));
    } catch {
      throw new Refused(400, 'the path is not well encoded');
    }
  }

  /** The body, which must be a JSON object; curl says that it is something else. */
  async json(): Promise<Readonly<Record<string, unknown>>> {
    const { bodyBytesMax, json = JSON } = this.#init;
    const parts: Buffer[] = [];
    let bytes = 0;
    // What is too long is read to its end all the same: the answer would not be heard before.
    for await (const part of this.#request as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes <= bodyBytesMax) parts.push(part);
      else parts.length = 0;
    }
    if (bytes > bodyBytesMax) throw new Refused(413, `a body has at most ${bodyBytesMax} bytes`);
    try {
      const body: unknown = json.parse(Buffer.concat(parts).toString());
      if (typeof body === 'object' && body !== null) return { ...body };
    } catch {}
    throw new Refused(400, 'the body is not a JSON object');
  }
}

export class HttpService {
  readonly #init: HttpServiceInit;
  readonly #server: http.Server;

  constructor(init: HttpServiceInit) {
    this.#init = init;
    this.#server = http.createServer((request, response) => void this.#serve(request, response));
    this.#server.maxConnections = connectionsMax;
  }

  /** Resolves once clients can connect; fails if the address cannot be had. */
  async listen(): Promise<void> {
    this.#server.listen(this.#init.port, this.#init.host);
    await once(this.#server, 'listening');
  }

  /** Takes no new requests, and resolves when those under way have ended, or have had their time. */
  async drain(): Promise<void> {
    const drained = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const late = new Promise((resolve) => setTimeout(resolve, drainMsMax).unref());
    await Promise.race([drained, late]);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { status, body } = await this.#answer(request).catch((error: Error) => ({
      status: statusOf(error),
      body: this.#init.refusal(error.message),
    }));
    const isText = body === undefined || typeof body === 'string';
    const text = isText ? (body ?? '') : `${(this.#init.json ?? JSON).stringify(body)}\n`;
    if (status !== 204) {
      const type = isText ? 'text/plain; charset=utf-8' : 'application/json';
      response.setHeader('content-type', type);
      response.setHeader('content-length', Buffer.byteLength(text));
    }
    response.writeHead(status).end(text);
  }

  async #answer(request: http.IncomingMessage): Promise<Reply> {
    if (isForeign(request.headers, this.#init.host)) {
      throw new Refused(403, 'this host or origin is not allowed');
    }
    return this.#init.answer(new Asked(request, this.#init));
  }
}

function isForeign(headers: http.IncomingHttpHeaders, own: string): boolean {
  const { host = '', origin, 'sec-fetch-site': site } = headers;
  const name = host.replace(/:\d*$/, '').replace(/^\[|\]$/g, '');
  // Who listens on every address cannot know by which names it is called.
  const known = ['localhost', '127.0.0.1', '::1', own].includes(name) || isAny(own);
  return !known || (origin !== undefined && origin !== `http://${host}`) || site === 'cross-site';
}

function isAny(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function statusOf(error: Error): number {
  if (error instanceof Refused) return error.status;
  if (error instanceof Refusal) return 400;
  if (!(error instanceof QuorateError)) return 500;
  if (error.code === 'unknown-member') return 404;
  if (error.code === 'unsafe-change' || error.code === 'session-expired') return 409;
  return error.retryable || error.code === 'closing' ? 503 : 500;
}
