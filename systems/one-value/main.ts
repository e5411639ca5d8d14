/**
 * one-value: a database of a single value. Members find each other by gossip and announce the value
 * to each other over HTTP; whatever happens, all end with the same one. README.md tells the story.
 */
import http from 'node:http';
import os from 'node:os';
import { type Gossip, type Member, openGossip } from 'quorate/gossip';
import { firstState, isGreater, parseInteger, type State } from './state.ts';

const notifyIntervalMs = 2_000;
const notifyTimeoutMs = 2_000;
const reportIntervalMs = 5_000;
const pullAttemptsMax = 5;

const address = process.env.ADVERTISE_ADDR ?? '127.0.0.1';
const clusterAddress = process.env.CLUSTER_ADDR;
const name = process.env.NODE_NAME ?? `${os.hostname()}-${address}`;
const httpPort = port('HTTP_PORT', 8080);
const gossipPort = port('GOSSIP_PORT', 7946);

let state: State = firstState;

const gossip = await openGossip({
  name,
  bind: `${address}:${gossipPort}`,
  tags: { http: String(httpPort) },
});
gossip.answer('one-value', () => `${state.value} ${state.generation}`);
const stopped = new AbortController();
const server = http.createServer((request, response) => {
  void handle(request, response);
});
server.listen(httpPort, address);
const ready = joinAndPull();
const notifying = setInterval(() => void notifySome(), notifyIntervalMs);
const reporting = setInterval(report, reportIntervalMs);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());
server.once('error', (error) => {
  console.error(`HTTP: ${error.message}`);
  process.exitCode = 1;
  void stop();
});
void gossip.closed.then(({ error }) => {
  if (error === undefined) return;
  console.error(`Gossip has ended: ${error.message}`);
  process.exitCode = 1;
  void stop();
});
await ready;
console.log(`one-value ${name} serves http://${address}:${httpPort}`);

/** Joins, and takes over the newest state of the others, so that no set starts from a stale one. */
async function joinAndPull(): Promise<void> {
  if (!clusterAddress) return;
  try {
    const target = clusterAddress.includes(':')
      ? clusterAddress
      : `${clusterAddress}:${gossipPort}`;
    await gossip.join([target]);
  } catch (error) {
    console.error(`Joining failed, starting an own cluster: ${(error as Error).message}`);
    return;
  }
  const filter = { tags: new Map([['http', '^[0-9]+$']]) };
  for (let attempt = 0; attempt < pullAttemptsMax; attempt++) {
    const asked = others(gossip).filter((member) => member.tags.has('http'));
    if (asked.length === 0) return;
    const missing = new Set(asked.map((member) => member.name));
    for await (const answer of gossip.query('one-value', '', { filter, signal: stopped.signal })) {
      if (answer.type !== 'response') continue;
      const [value = '', generation = ''] = new TextDecoder().decode(answer.payload).split(' ');
      take({ value: parseInteger(value), generation: parseInteger(generation) }, answer.from);
      missing.delete(answer.from);
      if (missing.size === 0) return;
    }
    // Some answers were lost, but one is enough: the others' news will come by announcement.
    if (missing.size < asked.length) return;
  }
}

function take(offered: State, from: string): void {
  if (!isGreater(offered, state)) return;
  state = offered;
  console.log(`NewVal: ${state.value} Gen: ${state.generation} Notifier: ${from}`);
}

async function handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const [status, text] = await answer(request).catch(
    (error: Error) => [400, error.message] as const,
  );
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}`);
}

async function answer(request: http.IncomingMessage): Promise<readonly [number, string]> {
  if (isForeign(request)) return [403, 'this host or origin is not allowed'];
  const url = new URL(request.url ?? '/', 'http://localhost');
  const [, command, first = '', second = '', ...more] = url.pathname.split('/');
  if (url.pathname === '/get') return [200, String(state.value)];
  if (command === 'set' && second === '' && url.pathname.split('/').length === 3) {
    const value = parseInteger(decodeURIComponent(first));
    await ready;
    state = { value, generation: parseInteger(String(state.generation + 1n)) };
    void notifySome();
    return [200, String(value)];
  }
  if (command === 'notify' && second !== '' && more.length === 0 && request.method === 'POST') {
    const offered = { value: parseInteger(first), generation: parseInteger(second) };
    take(offered, url.searchParams.get('notifier') ?? '');
    return [200, 'OK'];
  }
  return [404, 'not found'];
}

/** Pages of other sites must not reach a member through the browser of somebody near it. */
function isForeign({ headers }: http.IncomingMessage): boolean {
  const host = new URL(`http://${headers.host ?? 'localhost'}`).hostname;
  const known = ['localhost', '127.0.0.1', '[::1]', address, gossip.address.host].includes(host);
  const origin = headers.origin === undefined || headers.origin === `http://${headers.host}`;
  return !known || !origin || headers['sec-fetch-site'] === 'cross-site';
}

function others(of: Gossip): Member[] {
  return of.members.alive().filter((member) => member.name !== name);
}

/** Announces the state to two random living others; each failure is that member's alone. */
async function notifySome(): Promise<void> {
  if (stopped.signal.aborted) return;
  const left = others(gossip);
  const chosen: Member[] = [];
  while (chosen.length < 2 && left.length > 0) {
    chosen.push(...left.splice(Math.floor(Math.random() * left.length), 1));
  }
  await Promise.all(chosen.map((member) => notify(member)));
}

async function notify(member: Member): Promise<void> {
  const { host } = member.address;
  const base = `http://${host.includes(':') ? `[${host}]` : host}:${member.tags.get('http') ?? 8080}`;
  const path = `/notify/${state.value}/${state.generation}?notifier=${encodeURIComponent(name)}`;
  try {
    const signal = AbortSignal.any([AbortSignal.timeout(notifyTimeoutMs), stopped.signal]);
    const response = await fetch(base + path, { method: 'POST', signal });
    if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`);
    await response.arrayBuffer();
  } catch (error) {
    if (stopped.signal.aborted) return;
    console.error(`Notifying ${member.name} failed: ${(error as Error).message}`);
  }
}

function report(): void {
  const members = gossip.members.alive().map((member) => `${member.name} ${member.address.host}`);
  console.log(`Members: ${members.join(', ')}`);
  console.log(`State: Val: ${state.value} Gen: ${state.generation}`);
}

async function stop(): Promise<void> {
  stopped.abort();
  clearInterval(notifying);
  clearInterval(reporting);
  server.close();
  server.closeAllConnections();
  await gossip.leave();
}

function port(variable: string, otherwise: number): number {
  const text = process.env[variable] ?? String(otherwise);
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535) return Number(text);
  throw new Error(`${variable} must be a port, 1 … 65535, but is "${text}"`);
}
