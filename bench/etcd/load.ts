/** Puts a load on a server, by h2load or by one of the clients beside this file. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { percentile } from './unary.ts';

/** What the client with many keys is asked for. */
export interface LoadAsked {
  readonly port: number;
  readonly kind: 'put' | 'txn' | 'range' | 'serializable';
  readonly connections: number;
  readonly streams: number;
  readonly warmUpMs: number;
  readonly seconds: number;
}

/** What the watchers are asked for; `streams` on each connection, the watchers shared among them. */
export interface WatchAsked extends Omit<LoadAsked, 'kind'> {
  readonly watchers: number;
}

export interface LoadFound {
  readonly count: number;
  readonly seconds: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly failed: number;
}

/** Beyond the time of the load itself: it is then ended, and the bench with it. */
const patienceMs = 60_000;

/** Clients under way: none may outlive the bench. */
const clients = new Set<ChildProcess>();

export function endClients(): void {
  for (const client of clients) client.kill('SIGKILL');
}

/** Runs a program; `line` hears what it says. Answers all that it said. */
async function run(
  [program, ...args]: readonly [string, ...string[]],
  seconds: number,
  line: (text: string) => void = () => {},
): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  clients.add(child);
  const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000 + patienceMs);
  let output = '';
  let told = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    for (let end = output.indexOf('\n', told); end !== -1; end = output.indexOf('\n', told)) {
      line(output.slice(told, end));
      told = end + 1;
    }
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  clients.delete(child);
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
  return output;
}

/** Runs the clients, each in a process of its own; loaded into a server it takes profiles. */
export const worker = fileURLToPath(new URL('./worker.js', import.meta.url));

/** Runs one of the clients; `begun` when it has warmed up, `done` when it has measured. */
export async function clientLoad(
  client: 'many-keys' | 'watchers',
  asked: LoadAsked | WatchAsked,
  { begun, done }: { readonly begun: () => void; readonly done: () => void },
): Promise<LoadFound> {
  let found: LoadFound | undefined;
  await run([process.execPath, worker, client, JSON.stringify(asked)], asked.seconds, (text) => {
    if (text === 'begin') return begun();
    done();
    found = JSON.parse(text) as LoadFound;
  });
  if (found === undefined) throw new Error(`${client} found nothing`);
  if (found.failed > 0) throw new Error(`${found.failed} requests of ${client} failed`);
  return found;
}

/** One request, repeated by h2load, which does not look at gRPC's status: it was tried before. */
export async function h2load(init: {
  readonly port: number;
  readonly path: string;
  readonly body: Uint8Array;
  readonly connections: number;
  readonly streams: number;
  readonly seconds: number;
  readonly folder: string;
}): Promise<LoadFound> {
  const [file, log] = [join(init.folder, 'body'), join(init.folder, 'requests.log')];
  writeFileSync(file, init.body);
  writeFileSync(log, '');
  const { connections, streams, seconds } = init;
  await run(
    [
      'h2load',
      ...['-D', String(seconds), '-c', String(connections), '-m', String(streams), '-t', '1'],
      ...['-H', 'content-type: application/grpc', '-H', 'te: trailers', '-d', file],
      ...[`--log-file=${log}`, `http://127.0.0.1:${init.port}${init.path}`],
    ],
    seconds,
  );
  const lines = readFileSync(log, 'latin1').split('\n').slice(0, -1);
  const micros = Float64Array.from(lines, (line) => Number(line.split('\t')[2])).sort();
  const failed = lines.filter((line) => line.split('\t')[1] !== '200').length;
  if (failed > 0) throw new Error(`${failed} of ${lines.length} requests failed`);
  const [medianMs, p99Ms] = [percentile(micros, 0.5) / 1000, percentile(micros, 0.99) / 1000];
  return { count: lines.length, seconds, medianMs, p99Ms, failed };
}
