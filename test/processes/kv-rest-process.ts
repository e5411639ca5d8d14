/** A member of systems/kv-rest in a process of its own, from what was built. */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { until } from './waiting.ts';

const programPath = path.resolve(import.meta.dirname, '../../dist/systems/kv-rest/main.js');

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** What `GET /mgmt/nodes` says of a member. */
export interface Node {
  readonly ID: string;
  readonly Address: string;
  readonly API: string;
  readonly Role: string;
  readonly Leader: boolean;
}

/** Sends what curl would, and says what came back. */
export async function request(url: string, method = 'GET', body?: unknown): Promise<Answer> {
  // The content type that curl sends, which is not JSON's.
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const init = { method, headers, signal: AbortSignal.timeout(8000) };
  const response = await fetch(url, body === undefined ? init : { ...init, body: text });
  return { status: response.status, text: await response.text() };
}

export class KvRestProcess {
  readonly url: string;
  readonly args: readonly string[];
  #process: ChildProcess;
  #log = '';
  #from = 0;

  constructor(api: string, args: readonly string[]) {
    this.url = `http://${api}`;
    this.args = args;
    this.#process = this.#spawn();
  }

  /** All that it and its earlier lives have written. */
  get log(): string {
    return this.#log;
  }

  get pid(): number {
    return this.#process.pid!;
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** The same command line once more. */
  restart(): Promise<this> {
    if (this.running) throw new Error('it runs already');
    this.#from = this.#log.length;
    this.#process = this.#spawn();
    return this.ready();
  }

  /** Waits until it says that it serves. */
  async ready(): Promise<this> {
    await until(`${this.url} to serve`, () => {
      if (!this.running) throw new Error(`it has ended:\n${this.#log}`);
      return this.#log.includes(' serves ', this.#from);
    });
    return this;
  }

  request(pathName: string, method = 'GET', body?: unknown): Promise<Answer> {
    return request(this.url + pathName, method, body);
  }

  put(key: string, value: string): Promise<Answer> {
    return this.request('/', 'PUT', { Key: key, Value: value });
  }

  async get(key: string): Promise<string> {
    return (await this.request(`/${key}`)).text;
  }

  async nodes(): Promise<Node[]> {
    return JSON.parse((await this.request('/mgmt/nodes')).text) as Node[];
  }

  /** Waits for the end that comes by itself; answers the exit code. */
  async ended(): Promise<number | null> {
    await until(`${this.url} to end`, () => !this.running);
    return this.#process.exitCode;
  }

  /** Sends a signal and waits for the end; answers the exit code. */
  end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.running) this.#process.kill(signal);
    return this.ended();
  }

  #spawn(): ChildProcess {
    const child = spawn(process.execPath, [programPath, ...this.args]);
    const note = (bytes: Buffer): void => {
      this.#log += bytes.toString();
    };
    child.stdout.on('data', note);
    child.stderr.on('data', note);
    return child;
  }
}
