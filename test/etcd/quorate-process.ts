/** Members of `quorate serve` in processes of their own, from what was built. */
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import path, { join } from 'node:path';
import { freePorts, until } from '../processes/waiting.ts';
import { newDirectory } from './etcd-process.ts';

const programPath = path.resolve(import.meta.dirname, '../../dist/cli/main.js');

export class QuorateProcess {
  readonly name: string;
  readonly endpoint: string;
  readonly args: readonly string[];
  #child: ChildProcess;
  #log = '';

  constructor(name: string, endpoint: string, args: readonly string[]) {
    this.name = name;
    this.endpoint = endpoint;
    this.args = args;
    this.#child = this.#spawn();
  }

  /** The last that it has written. */
  get log(): string {
    return this.#log;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get port(): number {
    return Number(this.endpoint.split(':').at(-1));
  }

  async ready(): Promise<this> {
    await until(`${this.name} to serve`, () => {
      if (!this.running) throw new Error(`${this.name} has ended:\n${this.#log}`);
      return this.#log.includes('ready to serve client requests');
    });
    return this;
  }

  /** The same command line once more. */
  restart(): Promise<this> {
    this.#log = '';
    this.#child = this.#spawn();
    return this.ready();
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.running) {
      const ended = new Promise((resolve) => this.#child.once('exit', resolve));
      this.#child.kill(signal);
      await ended;
    }
    return this.#child.exitCode;
  }

  #spawn(): ChildProcess {
    const env = { PATH: process.env.PATH };
    const child = spawn(process.execPath, [programPath, 'serve', ...this.args], { env });
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (bytes: Buffer) => {
        this.#log = (this.#log + bytes.toString()).slice(-50_000);
      });
    }
    return child;
  }
}

/** A cluster of so many members, in one directory. */
export class QuorateCluster {
  readonly members: QuorateProcess[] = [];
  readonly directory = newDirectory();
  readonly #peers: string[] = [];

  static async start(count: number, flags: readonly string[] = []): Promise<QuorateCluster> {
    const cluster = new QuorateCluster();
    const ports = await freePorts(2 * count);
    const scheme = flags.includes('--cert-file') ? 'https' : 'http';
    for (let i = 0; i < count; i++) {
      cluster.#peers.push(`m${i + 1}=http://127.0.0.1:${ports[2 * i + 1]}`);
    }
    for (let i = 0; i < count; i++) {
      const [client, peer] = [ports[2 * i]!, ports[2 * i + 1]!];
      cluster.members.push(
        cluster.#member(`m${i + 1}`, { client, peer, scheme, state: 'new', flags }),
      );
    }
    try {
      await Promise.all(cluster.members.map((member) => member.ready()));
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  get endpoints(): string[] {
    return this.members.map(({ endpoint }) => endpoint);
  }

  get urls(): string[] {
    return this.endpoints.map((endpoint) => `http://${endpoint}`);
  }

  /** Starts one more, that was announced with `member add` for this peer URL. */
  join(name: string, ports: { readonly client: number; readonly peer: number }): QuorateProcess {
    this.#peers.push(`${name}=http://127.0.0.1:${ports.peer}`);
    const member = this.#member(name, { ...ports, scheme: 'http', state: 'existing', flags: [] });
    this.members.push(member);
    return member;
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop('SIGKILL')));
    rmSync(this.directory, { recursive: true, force: true });
  }

  #member(
    name: string,
    init: {
      readonly client: number;
      readonly peer: number;
      readonly scheme: string;
      readonly state: string;
      readonly flags: readonly string[];
    },
  ): QuorateProcess {
    const { client, peer, scheme, state, flags } = init;
    const clientUrl = `${scheme}://127.0.0.1:${client}`;
    const peerUrl = `http://127.0.0.1:${peer}`;
    return new QuorateProcess(name, `127.0.0.1:${client}`, [
      ...['--name', name, '--data-dir', join(this.directory, name)],
      ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', this.#peers.join(), '--initial-cluster-state', state],
      ...flags,
    ]);
  }
}
