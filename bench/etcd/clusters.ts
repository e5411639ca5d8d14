/** Three servers of either kind on this machine, and what they have used of the processor. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** A cluster of three processes. */
export class Trio {
  readonly name: string;
  readonly ports: readonly number[];
  readonly #commands: readonly (readonly string[])[];
  readonly #env: NodeJS.ProcessEnv;
  readonly #children: ChildProcess[] = [];
  readonly #directory: string;

  private constructor(
    name: string,
    init: {
      ports: number[];
      commands: readonly (readonly string[])[];
      directory: string;
      env: NodeJS.ProcessEnv;
    },
  ) {
    this.name = name;
    this.ports = init.ports;
    this.#commands = init.commands;
    this.#directory = init.directory;
    this.#env = init.env;
  }

  /** @param command what runs one server, with etcd's flags behind it */
  static async start(
    name: string,
    command: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Trio> {
    const directory = mkdtempSync(join(tmpdir(), 'quorate-bench-etcd-'));
    const found = await freePorts(6);
    const [ports, peers] = [found.slice(0, 3), found.slice(3)];
    const cluster = peers.map((port, i) => `m${i}=http://127.0.0.1:${port}`).join();
    const commands = ports.map((port, i) => {
      const [client, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peers[i]}`];
      return [
        ...command,
        ...['--name', `m${i}`, '--data-dir', join(directory, `m${i}`)],
        ...['--listen-client-urls', client, '--advertise-client-urls', client],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
        ...['--initial-cluster', cluster],
      ];
    });
    const trio = new Trio(name, { ports, commands, directory, env: { ...process.env, ...env } });
    try {
      await trio.#startAll();
    } catch (error) {
      await trio.stop();
      throw error;
    }
    return trio;
  }

  /** Microseconds of processor time that all three have used, in user and kernel. */
  cpuMicros(): number {
    let ticks = 0;
    for (const { pid } of this.#children) {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    }
    return ticks * 10_000;
  }

  /** MiB that each has in memory, pages of mapped files included, and without those. */
  memoryMiB(): { readonly all: number; readonly own: number }[] {
    return this.#children.map(({ pid }) => {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const mib = (field: string): number =>
        Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)![1]) / 1024);
      return { all: mib('VmRSS'), own: mib('RssAnon') };
    });
  }

  /** The place of the member that leads. */
  async leader(): Promise<number> {
    for (let tries = 0; tries < 100; tries++) {
      for (const [at, port] of this.ports.entries()) {
        const url = `http://127.0.0.1:${port}/v3/maintenance/status`;
        const answer = await fetch(url, { method: 'POST', body: '{}' });
        const { leader, header } = (await answer.json()) as {
          leader?: string;
          header?: { member_id: string };
        };
        if (leader !== undefined && leader === header?.member_id) return at;
      }
      await pause(100);
    }
    throw new Error(`${this.name} has no leader`);
  }

  async leaderPort(): Promise<number> {
    return this.ports[await this.leader()]!;
  }

  /** Sends a signal to one server; answers its process. */
  signal(at: number, signal: NodeJS.Signals): number {
    const child = this.#children[at]!;
    child.kill(signal);
    return child.pid!;
  }

  /** Ends all three as they should be ended, and starts them again. */
  async restart(): Promise<void> {
    await Promise.all(this.#children.map((_, at) => this.#end(at, 'SIGTERM')));
    await this.#startAll();
  }

  /** Ends one and starts it again; answers the milliseconds until it answers a read. */
  async restartOne(at: number, read: (port: number) => Promise<boolean>): Promise<number> {
    await this.#end(at, 'SIGTERM');
    const begunMs = performance.now();
    this.#start(at);
    const port = this.ports[at]!;
    while (performance.now() - begunMs < startMsMax) {
      if (await read(port).catch(() => false)) return performance.now() - begunMs;
      await pause(5);
    }
    throw new Error(`${this.name} answers no read after a restart`);
  }

  /** Ends all three in any case, and removes what they kept. */
  async stop(): Promise<void> {
    await Promise.all(this.#children.map((_, at) => this.#end(at, 'SIGKILL')));
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** For the last moment of a process, when nothing can be waited for. */
  kill(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #startAll(): Promise<void> {
    for (const at of this.#commands.keys()) this.#start(at);
    for (const port of this.ports) await this.#healthy(port);
  }

  #start(at: number): void {
    const [program = '', ...args] = this.#commands[at]!;
    this.#children[at] = spawn(program, args, { stdio: 'ignore', env: this.#env });
  }

  async #end(at: number, signal: NodeJS.Signals): Promise<void> {
    const child = this.#children[at]!;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
    await ended;
    clearTimeout(timer);
  }

  async #healthy(port: number): Promise<void> {
    const begunMs = performance.now();
    while (performance.now() - begunMs < startMsMax) {
      const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
      if (answer?.status === 200) return;
      await pause(100);
    }
    throw new Error(`${this.name} does not serve on port ${port}`);
  }
}

const startMsMax = 60_000;
const stopMsMax = 20_000;

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
