/**
 * counters: a strongly consistent integer store, replicated by Raft, behind four HTTP requests.
 * README.md tells the story.
 */
import { mkdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parse, stringify } from 'lossless-json';
import { type Member, openMember, QuorateError, type TypedGroup } from 'quorate';
import { HttpService } from '../http-service/http-service.ts';
import { apiOf } from './api.ts';
import { counters } from './counters.ts';

const usage =
  'usage: counters --name NAME --peers NAME=HOST:PORT,… --data DIR [--port HTTP_PORT or HOST:PORT]';
/** How long a request waits for a leader before it is answered 503. */
const requestTimeoutMs = 5000;

const flags = flagsOrExit();
const member = await open();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());

const opening = member.group('counters', counters, { timeoutMs: Number.MAX_SAFE_INTEGER });
const service = new HttpService({
  host: flags.host,
  port: flags.port,
  bodyBytesMax: 65_536,
  json: { parse, stringify },
  answer: apiOf(opened),
  refusal: (error) => ({ error }),
});
await service.listen().catch((error: Error) => fail(`HTTP: ${error.message}`));
opening.then(
  (group) => {
    group.onLeadership(({ isLeader, term }) => {
      if (isLeader) console.log(`${flags.name} leads in term ${term}`);
    });
    console.log(`counters ${flags.name} serves http://${flags.host}:${flags.port}`);
  },
  (error: Error & { code?: string }) => {
    if (error.code !== 'closing') fail(`the counters cannot be opened: ${error.message}`);
  },
);

const ended = await member.closed;
service.close();
console.log(ended === null ? 'stopped' : `${ended.code}: ${ended.message}`);
if (ended !== null) process.exitCode = 1;

/** The group, once it is open; a member that has just started may still look for the others. */
function opened(): Promise<TypedGroup<typeof counters>> {
  return new Promise((resolve, reject) => {
    const late = new QuorateError('no-leader', 'no majority of the members has been found yet');
    const timer = setTimeout(() => reject(late), requestTimeoutMs);
    opening.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function flagsOrExit() {
  try {
    const text = { type: 'string' } as const;
    const options = { name: text, peers: text, data: text, port: text } as const;
    const { name, peers: list = '', data, port: address = '8080' } = parseArgs({ options }).values;
    const peers = list.split(',').map((peer) => {
      const [, peerName, host, port] = /^([^=]+)=(.*):(\d{1,5})$/.exec(peer.trim()) ?? [];
      if (peerName === undefined) throw new Error(`--peers: ${peer} is not NAME=HOST:PORT`);
      return { name: peerName, address: `${host || '127.0.0.1'}:${port}` };
    });
    const [, host, port] = /^(?:(.*):)?(\d{1,5})$/.exec(address) ?? [];
    if (port === undefined) throw new Error(`--port: ${address} is no port`);
    if (data === undefined) throw new Error('--data says where the state lives');
    if (name === undefined || !peers.some((peer) => peer.name === name)) {
      throw new Error('--name must be one of the --peers');
    }
    return { name, peers, data, host: host || '127.0.0.1', port: Number(port) };
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    return process.exit(2);
  }
}

/** All members are started with the same `--peers`, the first time and ever after. */
async function open(): Promise<Member> {
  const { name, peers, data } = flags;
  try {
    mkdirSync(data, { recursive: true, mode: 0o700 });
    return await openMember({ name, peers, dataDir: data, requestTimeoutMs });
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    console.error(code === undefined ? message : `${code}: ${message}`);
    return process.exit(1);
  }
}

function fail(message: string): void {
  console.error(message);
  process.exitCode = 1;
  void member.close();
}

/** Lets the requests under way end; then the member hands leadership over, and ends. */
async function stop(): Promise<void> {
  await service.drain();
  await member.close();
}
