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
  readonly #children: readonly ChildProcess[];
  readonly #directory: string;

  private constructor(
    name: string,
    init: { ports: number[]; children: ChildProcess[]; directory: string },
  ) {
    this.name = name;
    this.ports = init.ports;
    this.#children = init.children;
    this.#directory = init.directory;
  }

  /** @param command what runs one server, with etcd's flags behind it */
  static async start(name: string, command: readonly string[]): Promise<Trio> {
    const directory = mkdtempSync(join(tmpdir(), 'quorate-bench-etcd-'));
    const found = await freePorts(6);
    const [ports, peers] = [found.slice(0, 3), found.slice(3)];
    const cluster = peers.map((port, i) => `m${i}=http://127.0.0.1:${port}`).join();
    const children = ports.map((port, i) => {
      const [client, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peers[i]}`];
      const [program = '', ...args] = command;
      return spawn(
        program,
        [
          ...args,
          ...['--name', `m${i}`, '--data-dir', join(directory, `m${i}`)],
          ...['--listen-client-urls', client, '--advertise-client-urls', client],
          ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
          ...['--initial-cluster', cluster],
        ],
        { stdio: 'ignore' },
      );
    });
    const trio = new Trio(name, { ports, children, directory });
    for (const port of ports) await trio.#healthy(port);
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

  /** MiB that each has in memory. */
  memoryMiB(): number[] {
    return this.#children.map(({ pid }) => {
      const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
      return Math.round(Number(kib) / 1024);
    });
  }

  /** The port of the member that leads. */
  async leaderPort(): Promise<number> {
    for (const port of this.ports) {
      const url = `http://127.0.0.1:${port}/v3/maintenance/status`;
      const answer = await fetch(url, { method: 'POST', body: '{}' });
      const { leader, header } = (await answer.json()) as {
        leader: string;
        header: { member_id: string };
      };
      if (leader === header.member_id) return port;
    }
    throw new Error(`${this.name} has no leader`);
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGKILL');
        await ended;
      }),
    );
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #healthy(port: number): Promise<void> {
    for (let tries = 0; tries < 300; tries++) {
      const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
      if (answer?.status === 200) return;
      await pause(100);
    }
    throw new Error(`${this.name} does not serve on port ${port}`);
  }
}

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
