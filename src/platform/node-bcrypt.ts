/**
 * bcrypt on Node, which has none: the library bcryptjs, in a thread of its own, for in slices on the
 * event loop it would hold up everything else for a tenth of a second at a time. The thread is there
 * while it is needed.
 */
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { QuorateError } from '../base/errors.ts';
import type { Bcrypt } from '../ports/bcrypt.ts';
import type { Answer } from '../ports/callbacks.ts';

const idleMsMax = 10_000;

/** What the thread runs: it answers questions one after the other. */
const program = `
const { parentPort, workerData } = require('node:worker_threads');
const { compareSync } = require(workerData);
parentPort.on('message', ({ password, hash }) => {
  parentPort.postMessage(compareSync(password, hash));
});
`;

/** See above. */
export class NodeBcrypt implements Bcrypt {
  #worker: Worker | undefined;
  /** In the order in which they were asked. */
  #waiting: Answer<boolean>[] = [];
  #idle: NodeJS.Timeout | undefined;

  matches(password: string, hash: string, answer: Answer<boolean>): void {
    clearTimeout(this.#idle);
    this.#waiting.push(answer);
    this.#worker ??= this.#start();
    this.#worker.ref();
    this.#worker.postMessage({ password, hash });
  }

  #start(): Worker {
    const library = createRequire(import.meta.url).resolve('bcryptjs');
    const worker = new Worker(program, { eval: true, workerData: library });
    worker.on('message', (same: boolean) => {
      const answer = this.#waiting.shift();
      if (this.#waiting.length === 0) this.#rest(worker);
      answer?.(same);
    });
    worker.on('error', (error) => this.#failed(worker, error));
    return worker;
  }

  #rest(worker: Worker): void {
    worker.unref();
    this.#idle = setTimeout(() => {
      this.#worker = undefined;
      void worker.terminate();
    }, idleMsMax);
    this.#idle.unref();
  }

  #failed(worker: Worker, error: Error): void {
    if (this.#worker === worker) this.#worker = undefined;
    const text = `checking a password: ${error.message}`;
    const failure = new QuorateError('authentication-failed', text, { cause: error });
    for (const answer of this.#waiting.splice(0)) answer(failure);
  }
}
