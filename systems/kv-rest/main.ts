/**
 * kv-rest: a replicated key-value database with live membership, behind a plain HTTP interface.
 * README.md tells the story.
 */
import { mkdirSync } from 'node:fs';
import http from 'node:http';
import { type Member, openMember } from 'quorate';
import { Api } from './api.ts';
import { type Flags, parseFlags, splitAddress, usage } from './flags.ts';
import { Store } from './store.ts';

/** Requests under way may end before the member does, for this long. */
const drainMsMax = 3000;
const connectionsMax = 10_000;

const flags = flagsOrExit();
const member = await open(flags);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());

// A member that was away finds its group by itself; a new one asks the others, however long it takes.
const opening = member.group('kv', new Store(), { timeoutMs: Number.MAX_SAFE_INTEGER });
const api = new Api(member, opening);
const server = http.createServer((request, response) => void api.handle(request, response));
server.maxConnections = connectionsMax;
server.once('error', (error) => {
  console.error(`HTTP: ${error.message}`);
  process.exitCode = 1;
  void member.close();
});
const { host, port } = splitAddress(flags.api);
server.listen(port, host);
opening.then(
  () => console.log(`kv-rest ${member.id} serves http://${flags.api}`),
  (error: Error & { code?: string }) => {
    if (error.code === 'closing' || error.code === 'removed-member') return;
    console.error(`the database cannot be opened: ${error.message}`);
    process.exitCode = 1;
    void member.close();
  },
);

const ended = await member.closed;
server.close();
server.closeAllConnections();
if (ended === null || ended.code === 'removed-member') {
  console.log(ended === null ? 'stopped' : ended.message);
} else {
  console.error(`${ended.code}: ${ended.message}`);
  process.exitCode = 1;
}

function flagsOrExit(): Flags {
  try {
    return parseFlags(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    return process.exit(2);
  }
}

/** Once the directory holds a member, `join` is not looked at: one command line joins and restarts. */
async function open({ raft, api: apiAddress, join, stateDir }: Flags): Promise<Member> {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    return await openMember({
      name: raft,
      dataDir: stateDir,
      listen: raft,
      advertise: raft,
      tags: { api: apiAddress },
      ...(join === raft ? {} : { join: [join] }),
    });
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    console.error(code === undefined ? message : `${code}: ${message}`);
    return process.exit(code === 'removed-member' ? 0 : 1);
  }
}

/** Takes no new requests, lets those under way end, then hands leadership over and ends. */
async function stop(): Promise<void> {
  const drained = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const limit = new Promise((resolve) => setTimeout(resolve, drainMsMax).unref());
  await Promise.race([drained, limit, member.closed]);
  await member.close();
}
