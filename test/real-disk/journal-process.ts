/** Processes of journal-member.ts, from what was built, and what they have said. */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { until } from '../processes/waiting.ts';

const programPath = path.resolve(
  import.meta.dirname,
  '../../dist/test/real-disk/journal-member.js',
);

export interface JournalSettings {
  readonly name: string;
  readonly directory: string;
  /** `NAME=ADDRESS,…` */
  readonly peers: string;
  readonly repair?: boolean;
  /** What the process is started by, `strace` for instance, with its arguments. */
  readonly under?: readonly string[];
}

export class JournalProcess {
  readonly name: string;
  /** What it has said was acknowledged, in this life. */
  readonly acknowledged: string[] = [];
  /** The code that it has ended with, as far as it could say. */
  endedWith: string | undefined;
  ready = false;
  readonly #process: ChildProcess;
  #lacks: string | undefined;
  #rest = '';
  #errors = '';

  constructor({ name, directory, peers, repair, under = [] }: JournalSettings) {
    this.name = name;
    const program = [process.execPath, programPath, name, directory, peers];
    const [command, ...args] = [...under, ...program, ...(repair === true ? ['repair'] : [])];
    // One thread, so that calls of the system come one after another and can be counted.
    const env = { ...process.env, UV_THREADPOOL_SIZE: under.length > 0 ? '1' : '4' };
    this.#process = spawn(command!, args, { env, detached: true });
    this.#process.stdout!.on('data', (bytes: Buffer) => this.#said(bytes.toString()));
    this.#process.stderr!.on('data', (bytes: Buffer) => {
      this.#errors += bytes.toString();
    });
    // A killed process does not read any more.
    this.#process.stdin!.on('error', () => {});
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  get log(): string {
    return `${this.name}: ${this.endedWith ?? 'did not say why it ended'}\n${this.#errors.slice(-2000)}`;
  }

  /** Which of these words a linearizable read does not find. */
  async lacking(words: readonly string[], limitMs: number): Promise<string> {
    this.#lacks = undefined;
    this.#process.stdin!.write(`has ${words.join(' ')}\n`);
    await until(
      `${this.name} to read`,
      () => {
        if (!this.running) throw new Error(`it has ended: ${this.log}`);
        return this.#lacks !== undefined;
      },
      limitMs,
    );
    return this.#lacks!;
  }

  /** Kills the process and what it was started by; it is gone when this resolves. */
  async kill(): Promise<void> {
    this.killNow();
    await until(`${this.name} to be gone`, () => !this.running);
  }

  killNow(): void {
    if (!this.running) return;
    try {
      process.kill(-this.#process.pid!, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  #said(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) {
      const [what, ...rest] = line.split(' ');
      if (what === 'ack') this.acknowledged.push(rest.join(' '));
      else if (what === 'ready') this.ready = true;
      else if (what === 'ended') this.endedWith = rest.join(' ');
      else if (what === 'lacks') this.#lacks = rest.join(' ');
    }
  }
}
