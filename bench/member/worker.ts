/**
 * One member of the measured cluster, told what to do by its parent process. It is a program of
 * its own: CPU is what this process used.
 */
import {
  type Group,
  type Machine,
  type MachineRestore,
  type Outcome,
  openMember,
} from '../../src/index.ts';

/** What the parent asks. */
export type Ask =
  | {
      readonly type: 'write';
      readonly inFlight: number;
      readonly seconds: number;
      readonly bytes: number;
    }
  | { readonly type: 'read'; readonly inFlight: number; readonly seconds: number }
  | { readonly type: 'cpu' }
  | { readonly type: 'leader' }
  | { readonly type: 'close' };

/** What a worker tells. */
export type Told =
  | { readonly type: 'ready' }
  | {
      readonly type: 'done';
      readonly operations: number;
      readonly seconds: number;
      readonly latenciesMs: readonly number[];
    }
  | { readonly type: 'cpu'; readonly cpuUs: number; readonly rssBytes: number }
  | { readonly type: 'leader'; readonly isLeader: boolean };

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

/** Keeps `inFlight` operations under way for some seconds. */
async function drive(
  operation: () => Promise<unknown>,
  { inFlight, seconds }: { inFlight: number; seconds: number },
): Promise<Told> {
  const latenciesMs: number[] = [];
  let operations = 0;
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  const lane = async (): Promise<void> => {
    for (let beginMs = performance.now(); beginMs < endMs; ) {
      await operation();
      const nowMs = performance.now();
      operations++;
      if (latenciesMs.length < LATENCIES_MAX) latenciesMs.push(nowMs - beginMs);
      beginMs = nowMs;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return { type: 'done', operations, seconds: (performance.now() - startMs) / 1000, latenciesMs };
}

function answer(told: Told): void {
  process.send!(told);
}

async function take(ask: Ask, group: Group, close: () => Promise<void>): Promise<void> {
  if (ask.type === 'write') {
    const command = new Uint8Array(ask.bytes).fill(7);
    answer(await drive(() => group.propose(command), ask));
  } else if (ask.type === 'read') {
    answer(await drive(() => group.readIndex(), ask));
  } else if (ask.type === 'cpu') {
    const { user, system } = process.cpuUsage();
    answer({ type: 'cpu', cpuUs: user + system, rssBytes: process.memoryUsage.rss() });
  } else if (ask.type === 'leader') {
    answer({ type: 'leader', isLeader: group.leadership.isLeader });
  } else {
    await close();
    process.exit(0);
  }
}

const [name, dataDir, peers] = process.argv.slice(2) as [string, string, string];
const member = await openMember({
  name,
  dataDir,
  peers: peers.split(',').map((peer) => {
    const [peerName, address] = peer.split('=') as [string, string];
    return { name: peerName, address };
  }),
});
const group = await member.group('bench', new Counter(), { timeoutMs: 60_000 });
process.on('message', (ask: Ask) => void take(ask, group, () => member.close()));
process.on('disconnect', () => process.exit(0));
answer({ type: 'ready' });
