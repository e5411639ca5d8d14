/** The HTTP interface: keys at the root, members under `/mgmt/nodes`. */
import type http from 'node:http';
import { type Group, type Member, QuorateError } from 'quorate';
import type { Pair, Store } from './store.ts';

const bodyBytesMax = 2 ** 20;

interface Reply {
  readonly status: number;
  readonly body?: unknown;
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
  readonly #member: Member;
  readonly #group: Promise<Group<Store>>;
  #open: Group<Store> | undefined;

  constructor(member: Member, group: Promise<Group<Store>>) {
    this.#member = member;
    this.#group = group;
    group.then(
      (open) => {
        this.#open = open;
      },
      () => {},
    );
  }

  async handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { status, body } = await this.#answer(request).catch(replyTo);
    const isText = body === undefined || typeof body === 'string';
    const text = isText ? (body ?? '') : `${JSON.stringify(body)}\n`;
    if (status !== 204) {
      const type = isText ? 'text/plain; charset=utf-8' : 'application/json';
      response.setHeader('content-type', type);
      response.setHeader('content-length', Buffer.byteLength(text));
    }
    response.writeHead(status).end(text);
  }

  async #answer(request: http.IncomingMessage): Promise<Reply> {
    const { method = 'GET' } = request;
    const path = pathOf(request);
    const [, node] = /^mgmt\/nodes\/(\d{1,15})$/.exec(path) ?? [];
    if (path === '' && (method === 'PUT' || method === 'POST')) return this.#put(request);
    if (path === 'mgmt/nodes' && method === 'GET') return { status: 200, body: this.#nodes() };
    if (node !== undefined && method === 'PUT') return this.#move(Number(node), request);
    if (node !== undefined && method === 'DELETE') {
      await this.#member.removeMember(Number(node));
      return { status: 204 };
    }
    if (path !== '' && (method === 'GET' || method === 'HEAD')) return this.#get(path);
    if (method === 'DELETE') {
      const id = /^\d+$/.test(path) ? path : '{id}';
      throw new Refused(405, `a member is removed by DELETE /mgmt/nodes/${id}`);
    }
    throw new Refused(405, 'PUT / with {"Key":"…","Value":"…"}, GET /{key}, or GET /mgmt/nodes');
  }

  async #put(request: http.IncomingMessage): Promise<Reply> {
    const { Key, Value } = (await jsonFrom(request)) as Partial<Pair>;
    if (typeof Key !== 'string' || Key === '' || typeof Value !== 'string') {
      throw new Refused(400, 'the body must be {"Key":"…","Value":"…"}, both strings');
    }
    const group = await this.#opened();
    await group.propose(new TextEncoder().encode(JSON.stringify({ Key, Value })));
    return { status: 204 };
  }

  async #get(key: string): Promise<Reply> {
    const group = await this.#opened();
    const value = await group.read((store) => store.get(key));
    if (value === undefined) throw new Refused(404, 'there is no such key');
    return { status: 200, body: value };
  }

  /** Roles and leadership are those in the database's own group, once that is open here. */
  #nodes(): unknown {
    const status = this.#open?.status();
    return this.#member.members().map(({ id, address, tags, role, leader }) => ({
      ID: `${id}`,
      Address: address,
      API: tags.api ?? '',
      Role:
        role === 'voter' && status?.configuration.voters.includes(id) === false ? 'learner' : role,
      Leader: status === undefined ? leader : status.leader === id,
    }));
  }

  async #move(id: number, request: http.IncomingMessage): Promise<Reply> {
    const { Address } = (await jsonFrom(request)) as { Address?: unknown };
    if (typeof Address !== 'string' || !/^.+:\d{1,5}$/.test(Address)) {
      throw new Refused(400, 'the body must be {"Address":"host:port"}');
    }
    await this.#member.setMemberAddress(id, Address);
    return { status: 204 };
  }

  /** A member that has just started may still be looking for its group. */
  #opened(): Promise<Group<Store>> {
    const limitMs = this.#member.defaultTimeoutMs;
    return new Promise((resolve, reject) => {
      const late = () => reject(new Refused(503, 'this member is not ready yet; try again'));
      const timer = setTimeout(late, limitMs);
      this.#group.then(resolve, reject).finally(() => clearTimeout(timer));
    });
  }
}

function pathOf({ url = '/' }: http.IncomingMessage): string {
  try {
    return decodeURIComponent(url.replace(/[?#].*$/s, '').replace(/^\//, ''));
  } catch {
    throw new Refused(400, 'the path is not well encoded');
  }
}

/** Whatever the content type says: curl sends another. */
async function jsonFrom(request: http.IncomingMessage): Promise<object> {
  const parts: Buffer[] = [];
  let bytes = 0;
  // What is too long is read to its end all the same: the answer would not be heard before.
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes <= bodyBytesMax) parts.push(part);
    else parts.length = 0;
  }
  if (bytes > bodyBytesMax) throw new Refused(413, `a body has at most ${bodyBytesMax} bytes`);
  try {
    const body: unknown = JSON.parse(Buffer.concat(parts).toString());
    if (typeof body === 'object' && body !== null) return body;
  } catch {}
  throw new Refused(400, 'the body is not a JSON object');
}

function replyTo(error: Error): Reply {
  return { status: statusOf(error), body: `${error.message}\n` };
}

function statusOf(error: Error): number {
  if (error instanceof Refused) return error.status;
  if (!(error instanceof QuorateError)) return 500;
  if (error.code === 'unknown-member') return 404;
  if (error.code === 'unsafe-change') return 409;
  return error.retryable || error.code === 'closing' ? 503 : 500;
}
