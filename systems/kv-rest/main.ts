/**
 * kv-rest: a replicated key-value database with live membership, behind a plain HTTP interface.
 * README.md tells the story.
 */
import { mkdirSync } from 'node:fs';
import { openMember } from 'quorate';
import { HttpService } from '../http-service/http-service.ts';
import { apiOf } from './api.ts';
import { parseFlags, usage } from './flags.ts';
import { kv } from './kv.ts';

const flags = flagsOrExit();
let service: HttpService | undefined;
const closing = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());

try {
  mkdirSync(flags.stateDir, { recursive: true, mode: 0o700 });
  // Once the directory holds a member, `join` is not looked at: one command line joins and restarts.
  const member = await openMember({
    name: flags.raft,
    dataDir: flags.stateDir,
    listen: flags.raft,
    advertise: flags.raft,
    tags: { api: flags.api },
    signal: closing.signal,
    ...(flags.join === flags.raft ? {} : { join: [flags.join] }),
  });
  // A member that was away finds its group by itself; a new one asks the others, however long it takes.
  const group = await member.group('kv', kv, { timeoutMs: Number.MAX_SAFE_INTEGER });
  const at = flags.api.lastIndexOf(':');
  service = new HttpService({
    host: flags.api.slice(0, at).replace(/^\[|\]$/g, ''),
    port: Number(flags.api.slice(at + 1)),
    bodyBytesMax: 2 ** 20,
    answer: apiOf(member, group),
    refusal: (message) => `${message}\n`,
  });
  await service.listen();
  console.log(`kv-rest ${member.id} serves http://${flags.api}`);
  const ended = await member.closed;
  if (ended !== null) throw ended;
  console.log('stopped');
} catch (error) {
  const { code, message } = error as Error & { code?: string };
  if (code === 'removed-member') console.log(message);
  else if (!closing.signal.aborted) {
    console.error(code === undefined ? message : `${code}: ${message}`);
    process.exitCode = 1;
    closing.abort();
  }
}
service?.close();

/** Lets the requests under way end; then the member hands leadership over, and ends. */
async function stop(): Promise<void> {
  await service?.drain();
  closing.abort();
}

function flagsOrExit() {
  try {
    return parseFlags(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    return process.exit(2);
  }
}
