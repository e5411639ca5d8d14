/**
 * One member of the measured cluster, told what to do by its parent process. It is a program of
 * its own: CPU is what this process used.
 *
 * `node worker.js NAME DIRECTORY NAME=HOST:PORT,…`
 */
import { createInterface } from 'node:readline';
import {
  type Group,
  type Logger,
  type Machine,
  type MachineRestore,
  type Outcome,
  openMember,
} from '../../src/index.ts';
import type { Answer, Ask } from './conversation.ts';

/** Counts, and keeps nothing. */
class Counter implements Machine {
  #applied = 0;

  apply(): Outcome {
    this.#applied++;
    return { ok: true, value: this.#applied };
  }

  snapshot(): Iterator<Uint8Array, void> {
    return [new TextEncoder().encode(String(this.#applied))].values();
  }

  restore(): MachineRestore {
    return {
      chunk: (bytes) => {
        this.#applied = Number(new TextDecoder().decode(bytes));
      },
      finish: () => {},
    };
  }
}

const LATENCIES_MAX = 100_000;

interface Load {
  readonly inFlight: number;
  readonly seconds: number;
  readonly countMax: number;
}

/** Keeps `inFlight` operations under way until the time is over or enough are done. */
async function drive(operation: () => Promise<unknown>, load: Load): Promise<Answer> {
  const { inFlight, seconds, countMax } = load;
  const latenciesMs: number[] = [];
  let operations = 0;
  let begun = 0;
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  const lane = async (): Promise<void> => {
    for (let beginMs = performance.now(); beginMs < endMs && begun < countMax; ) {
      begun++;
      await operation();
      const nowMs = performance.now();
      operations++;
      if (latenciesMs.length < LATENCIES_MAX) latenciesMs.push(nowMs - beginMs);
      beginMs = nowMs;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  const tookSeconds = (performance.now() - startMs) / 1000;
  latenciesMs.sort((a, b) => a - b);
  const medianMs = latenciesMs[latenciesMs.length >> 1] ?? 0;
  return { type: 'done', operations, seconds: tookSeconds, medianMs };
}

async function firstWrite(group: Group): Promise<Answer> {
  const startMs = performance.now();
  for (;;) {
    try {
      await group.propose(new Uint8Array(8), { timeoutMs: 30_000 });
      break;
    } catch {
      // The leader that it was passed to is gone: another will come.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  const medianMs = performance.now() - startMs;
  return { type: 'done', operations: 1, seconds: medianMs / 1000, medianMs };
}

async function take(ask: Ask, group: Group, close: () => Promise<void>): Promise<Answer> {
  switch (ask.type) {
    case 'write': {
      const command = new Uint8Array(ask.bytes).fill(7);
      return await drive(() => group.propose(command), ask);
    }
    case 'read':
      return await drive(() => group.readIndex(), { ...ask, countMax: Number.POSITIVE_INFINITY });
    case 'first-write':
      return await firstWrite(group);
    case 'usage': {
      const { user, system } = process.cpuUsage();
      return { type: 'usage', cpuUs: user + system, rssBytes: process.memoryUsage.rss() };
    }
    case 'leader':
      return { type: 'leader', isLeader: group.leadership.isLeader };
    case 'close':
      await close();
      process.exit(0);
  }
}

function say(answer: Answer): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

const quiet = (): void => {};
const logger: Logger = {
  debug: quiet,
  info: quiet,
  warn: quiet,
  error: console.error,
  child: () => logger,
};

const [name, dataDir, peers] = process.argv.slice(2) as [string, string, string];
const member = await openMember({
  name,
  dataDir,
  peers: peers.split(',').map((peer) => {
    const [peerName, address] = peer.split('=') as [string, string];
    return { name: peerName, address };
  }),
  // Members that come and go are part of what is measured.
  logger,
});
const group = await member.group('bench', new Counter(), { timeoutMs: 60_000 });
await group.readIndex({ timeoutMs: 60_000 });
say({ type: 'ready' });
const lines = createInterface({ input: process.stdin });
for await (const line of lines)
  say(await take(JSON.parse(line) as Ask, group, () => member.close()));
process.exit(0);
