/**
 * ha-worker: an ordinary HTTP service with a job in the background, made highly available by the store
 * that runs inside it. README.md tells the story.
 */
import http from 'node:http';
import { openServer, readServerSettings } from 'quorate/server';
import { advance, get, jobKey, put, readPosition } from './position.ts';

const { http: address, every, rest } = ownFlags(process.argv.slice(2));
const settings = await readServerSettings(rest, process.env);
const server = await openServer(settings);
const { kv } = server;

/** Ends when this copy ceases to lead. */
let leading: AbortController | undefined;
const stopListening = kv.onLeadership(({ isLeader, leaderId, term }) => {
  console.log(`term ${term}: ${isLeader ? 'this copy works' : `${leaderId.toString(16)} works`}`);
  leading?.abort();
  leading = isLeader ? new AbortController() : undefined;
  if (leading !== undefined) void work(leading.signal);
});

const service = http.createServer((request, response) => {
  answer(request).then(
    ([status, text]) => response.writeHead(status).end(`${text}\n`),
    (error: Error) => response.writeHead(503).end(`${error.message}\n`),
  );
});
service.listen(address.port, address.host, () =>
  console.log(`serves http://${address.host}:${address.port}`),
);
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void server.close());

const ended = await server.closed;
leading?.abort();
stopListening();
service.close();
service.closeAllConnections();
console.log(ended === null ? 'stopped' : ended.message);
process.exit(ended === null || ended.code === 'removed-member' ? 0 : 1);

/** The job: one step every so often, from wherever the last worker came to. */
async function work(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const position = await readPosition(kv);
      if (signal.aborted) return;
      const done = await advance(kv, position, settings.name);
      console.log(`${jobKey}: step ${position.step + 1} ${done ? 'done' : 'was done by another'}`);
    } catch (error) {
      // Whether it was done is seen from the position, the next time.
      console.log(`a step failed: ${(error as Error).message}`);
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, every);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** What the service answered before it was made highly available, on every copy now. */
async function answer(request: http.IncomingMessage): Promise<[status: number, text: string]> {
  const { pathname } = new URL(request.url ?? '/', 'http://service');
  if (pathname === '/status') {
    const { step } = await readPosition(kv, true);
    return [200, JSON.stringify({ name: settings.name, works: kv.isLeader, step })];
  }
  const note = /^\/notes\/(.+)$/.exec(pathname)?.[1];
  if (note === undefined) return [404, 'try /status or /notes/NAME'];
  if (request.method === 'PUT') {
    await put(kv, `notes/${note}`, await bodyOf(request));
    return [200, 'noted'];
  }
  const found = await get(kv, `notes/${note}`);
  return found === undefined ? [404, 'there is no such note'] : [200, found];
}

async function bodyOf(request: http.IncomingMessage): Promise<string> {
  let text = '';
  request.setEncoding('utf8');
  for await (const part of request) {
    text += part as string;
    if (text.length > 65_536) throw new Error('a note has at most 64 KiB');
  }
  return text;
}

/** `--http HOST:PORT` and `--every MS` are ours; all others are the store's, which are etcd's. */
function ownFlags(args: readonly string[]) {
  const own = new Map([
    ['--http', '127.0.0.1:8080'],
    ['--every', '5000'],
  ]);
  const rest: string[] = [];
  for (let i = 0; i < args.length; i++) {
    if (own.has(args[i]!)) own.set(args[i]!, args[++i] ?? '');
    else rest.push(args[i]!);
  }
  const [host = '', port] = own.get('--http')!.split(':');
  return {
    http: { host: host || '127.0.0.1', port: Number(port) },
    every: Number(own.get('--every')),
    rest,
  };
}
