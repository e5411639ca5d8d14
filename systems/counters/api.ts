/** The HTTP interface: four paths, JSON whose integers have all their 64 bits. */
import type http from 'node:http';
import { isLosslessNumber, parse, stringify } from 'lossless-json';
import { QuorateError, Refusal, type TypedGroup } from 'quorate';
import { type counters, largest, smallest } from './counters.ts';

const bodyBytesMax = 65_536;

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** A request that cannot be done as it is. */
class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class Api {
  readonly #group: () => Promise<TypedGroup<typeof counters>>;

  /** @param group waits for the group to be open, or fails in time */
  constructor(group: () => Promise<TypedGroup<typeof counters>>) {
    this.#group = group;
  }

  async handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { status, body } = await this.#answer(request).catch(replyTo);
    const text = `${stringify(body)}\n`;
    response.setHeader('content-type', 'application/json');
    response.setHeader('content-length', Buffer.byteLength(text));
    response.writeHead(status).end(text);
  }

  async #answer(request: http.IncomingMessage): Promise<Reply> {
    const path = (request.url ?? '/').replace(/[?#].*$/s, '');
    if (!['/put', '/get', '/inc', '/delete'].includes(path)) {
      throw new Refused(404, 'POST to /put, /get, /inc or /delete');
    }
    if (request.method !== 'POST') throw new Refused(405, `${path} takes a POST`);
    const body = await jsonFrom(request);
    const key = integer(body, 'key');
    const value = path === '/put' || path === '/inc' ? integer(body, 'value') : 0n;
    const options = optionsOf(request);
    const { commands, queries } = await this.#group();
    if (path === '/put') return answer(await commands.put({ key, value }, options));
    if (path === '/inc') return answer(await commands.inc({ key, value }, options));
    if (path === '/get') return answer(await queries.get(key));
    await commands.delete(key, options);
    return { status: 200, body: {} };
  }
}

function answer(value: bigint | undefined): Reply {
  if (value === undefined) throw new Refused(404, 'key not found');
  return { status: 200, body: { value } };
}

/** A request that is sent again under the same key takes effect once. */
function optionsOf({ headers }: http.IncomingMessage): { readonly idempotencyKey?: string } {
  const idempotencyKey = headers['idempotency-key'];
  if (idempotencyKey === undefined) return {};
  const [key] = [idempotencyKey].flat();
  if (key !== undefined && key !== '' && key.length <= 250) return { idempotencyKey: key };
  throw new Refused(400, 'an Idempotency-Key has 1 to 250 characters');
}

/** Whatever the content type says: curl sends another. */
async function jsonFrom(request: http.IncomingMessage): Promise<object> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes <= bodyBytesMax) parts.push(part);
  }
  if (bytes > bodyBytesMax) throw new Refused(413, `a body has at most ${bodyBytesMax} bytes`);
  try {
    const body: unknown = parse(Buffer.concat(parts).toString());
    if (typeof body === 'object' && body !== null) return body;
  } catch {}
  throw new Refused(400, 'the body is not a JSON object');
}

/** A number or a string, of 64 bits. */
function integer(body: object, name: 'key' | 'value'): bigint {
  const given: unknown = Object.hasOwn(body, name)
    ? (body as Record<string, unknown>)[name]
    : undefined;
  const text = isLosslessNumber(given) ? given.value : given;
  if (typeof text === 'string' && /^-?\d{1,19}$/.test(text)) {
    const value = BigInt(text);
    if (value >= smallest && value <= largest) return value;
  }
  throw new Refused(400, `"${name}" must be an integer of 64 bits`);
}

function replyTo(error: Error): Reply {
  return { status: statusOf(error), body: { error: error.message } };
}

function statusOf(error: Error): number {
  if (error instanceof Refused) return error.status;
  if (error instanceof Refusal) return 400;
  if (!(error instanceof QuorateError)) return 500;
  if (error.code === 'session-expired') return 409;
  return error.retryable || error.code === 'closing' ? 503 : 500;
}
