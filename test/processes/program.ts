/** A program of this repository in a process of its own, from what was built. */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { until } from './waiting.ts';

const root = path.resolve(import.meta.dirname, '../..');

export class Program {
  readonly name: string;
  readonly args: readonly string[];
  readonly #script: string;
  readonly #readyText: string;
  #process: ChildProcess;
  #log = '';
  #from = 0;

  /** @param script absolute, or below the root; `readyText` is what it prints once it serves */
  constructor(name: string, script: string, args: readonly string[], readyText = ' serves ') {
    this.name = name;
    this.args = args;
    this.#script = path.resolve(root, script);
    this.#readyText = readyText;
    this.#process = this.#spawn();
  }

  /** All that it and its earlier lives have written. */
  get log(): string {
    return this.#log;
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
    await until(`${this.name} to serve`, () => {
      if (!this.running) throw new Error(`it has ended:\n${this.#log}`);
      return this.#log.includes(this.#readyText, this.#from);
    });
    return this;
  }

  /** Waits for the end that comes by itself; answers the exit code. */
  async ended(): Promise<number | null> {
    await until(`${this.name} to end`, () => !this.running);
    return this.#process.exitCode;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Sends a signal and waits for the end; answers the exit code. */
  end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.running) this.#process.kill(signal);
    return this.ended();
  }

  #spawn(): ChildProcess {
    const child = spawn(process.execPath, [this.#script, ...this.args], { cwd: root });
    const note = (bytes: Buffer): void => {
      this.#log += bytes.toString();
    };
    child.stdout.on('data', note);
    child.stderr.on('data', note);
    return child;
  }
}
