/**
 * A large snapshot on its way to a member over real sockets: no faster than the rate, and after its
 * connection was broken it goes on where it was. Every member is reached through a proxy, which
 * counts what passes and can break the connection over which the most has passed.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type Logger, type Machine, type MachineRestore, openMember } from '../../src/index.ts';
import { temporaryDirectory } from '../../src/platform/temporary-directory.ts';
import { freePorts, until } from '../processes/waiting.ts';
import { bytes } from './journal.ts';

const chunks = 96;
const chunkBytes = 64 * 2 ** 10;
const stateBytes = chunks * chunkBytes;
/** Enough for one snapshot, and not for another that would replace it on its way. */
const commands = 44;
const bytesPerSecondMax = 3 * 2 ** 20;

const ends: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Commands are counted; the state is large, and not compressible by accident. */
class Large implements Machine {
  applied = 0;
  restoredChunks = 0;
  wrongChunks = 0;
  restored = false;

  apply() {
    return { ok: true, value: ++this.applied } as const;
  }

  *snapshot(): Generator<Uint8Array, void> {
    const { applied } = this;
    for (let chunk = 0; chunk < chunks; chunk++) yield chunkOf(chunk, applied);
  }

  restore(): MachineRestore {
    this.restoredChunks = 0;
    return {
      chunk: (content) => {
        const applied = content[1]! * 256 + content[2]!;
        const same = Buffer.compare(content, chunkOf(this.restoredChunks++, applied)) === 0;
        if (!same) this.wrongChunks++;
        this.applied = applied;
      },
      finish: () => {
        this.restored = true;
      },
    };
  }
}

function chunkOf(chunk: number, applied: number): Uint8Array {
  const content = new Uint8Array(chunkBytes);
  for (let at = 3; at < chunkBytes; at++) content[at] = (chunk * 31 + at * at) % 251;
  content.set([chunk % 256, applied >> 8, applied % 256]);
  return content;
}

/** Connections through here, and what has passed over each. */
class CountingProxy {
  readonly connections = new Map<Socket, { readonly to: Socket; bytes: number }>();
  /** All that ever passed. */
  bytes = 0;
  readonly #server: Server;

  constructor(port: number, to: number) {
    this.#server = createServer((socket) => {
      const through = { to: connect(to, '127.0.0.1'), bytes: 0 };
      this.connections.set(socket, through);
      const count = (data: Buffer): void => {
        through.bytes += data.length;
        this.bytes += data.length;
      };
      socket.on('data', count).pipe(through.to);
      through.to.on('data', count).pipe(socket);
      const end = (): void => {
        this.connections.delete(socket);
        socket.destroy();
        through.to.destroy();
      };
      for (const each of [socket, through.to]) each.on('error', end).on('close', end);
    });
    this.#server.listen(port, '127.0.0.1');
  }

  close(): Promise<void> {
    for (const socket of this.connections.keys()) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

async function trio() {
  const names = ['a', 'b', 'c'];
  const ports = await freePorts(6);
  const proxies = names.map((_, at) => new CountingProxy(ports[at]!, ports[at + 3]!));
  const directory = await temporaryDirectory();
  ends.push(() => directory.remove());
  for (const proxy of proxies) ends.push(() => proxy.close());
  const peers = names.map((name, at) => ({ name, address: `127.0.0.1:${ports[at]}` }));
  const said: string[] = [];
  const say = (_: unknown, message?: string): void => void said.push(message ?? '');
  const logger: Logger = { debug: () => {}, info: say, warn: say, error: say, child: () => logger };
  const settings = {
    snapshotAfterBytes: 20_000,
    keptEntries: 0,
    snapshotBytesPerSecondMax: bytesPerSecondMax,
  };
  const open = async (at: number) => {
    const member = await openMember({
      name: names[at]!,
      dataDir: `${directory.path}/${names[at]}`,
      peers,
      listen: `127.0.0.1:${ports[at + 3]}`,
      advertise: `127.0.0.1:${ports[at]}`,
      logger,
      settings,
    });
    ends.push(() => member.close());
    const machine = new Large();
    const group = await member.group('large', machine, { timeoutMs: 60_000 });
    return { member, machine, group };
  };
  const all = await Promise.all(names.map((_, at) => open(at)));
  const passed = (): number => proxies.reduce((sum, proxy) => sum + proxy.bytes, 0);
  /** Breaks the connection over which the most has passed. */
  const cut = (): void => {
    const connections = proxies.flatMap((proxy) => [...proxy.connections]);
    connections.sort(([, one], [, other]) => other.bytes - one.bytes);
    connections[0]![0].destroy();
  };
  return { all, open, said, passed, cut };
}

test('is sent at a rate, and goes on where a broken connection left it', async () => {
  const { all, open, said, passed, cut } = await trio();
  const [a, , c] = all;
  await c!.member.close();
  await Promise.all(
    Array.from({ length: commands }, () => a!.group.propose(bytes('x'.repeat(500)))),
  );
  await until('c to be far behind', () => a!.group.status().firstIndex > 20);
  const before = passed();
  const beganMs = performance.now();
  const again = open(2);
  await until('most of the snapshot to be there', () => passed() - before > 0.6 * stateBytes);
  expect(said).not.toContain('sending a snapshot failed');
  const cutAt = passed() - before;
  cut();
  const { machine, group } = await again;
  await until('all of it to be there', () => machine.restored);
  const tookMs = performance.now() - beganMs;
  const allBytes = passed() - before;
  expect(said).toContain('sending a snapshot failed');
  expect(machine.restoredChunks).toBe(chunks);
  expect(machine.wrongChunks).toBe(0);
  // From the start once more it would be as much again as had passed before.
  expect(allBytes).toBeLessThan(stateBytes + cutAt / 2);
  expect(tookMs).toBeGreaterThan((700 * stateBytes) / bytesPerSecondMax);
  expect(await group.propose(bytes('y'))).toBe(commands + 1);
});
