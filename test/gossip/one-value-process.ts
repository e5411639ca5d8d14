/** A member of systems/one-value in a process of its own, from what was built. */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { until } from '../processes/waiting.ts';

const programPath = path.resolve(import.meta.dirname, '../../dist/systems/one-value/main.js');

export interface OneValueSettings {
  readonly address: string;
  readonly httpPort: number;
  readonly gossipPort: number;
  readonly join?: string;
}

/** One member; all settings reach it as environment variables. */
export class OneValueProcess {
  readonly url: string;
  readonly name: string;
  readonly #process: ChildProcess;
  #log = '';

  constructor(settings: OneValueSettings) {
    const { address, httpPort, gossipPort, join } = settings;
    this.url = `http://${address}:${httpPort}`;
    this.name = `member-${address}`;
    this.#process = spawn(process.execPath, [programPath], {
      env: {
        PATH: process.env.PATH,
        NODE_NAME: this.name,
        ADVERTISE_ADDR: address,
        HTTP_PORT: String(httpPort),
        GOSSIP_PORT: String(gossipPort),
        ...(join === undefined ? {} : { CLUSTER_ADDR: join }),
      },
    });
    const note = (bytes: Buffer): void => {
      this.#log += bytes.toString();
    };
    this.#process.stdout?.on('data', note);
    this.#process.stderr?.on('data', note);
  }

  get log(): string {
    return this.#log;
  }

  get exitCode(): number | null {
    return this.#process.exitCode;
  }

  /** Waits until it says that it serves. */
  async ready(): Promise<this> {
    await until(`${this.name} to serve`, () => {
      if (this.exitCode !== null) throw new Error(`${this.name} has ended:\n${this.#log}`);
      return this.#log.includes(' serves ');
    });
    return this;
  }

  async request(pathName: string, init?: RequestInit): Promise<{ status: number; text: string }> {
    const response = await fetch(this.url + pathName, init);
    return { status: response.status, text: await response.text() };
  }

  async get(): Promise<string> {
    return (await this.request('/get')).text;
  }

  /** Sends a signal and waits for the end; answers the exit code. */
  end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) {
      return Promise.resolve(this.#process.exitCode);
    }
    return new Promise((resolve) => {
      this.#process.once('exit', (code) => resolve(code));
      this.#process.kill(signal);
    });
  }
}
