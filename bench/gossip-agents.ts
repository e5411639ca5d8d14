/**
 * Real agents on loopback: how fast 200 of them in 4 processes converge, and what they cost when
 * nothing happens. `npm run bench -- gossip-agents [--members 200] [--processes 4] [--idle 20]`
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { fileURLToPath } from 'node:url';
import type { Gossip } from '../src/gossip/api.ts';
import type { GossipHost } from '../src/gossip/host.ts';
import { openGossipOn } from '../src/gossip/open.ts';
import { filePlace } from '../src/platform/file-place.ts';
import { NodeClock } from '../src/platform/node-clock.ts';
import { NodeCrypto } from '../src/platform/node-crypto.ts';
import { NodePackets } from '../src/platform/node-packets.ts';
import { nodeRandom } from '../src/platform/node-random.ts';
import { NodeStreams } from '../src/platform/node-streams.ts';
import { silentLogger } from '../src/ports/logger.ts';
import type { Packets } from '../src/ports/packets.ts';

/** What is measured, and how. */
interface Plan {
  readonly members: number;
  readonly processes: number;
  readonly idleMs: number;
}

/** What the parent asks of a child. */
type Order =
  | {
      readonly type: 'open';
      readonly first: number;
      readonly count: number;
      readonly join?: string;
    }
  | { readonly type: 'await'; readonly members: number }
  | { readonly type: 'measure' }
  | { readonly type: 'bare'; readonly sockets: number; readonly forMs: number }
  | { readonly type: 'close' };

/** What a child has used since it began. */
interface Usage {
  readonly cpuMs: number;
  readonly packets: number;
  readonly bytes: number;
  readonly memoryBytes: number;
}

/** So many join at once in each process; a first one joins the seed, the others join it. */
const openedTogether = 10;

const goalConvergenceMs = 5_000;
const goalCpuShare = 0.05;

function readPlan(args: readonly string[]): Plan {
  const number = (name: string, otherwise: number): number => {
    const at = args.indexOf(name);
    return at < 0 ? otherwise : Number(args[at + 1]);
  };
  return {
    members: number('--members', 200),
    processes: number('--processes', 4),
    idleMs: number('--idle', 20) * 1_000,
  };
}

async function parent({ members, processes, idleMs }: Plan): Promise<void> {
  const children = Array.from({ length: processes }, () => new Child());
  await Promise.all(children.map((each) => each.ask({ type: 'measure' })));
  const startMs = performance.now();
  const share = Math.ceil(members / processes);
  const seed = (await children[0]!.ask({ type: 'open', first: 0, count: 1 })) as string;
  await Promise.all(
    children.map((each, index) => {
      const first = index * share + (index === 0 ? 1 : 0);
      const count = Math.min(members, (index + 1) * share) - first;
      return each.ask({ type: 'open', first, count, join: seed });
    }),
  );
  const openedMs = performance.now() - startMs;
  await Promise.all(children.map((each) => each.ask({ type: 'await', members })));
  const convergedMs = performance.now() - startMs;
  console.log(`${members} agents in ${processes} processes`);
  console.log(`  opened and joined   ${openedMs.toFixed(0)} ms`);
  const verdict = convergedMs < goalConvergenceMs ? 'under' : 'NOT under';
  console.log(`  converged           ${convergedMs.toFixed(0)} ms, ${verdict} 5 s`);

  const spent = await usage(children);
  console.log(
    `  CPU until then      ${(spent.cpuMs / 1_000).toFixed(2)} s, starting Node included`,
  );

  // What was begun by joining should be over: broadcasts, the first push/pulls.
  await new Promise((resolve) => setTimeout(resolve, 15_000));
  const before = await usage(children);
  await new Promise((resolve) => setTimeout(resolve, idleMs));
  const after = await usage(children);
  const seconds = idleMs / 1_000;
  const cpuShare = (after.cpuMs - before.cpuMs) / idleMs;
  const each = (value: number, unit: string): string =>
    `${(value / seconds / members).toFixed(1)} ${unit} a second and member`;
  const goal = cpuShare < goalCpuShare ? 'under' : 'NOT under';
  console.log(`  idle CPU            ${(cpuShare * 100).toFixed(2)} % of a core, ${goal} 5 %`);
  console.log(`                      ${each((after.cpuMs - before.cpuMs) * 1_000, 'µs')}`);
  console.log(`  idle packets        ${each(after.packets - before.packets, 'sent')}`);
  console.log(`  idle bytes          ${each(after.bytes - before.bytes, 'B sent')}`);
  const memory = (after.memoryBytes / members / 1024).toFixed(0);
  console.log(`  memory              ${memory} KiB a member, the processes' own share included`);
  await Promise.all(children.map((each) => each.ask({ type: 'close' })));
  const quiet = await usage(children);
  await Promise.all(
    children.map((each) => each.ask({ type: 'bare', sockets: share, forMs: idleMs })),
  );
  const bare = ((await usage(children)).cpuMs - quiet.cpuMs) / idleMs;
  console.log(`  bare sockets        ${(bare * 100).toFixed(2)} % of a core for as many packets`);
  for (const each of children) each.end();
}

