/** A real etcd (Debian's 3.4) in a process and a directory of its own, on free ports. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts, until } from '../processes/waiting.ts';

/** Whether this machine has etcd and etcdctl. */
export function hasEtcd(): boolean {
  const asks = [
    ['etcd', '--version'],
    ['etcdctl', 'version'],
  ] as const;
  return asks.every(([name, arg]) => spawnSync(name, [arg]).status === 0);
}

export class EtcdProcess {
  readonly endpoint: string;
  readonly port: number;
  readonly directory: string;
  readonly #process: ChildProcess;
  #log = '';

  private constructor(ports: readonly [number, number], directory: string, args: string[]) {
    const [client, peer] = ports;
    this.port = client;
    this.endpoint = `127.0.0.1:${client}`;
    this.directory = directory;
    const clientUrl = `http://${this.endpoint}`;
    const peerUrl = `http://127.0.0.1:${peer}`;
    this.#process = spawn('etcd', [
      ...['--name', 'real', '--data-dir', join(directory, 'data')],
      ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', `real=${peerUrl}`],
      ...args,
    ]);
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
      stream.on('data', (bytes: Buffer) => {
        this.#log = (this.#log + bytes.toString()).slice(-20_000);
      });
    }
  }

  /** @param directory with a `data` to start from, such as a snapshot was restored to */
  static async start(directory = newDirectory(), args: string[] = []): Promise<EtcdProcess> {
    const ports = (await freePorts(2)) as [number, number];
    const started = new EtcdProcess(ports, directory, args);
    await until('etcd to serve', () => {
      if (started.#process.exitCode !== null) throw new Error(`etcd has ended:\n${started.#log}`);
      return started.#log.includes('ready to serve client requests');
    });
    return started;
  }

  /** Ends it, and removes its directory. */
  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    if (this.#process.exitCode === null) {
      this.#process.kill('SIGKILL');
      await ended;
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function newDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'quorate-etcd-'));
}
