/**
 * How fast simulated worlds are on one core: events by what they do, each alone, and then whole
 * members with clients, faults and checkers, as `quorate sim` runs them. Figures are a second of CPU
 * time, which is steady on a busy machine.
 *
 * `npm run bench -- sim [--seeds N] [--from SEED]`
 */
import { pathToFileURL } from 'node:url';
import { QuorateError } from '../src/base/errors.ts';
import type { DiskFile } from '../src/ports/disk.ts';
import { EventHeap } from '../src/sim/event-heap.ts';
import { World } from '../src/sim/world.ts';
import { wholeMembers } from './sim/whole-members.ts';

/** Measures and prints tables. */
export async function main(): Promise<void> {
  worlds();
  await wholeMembers({ seeds: setting('seeds', 4), from: setting('from', 1) });
}

function setting(name: string, otherwise: number): number {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? otherwise : Number(process.argv[at + 1] ?? otherwise);
}

function worlds(): void {
  for (const waiting of [100, 10_000]) print(`heap alone, ${waiting} waiting`, heap(waiting));
  print('timers of five nodes', timers());
  print('packets of 300 bytes', packets());
  print('stream pieces of 300 bytes', streams());
  print('durable writes of 300 bytes', durableWrites());
}

interface Measured {
  readonly events: number;
  readonly ms: number;
}

function print(name: string, { events, ms }: Measured): void {
  console.log(name.padEnd(32), `${(events / ms).toFixed(0)} thousand events a second`);
}

function heap(waiting: number): Measured {
  const events = 2_000_000;
  const world = new World({ seed: 1 });
  const planned = new EventHeap<null>();
  const action = (): void => {
    planned.push(planned.time + 10 * world.random.fraction(), null, 'event', action);
  };
  for (let count = 0; count < waiting; count++) action();
  const startMs = cpuMs();
  for (let event = 0; event < events; event++) planned.pop()!();
  return { events, ms: cpuMs() - startMs };
}

function timed(world: World, forMs: number): Measured {
  // What is compiled on the way shall not count.
  world.runFor(forMs / 5);
  const before = world.steps;
  const startMs = cpuMs();
  world.runFor(forMs);
  return { events: world.steps - before, ms: cpuMs() - startMs };
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function timers(): Measured {
  const world = new World({ seed: 1 });
  for (const name of 'abcde') {
    world.node(name).run(({ clock, random }) => {
      const tick = (): void => {
        clock.after(random.fraction(), tick);
      };
      for (let count = 0; count < 20; count++) tick();
    });
  }
  return timed(world, 4_000);
}

function packets(): Measured {
  const world = new World({ seed: 1 });
  const content = new Uint8Array(300);
  for (const name of 'abcde') {
    world.node(name).run((ports) => {
      const received = (bytes: Uint8Array, from: { host: string; port: number }): void => {
        socketOf.get(name)?.(bytes, from);
      };
      ports.packets.bind({ host: '0.0.0.0', port: 7 }, { received }, (socket) => {
        if (socket instanceof QuorateError) throw socket;
        socketOf.set(name, (bytes, to) => socket.send(bytes, to));
        for (const other of world.nodes) socket.send(content, { host: other.ip, port: 7 });
      });
    });
  }
  const socketOf = new Map<
    string,
    (bytes: Uint8Array, to: { host: string; port: number }) => void
  >();
  return timed(world, 10_000);
}

function streams(): Measured {
  const world = new World({ seed: 1 });
  const content = new Uint8Array(300);
  for (const name of 'abcde') {
    const { streams: port } = world.node(name).ports;
    const quiet = (): void => {};
    const accepted = (
      stream: Parameters<Parameters<typeof port.listen>[1]['accepted']>[0],
    ): void => {
      stream.subscribe({ received: (bytes) => void stream.write([bytes]), closed: quiet });
    };
    port.listen({ address: { host: '0.0.0.0', port: 7 } }, { accepted }, quiet);
  }
  for (const from of world.nodes) {
    for (const to of world.nodes) {
      const address = { host: to.name, port: 7 };
      from.ports.streams.connect({ address, timeoutMs: 1_000 }, (stream) => {
        if (stream instanceof QuorateError) throw stream;
        stream.subscribe({ received: (bytes) => void stream.write([bytes]), closed: () => {} });
        stream.write([content]);
      });
    }
  }
  return timed(world, 4_000);
}

function durableWrites(): Measured {
  const world = new World({ seed: 1 });
  const head = new Uint8Array(32);
  const content = new Uint8Array(268);
  for (const name of 'abcde') {
    world.node(name).run(({ disk }) => {
      const write = (file: DiskFile, at: number): void => {
        file.writeAndSync([head, content], at % 10_000_000, () => write(file, at + 300));
      };
      disk.open('log', 'create', (file) => {
        if (file instanceof QuorateError) throw file;
        file.preallocate(10_000_000, () => write(file, 0));
      });
    });
  }
  return timed(world, 20_000);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
