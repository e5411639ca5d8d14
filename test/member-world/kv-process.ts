/** A member of systems/kv-rest in a process of its own, from what was built. */
import { type ChildProcess, spawn } from 'node:child_process';
import net from 'node:net';
import path from 'node:path';

const programPath = path.resolve(import.meta.dirname, '../../dist/systems/kv-rest/main.js');
const askEveryMs = 20;

/** Waits for a condition, which is asked again and again. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = 60_000,
): Promise<void> {
  const endMs = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, askEveryMs));
  }
}

/** A port of the loopback interface that nobody uses at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

export interface KvSettings {
  readonly raftPort: number;
  readonly apiPort: number;
  readonly joinPort: number;
  readonly stateDir: string;
  /** What the process is started by: strace and its arguments, for instance. */
  readonly under?: readonly string[];
}

/** See above. */
export class KvProcess {
  readonly url: string;
  readonly #process: ChildProcess;
  #log = '';

  constructor({ raftPort, apiPort, joinPort, stateDir, under = [] }: KvSettings) {
    this.url = `http://127.0.0.1:${apiPort}`;
    const flags = ['-raft', `:${raftPort}`, '-api', `:${apiPort}`, '-join', `:${joinPort}`];
    const command = [...under, process.execPath, programPath, ...flags, '-state_dir', stateDir];
    // One thread for files, since strace counts calls by thread; and calls that strace sees.
    const env = { ...process.env, UV_THREADPOOL_SIZE: '1', UV_USE_IO_URING: '0' };
    this.#process = spawn(command[0]!, command.slice(1), { env, detached: true });
    const note = (bytes: Buffer): void => {
      this.#log += bytes.toString();
    };
    this.#process.stdout?.on('data', note);
    this.#process.stderr?.on('data', note);
  }

  get log(): string {
    return this.#log;
  }

  get ended(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  get exitCode(): number | null {
    return this.#process.exitCode;
  }

  async ready(): Promise<this> {
    await until(`${this.url} serves`, () => {
      if (this.ended) throw new Error(`${this.url} has ended:\n${this.#log}`);
      return this.#log.includes(' serves ');
    });
    return this;
  }

  /** Writes; false where it was refused, or nobody answered. */
  async put(key: string, value: string): Promise<boolean> {
    const body = JSON.stringify({ Key: key, Value: value });
    try {
      const signal = AbortSignal.timeout(10_000);
      const { status } = await fetch(this.url, { method: 'PUT', body, signal });
      return status === 204;
    } catch {
      return false;
    }
  }

  /** Reads; undefined where there is no such key, or nobody answered. */
  async get(key: string): Promise<string | undefined> {
    try {
      const response = await fetch(`${this.url}/${key}`, { signal: AbortSignal.timeout(10_000) });
      const text = await response.text();
      return response.status === 200 ? text : undefined;
    } catch {
      return undefined;
    }
  }

  /** Kills it and whatever it was started by, and waits for the end. */
  async kill(): Promise<void> {
    if (this.ended) return;
    const exit = new Promise((resolve) => this.#process.once('exit', resolve));
    process.kill(-this.#process.pid!, 'SIGKILL');
    await exit;
  }
}
