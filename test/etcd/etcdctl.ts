/** Debian's etcdctl, run as a user would. */
import { type ChildProcess, spawn } from 'node:child_process';
import { until } from '../processes/waiting.ts';

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** etcdctl for some endpoints. */
export class Etcdctl {
  readonly flags: readonly string[];

  constructor(endpoints: readonly string[], flags: readonly string[] = []) {
    const common = ['--command-timeout=10s', ...flags];
    this.flags = endpoints.length === 0 ? flags : [`--endpoints=${endpoints.join()}`, ...common];
  }

  /** With more flags, such as `--user`. */
  with(...flags: readonly string[]): Etcdctl {
    return new Etcdctl([], [...this.flags, ...flags]);
  }

  start(args: readonly string[]): ChildProcess {
    return spawn('etcdctl', [...this.flags, ...args], {
      env: { ...process.env, ETCDCTL_API: '3' },
    });
  }

  /** Runs a command to its end; `input` is what it reads. */
  try(args: readonly string[], input = ''): Promise<Ran> {
    const child = this.start(args);
    let [out, err] = ['', ''];
    child.stdout!.on('data', (bytes: Buffer) => {
      out += bytes.toString('latin1');
    });
    child.stderr!.on('data', (bytes: Buffer) => {
      err += bytes.toString('latin1');
    });
    // It may have ended before it read anything.
    child.stdin!.on('error', () => {});
    child.stdin!.end(input);
    return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
  }

  /** The same for one that must succeed; answers what it printed. */
  async run(...args: readonly string[]): Promise<string> {
    const { code, out, err } = await this.try(args);
    if (code !== 0) throw new Error(`etcdctl ${args.join(' ')}: ${err}${out}`);
    return out;
  }

  /** And for one that must fail; answers why it did. */
  async fail(...args: readonly string[]): Promise<string> {
    const { code, out, err } = await this.try(args);
    if (code === 0) throw new Error(`etcdctl ${args.join(' ')} has succeeded: ${out}`);
    return err;
  }

  /** One that goes on until it is stopped. */
  follow(...args: readonly string[]): Following {
    return new Following(this.start(args));
  }
}

/** A command that goes on. */
export class Following {
  out = '';
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (bytes: Buffer) => {
        this.out += bytes.toString('latin1');
      });
    }
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async says(what: string | RegExp): Promise<this> {
    await until(`"${what}" among:\n${this.out}`, () =>
      typeof what === 'string' ? this.out.includes(what) : what.test(this.out),
    );
    return this;
  }

  type(text: string): void {
    this.#child.stdin!.write(text);
  }

  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<string> {
    if (this.running) {
      const closed = new Promise((resolve) => this.#child.once('close', resolve));
      this.#child.kill(signal);
      await closed;
    }
    return this.out;
  }
}