async function usage(children: readonly Child[]): Promise<Usage> {
  const all = (await Promise.all(children.map((each) => each.ask({ type: 'measure' })))) as Usage[];
  const sum = (read: (usage: Usage) => number): number =>
    all.reduce((total, each) => total + read(each), 0);
  return {
    cpuMs: sum((each) => each.cpuMs),
    packets: sum((each) => each.packets),
    bytes: sum((each) => each.bytes),
    memoryBytes: sum((each) => each.memoryBytes),
  };
}

/** A child process, which answers one order at a time. */
class Child {
  readonly #process: ChildProcess;

  constructor() {
    this.#process = fork(fileURLToPath(import.meta.url), ['--child']);
  }

  ask(order: Order): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const died = (code: number | null): void => reject(new Error(`a process ended: ${code}`));
      this.#process.once('exit', died);
      this.#process.once('message', (answer) => {
        this.#process.off('exit', died);
        resolve((answer as { answer: unknown }).answer);
      });
      this.#process.send(order);
    });
  }

  end(): void {
    this.#process.disconnect();
  }
}

function child(): void {
  const agents: Gossip[] = [];
  const counts = { packets: 0, bytes: 0 };
  const carryOut = async (order: Order): Promise<unknown> => {
    switch (order.type) {
      case 'open': {
        const last = order.first + order.count;
        for (let index = order.first; index < last; index += openedTogether) {
          const together = Math.min(openedTogether, last - index);
          const opening = Array.from({ length: together }, (_, at) => {
            const own = agents[0]?.address;
            const join = own === undefined ? order.join : `${own.host}:${own.port}`;
            return openGossipOn(host(counts), {
              name: `member-${index + at}`,
              bind: '127.0.0.1:0',
              // Time limits are not what is measured, and a busy machine must still finish.
              settings: { tcpTimeoutMs: 120_000 },
              ...(join === undefined ? {} : { join: [join] }),
            });
          });
          for (const agent of await Promise.all(opening)) {
            agents.push(agent);
            void agent.closed.then(({ reason, error }) => {
              if (reason === 'failed') console.error(`${agent.name} has ended:`, error);
            });
          }
        }
        const { host: ip, port } = agents[0]!.address;
        return `${ip}:${port}`;
      }
      case 'await':
        while (!agents.every((agent) => agent.statistics().alive === order.members)) {
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        return undefined;
      case 'measure': {
        const { user, system } = process.cpuUsage();
        const cpuMs = (user + system) / 1_000;
        return { ...counts, cpuMs, memoryBytes: process.memoryUsage().rss };
      }
      case 'bare':
        await exchangeBare(order.sockets, order.forMs);
        return undefined;
      case 'close':
        await Promise.all(agents.map((agent) => agent.close()));
        return undefined;
    }
  };
  process.on('message', (order) => {
    void carryOut(order as Order).then((answer) => process.send?.({ answer }));
  });
}

/**
 * What the packets of idle agents cost without agents: each socket sends one and has one answered
 * each second. It tells how much of the agents' figure is the machine's.
 */
async function exchangeBare(count: number, forMs: number): Promise<void> {
  const ping = new Uint8Array(113);
  const sockets = await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = createSocket('udp4');
      socket.on('message', (bytes, from) => {
        // A ping is answered; what answers it is a byte longer, and is not.
        if (bytes.length === 113) socket.send(new Uint8Array(114), from.port, from.address);
      });
      await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
      return socket;
    }),
  );
  const timers = sockets.map((socket, index) => {
    const { port } = sockets[(index + 1) % count]!.address();
    return setInterval(() => socket.send(ping, port, '127.0.0.1'), 990 + (index % 20));
  });
  await new Promise((resolve) => setTimeout(resolve, forMs));
  for (const timer of timers) clearInterval(timer);
  for (const socket of sockets) socket.close();
}

function host(counts: { packets: number; bytes: number }): GossipHost {
  const packets = new NodePackets();
  const counting: Packets = {
    bind: (address, events, answer) => {
      packets.bind(address, events, (socket) => {
        if (socket instanceof Error) {
          answer(socket);
          return;
        }
        answer({
          address: socket.address,
          send: (bytes, to, done) => {
            counts.packets++;
            counts.bytes += bytes.length;
            socket.send(bytes, to, done);
          },
          close: (done) => socket.close(done),
        });
      });
    },
  };
  return {
    clock: new NodeClock(),
    random: nodeRandom(),
    streams: new NodeStreams(),
    packets: counting,
    crypto: new NodeCrypto(),
    logger: silentLogger,
    place: filePlace,
    hostName: 'bench',
    runtime: {},
  };
}

if (process.argv[2] === '--child') child();
else await parent(readPlan(process.argv.slice(2)));
