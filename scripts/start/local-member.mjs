/** One member of a local cluster in a process of its own, started again when it dies. */
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';

/** A member that dies at once, again and again, is started less and less often. */
const restartMsMin = 500;
const restartMsMax = 10_000;
/** Who has lived this long may be started at once again. */
const healthyMs = 10_000;
const outputKept = 2000;

export class LocalMember {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #process;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  #stopping = false;
  #restartMs = restartMsMin;
  #output = '';
  /** @type {() => void} */
  #settleEnded = () => {};

  /**
   * @param {{ name: string, args: string[], logPath: string, say: (line: string) => void,
   *   readyText?: string }} init
   *   `args` for Node; what the process writes goes to the file at `logPath`
   */
  constructor({ name, args, logPath, say, readyText = ' serves ' }) {
    this.name = name;
    this.readyText = readyText;
    this.args = args;
    this.logPath = logPath;
    this.say = say;
    this.removed = false;
    /** Settles when it has ended for good: stopped, or removed from the cluster. */
    this.ended = /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        this.#settleEnded = resolve;
      })
    );
  }

  get pid() {
    return this.#process?.pid;
  }

  /** Whether the process that runs now has said that it serves. */
  get serves() {
    return this.#output.includes(this.readyText);
  }

  start() {
    const bornMs = performance.now();
    this.#output = '';
    const child = spawn(process.execPath, this.args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    const note = (/** @type {Buffer} */ bytes) => {
      appendFileSync(this.logPath, bytes);
      this.#output = (this.#output + bytes.toString()).slice(-outputKept);
    };
    child.stdout.on('data', note);
    child.stderr.on('data', note);
    // 'close' comes once all that was written has been read.
    child.once('close', (code, signal) => {
      this.#process = undefined;
      if (performance.now() - bornMs > healthyMs) this.#restartMs = restartMsMin;
      this.#died(signal ?? `exit code ${code}`);
    });
  }

  /** Asks it to end, and makes it end where that takes too long. */
  async stop(limitMs = 8000) {
    this.#stopping = true;
    clearTimeout(this.#timer);
    if (this.#process === undefined) this.#settleEnded();
    this.#process?.kill('SIGTERM');
    const limit = setTimeout(() => this.#process?.kill('SIGKILL'), limitMs);
    await this.ended;
    clearTimeout(limit);
  }

  /** @param {string} how */
  #died(how) {
    this.removed = this.#output.includes('was removed from the cluster');
    if (this.removed) this.say(`${this.name} was removed from the cluster and has ended`);
    if (this.removed || this.#stopping) return this.#settleEnded();
    this.say(`${this.name} has died (${how}); it is started again (its log: ${this.logPath})`);
    this.#timer = setTimeout(() => this.start(), this.#restartMs);
    this.#restartMs = Math.min(2 * this.#restartMs, restartMsMax);
  }
}
