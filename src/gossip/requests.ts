/**
 * Commands whose outcome the core reports later: each has a number, and whoever waits for the
 * outcome is kept under it. Exactly one `done` comes for each, unless the agent stops before.
 */
import type { GossipCommand, Outcome } from '../swim/api.ts';

interface Waiting {
  readonly settle: (outcome: Outcome) => void;
  readonly fail: (error: unknown) => void;
}

/** Numbers requests and keeps those who wait. */
export class Requests {
  readonly #command: (command: GossipCommand) => void;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  /** @param command gives the core a command; may throw. */
  constructor(command: (command: GossipCommand) => void) {
    this.#command = command;
  }

  /** Gives a command; throws what the core throws, and nobody waits then. Returns its number. */
  open(command: (request: number) => GossipCommand, waiting: Waiting): number {
    const request = ++this.#last;
    this.#waiting.set(request, waiting);
    try {
      this.#command(command(request));
    } catch (error) {
      this.#waiting.delete(request);
      throw error;
    }
    return request;
  }

  /** Gives a command and waits; rejects when aborted, though the core goes on. */
  ask(command: (request: number) => GossipCommand, signal?: AbortSignal): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const end = (): void => signal?.removeEventListener('abort', abort);
      const request = this.open(command, {
        settle: (outcome) => {
          end();
          resolve(outcome);
        },
        fail: (error) => {
          end();
          reject(error);
        },
      });
      const abort = (): void => {
        this.forget(request);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Takes an outcome to whoever waits for it. */
  settle(request: number, outcome: Outcome): void {
    const waiting = this.#waiting.get(request);
    this.#waiting.delete(request);
    waiting?.settle(outcome);
  }

  /** Nobody waits any more; false if nobody did. */
  forget(request: number): boolean {
    return this.#waiting.delete(request);
  }

  /** The agent stops: nothing will come. */
  failAll(error: unknown): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const each of waiting) each.fail(error);
  }
}
