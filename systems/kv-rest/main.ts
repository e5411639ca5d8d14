/**
 * kv-rest: a replicated key-value database with live membership, behind a plain HTTP interface.
 * README.md tells the story.
 */
import { mkdirSync } from 'node:fs';
import http from 'node:http';
import { openMember, QuorateError } from 'quorate';
import { type Flags, parseFlags, usage } from './flags.ts';
import { type Pair, Store } from './store.ts';

const bodyBytesMax = 1 << 20;

class BadRequest extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

let flags: Flags;
try {
  flags = parseFlags(process.argv.slice(2));
} catch (error) {
  console.error(`${(error as Error).message}\n${usage}`);
  process.exit(2);
}
const { raft, api, join, stateDir } = flags;
mkdirSync(stateDir, { recursive: true, mode: 0o700 });

const member = await openMember({
  name: raft,
  dataDir: stateDir,
  listen: raft,
  tags: { api },
  ...(join === raft ? {} : { join: [join] }),
});
const group = await member.group('kv', new Store(), { timeoutMs: 60_000 });
const server = http.createServer((request, response) => {
  void handle(request, response);
});
server.on('error', (error) => {
  console.error(`HTTP: ${error.message}`);
  process.exitCode = 1;
  void member.close();
});
const [host, port] = splitAddress(api);
server.listen(port, host, () => console.log(`kv-rest ${member.id} serves http://${api}`));
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void member.close());

const ended = await member.closed;
server.close();
server.closeAllConnections();
if (ended !== null && ended.code !== 'removed-member') {
  console.error(ended.message);
  process.exitCode = 1;
}

async function handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  try {
    const { status, body } = await answer(request);
    response.writeHead(status, { 'content-type': contentType(body) });
    response.end(typeof body === 'string' || body === undefined ? body : JSON.stringify(body));
  } catch (error) {
    const status = error instanceof BadRequest ? error.status : statusOf(error);
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(`${(error as Error).message}\n`);
  }
}

interface Reply {
  readonly status: number;
  readonly body?: unknown;
}

async function answer(request: http.IncomingMessage): Promise<Reply> {
  const { method = 'GET' } = request;
  const { pathname } = new URL(request.url ?? '/', 'http://member');
  const path = decodeURIComponent(pathname.slice(1));
  if (path === '' && (method === 'PUT' || method === 'POST')) return put(await pairFrom(request));
  if (path === 'mgmt/nodes' && method === 'GET') return { status: 200, body: nodes() };
  const [, node] = /^mgmt\/nodes\/(\d+)$/.exec(path) ?? [];
  if (node !== undefined && method === 'PUT') return move(Number(node), await jsonFrom(request));
  if (node !== undefined && method === 'DELETE') return remove(Number(node));
  if (path !== '' && (method === 'GET' || method === 'HEAD')) return get(path);
  if (method === 'DELETE') {
    throw new BadRequest(405, 'keys are not deleted; DELETE /mgmt/nodes/{id} removes a member');
  }
  throw new BadRequest(405, 'PUT / with {"Key":…,"Value":…}, GET /{key}, GET /mgmt/nodes');
}

async function put(pair: Pair): Promise<Reply> {
  await group.propose(new TextEncoder().encode(JSON.stringify(pair)));
  return { status: 204 };
}

async function get(key: string): Promise<Reply> {
  const value = await group.read((store) => store.get(key));
  if (value === undefined) throw new BadRequest(404, 'there is no such key');
  return { status: 200, body: value };
}

function nodes(): unknown {
  return member.members().map(({ id, address, tags, role, leader }) => {
    return { ID: `${id}`, Address: address, API: tags['api'] ?? '', Role: role, Leader: leader };
  });
}

async function move(id: number, body: unknown): Promise<Reply> {
  const { Address } = body as { Address?: unknown };
  if (typeof Address !== 'string' || !/:\d{1,5}$/.test(Address)) {
    throw new BadRequest(400, 'Address must be "host:port"');
  }
  await member.setMemberAddress(id, Address);
  return { status: 204 };
}

async function remove(id: number): Promise<Reply> {
  await member.removeMember(id);
  return { status: 204 };
}

async function pairFrom(request: http.IncomingMessage): Promise<Pair> {
  const { Key, Value } = (await jsonFrom(request)) as Partial<Pair>;
  if (typeof Key !== 'string' || Key === '' || typeof Value !== 'string') {
    throw new BadRequest(400, 'the body must be {"Key":"…","Value":"…"}, both strings');
  }
  return { Key, Value };
}

/** Whatever the content type says: curl sends another. */
async function jsonFrom(request: http.IncomingMessage): Promise<object> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > bodyBytesMax) throw new BadRequest(413, `a body has at most ${bodyBytesMax} bytes`);
    parts.push(part);
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(parts).toString());
    if (typeof body === 'object' && body !== null) return body;
  } catch {}
  throw new BadRequest(400, 'the body is not a JSON object');
}

function statusOf(error: unknown): number {
  if (!(error instanceof QuorateError)) return 500;
  if (error.code === 'unknown-member') return 404;
  if (error.code === 'unsafe-change') return 409;
  return error.retryable ? 503 : 500;
}

function contentType(body: unknown): string {
  return typeof body === 'object' ? 'application/json' : 'text/plain; charset=utf-8';
}

function splitAddress(address: string): [host: string, port: number] {
  const at = address.lastIndexOf(':');
  return [address.slice(0, at).replace(/^\[|\]$/g, ''), Number(address.slice(at + 1))];
}
