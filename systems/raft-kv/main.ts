/**
 * raft-kv: a replicated map with nothing hidden: every step of Raft can be watched.
 * README.md tells the story.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Member, openMember } from 'quorate';
import { kv } from './kv.ts';
import { serve } from './lines.ts';
import { type Group, methods, nameOf } from './methods.ts';

const usage = 'usage: raft-kv --config FILE --data DIR [--trace]';
const askEveryMs = 500;

interface Node {
  readonly ID: string;
  readonly Endpoint: string;
}

const { nodes, own, joins, data, trace } = settingsOrExit();
console.log(`starting ${own.ID} on ${own.Endpoint}`);
let open: { readonly member: Member; readonly group: Group } | undefined;
const handler = methods(own.ID, () => open);
const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort());

try {
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const others = nodes.filter(({ ID }) => ID !== own.ID).map(({ Endpoint }) => Endpoint);
  // A node that joins waits until it was added; one that was a member once need not be added again.
  if (joins && !existsSync(join(data, 'identity'))) await untilAdded(others);
  const peers = nodes.map(({ ID, Endpoint }) => ({ name: ID, address: Endpoint }));
  const member = await openMember({
    name: own.ID,
    dataDir: data,
    listen: own.Endpoint,
    advertise: own.Endpoint,
    service: (stream) => serve(stream, handler),
    signal: stopped.signal,
    ...(joins ? { join: others } : { peers }),
  });
  if (trace) traceMessages(member);
  const group = await member.group('kv', kv, { timeoutMs: Number.MAX_SAFE_INTEGER });
  open = { member, group };
  group.onLeadership(({ role, term, leader }) => {
    console.log(`${role} in term ${term}, led by ${nameOf(member, leader) || 'nobody'}`);
  });
  console.log(`service ready on ${own.Endpoint}`);
  const ended = await member.closed;
  console.log(ended === null ? 'stopped' : ended.message);
  if (ended !== null && ended.code !== 'removed-member') process.exitCode = 1;
} catch (error) {
  const { code, message } = error as Error & { code?: string };
  if (!stopped.signal.aborted) {
    console.error(code === undefined ? message : `${code}: ${message}`);
    process.exitCode = code === 'removed-member' ? 0 : 1;
  }
}

function settingsOrExit() {
  try {
    const options = {
      config: { type: 'string' },
      data: { type: 'string' },
      trace: { type: 'boolean' },
    } as const;
    const { config, data, trace = false } = parseArgs({ options }).values;
    if (config === undefined || data === undefined) throw new Error('--config and --data it takes');
    const read = JSON.parse(readFileSync(config, 'utf8')) as {
      ID?: string;
      Nodes?: readonly Node[];
      Join?: boolean;
    };
    const { ID, Nodes: nodes = [], Join: joins = false } = read;
    const own = nodes.find((node) => node.ID === ID);
    if (own === undefined) throw new Error(`${config}: the ID is that of none of the Nodes`);
    for (const { Endpoint } of nodes) {
      if (!/^.+:\d{1,5}$/.test(Endpoint)) throw new Error(`${config}: ${Endpoint} is no endpoint`);
    }
    return { nodes, own, joins, data, trace };
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    return process.exit(2);
  }
}

/** Every message of Raft's, with what answers it, as it leaves and as it comes. */
function traceMessages(member: Member): void {
  member.onRaft(
    (event) => {
      if (event.type !== 'sent' && event.type !== 'received') return;
      const { from, to, type, ...facts } = event.message;
      const short = (_: string, value: unknown) =>
        value instanceof Uint8Array ? `${value.length} bytes` : value;
      const way = `${nameOf(member, from)} → ${nameOf(member, to)}`;
      console.log(`${event.type} ${way} ${type} ${JSON.stringify(facts, short)}`);
    },
    { messages: true },
  );
}

/** Asks the members, by their clients' wire, until one says that this node was added. */
async function untilAdded(endpoints: readonly string[]): Promise<void> {
  console.log('waiting to be added');
  for (let attempt = 0; ; attempt++) {
    stopped.signal.throwIfAborted();
    const added = await ask(endpoints[attempt % endpoints.length]!, 'Raft.Added').catch(() => []);
    if (Array.isArray(added) && added.includes(own.ID)) return;
    await pause(askEveryMs, undefined, { signal: stopped.signal });
  }
}

function ask(endpoint: string, method: string): Promise<unknown> {
  const [host, port] = [endpoint.replace(/:\d+$/, ''), Number(endpoint.replace(/^.*:/, ''))];
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ host, port, timeout: 2000 });
    socket.once('error', reject).once('timeout', () => socket.destroy(new Error('no answer')));
    socket.once('close', () => reject(new Error('no answer')));
    socket.on('data', (bytes) => {
      text += bytes.toString();
      if (!text.includes('\n')) return;
      resolve((JSON.parse(text) as { result?: unknown }).result);
      socket.destroy();
    });
    socket.write(`${JSON.stringify({ id: 1, method, params: {} })}\n`);
  });
}
