/**
 * A queue between the agent, which must never wait, and a consumer that reads at its own speed with
 * `for await`. It is bounded: a consumer that falls `itemsMax` behind gets what is queued and then a
 * `gossip-slow-consumer` error, rather than gaps that it does not know of.
 */
import { QuorateError } from '../base/errors.ts';

/** What a {@link AsyncQueue} needs. */
export interface AsyncQueueOptions {
  /** How many items may wait. */
  readonly itemsMax: number;
  /** Ends the iteration when aborted, without an error. */
  readonly signal?: AbortSignal | undefined;
  /** Called once when the iteration is over, whoever ended it. */
  readonly onEnd?: () => void;
}

/** An async iterator that is fed from outside; for one consumer. */
export class AsyncQueue<T> implements AsyncIterableIterator<T> {
  readonly #options: AsyncQueueOptions;
  readonly #items: T[] = [];
  readonly #waiting: {
    resolve: (result: IteratorResult<T>) => void;
    reject: (error: unknown) => void;
  }[] = [];
  #ended = false;
  #error: unknown;
  readonly #onAbort = (): void => this.#drop();

  constructor(options: AsyncQueueOptions) {
    this.#options = options;
    if (options.signal?.aborted) this.#drop();
    else options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Hands over `item`; false if the iteration is over or has just failed for slowness. */
  push(item: T): boolean {
    if (this.#ended) return false;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      waiting.resolve({ done: false, value: item });
      return true;
    }
    if (this.#items.length >= this.#options.itemsMax) {
      const limit = this.#options.itemsMax;
      this.fail(
        new QuorateError('gossip-slow-consumer', `more than ${limit} items wait to be read`, {
          details: { limit },
        }),
      );
      return false;
    }
    this.#items.push(item);
    return true;
  }

  /** Ends the iteration after what is queued. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    for (const waiting of this.#waiting.splice(0)) {
      if (this.#error === undefined) waiting.resolve({ done: true, value: undefined });
      else waiting.reject(this.#takeError());
    }
    this.#options.onEnd?.();
  }

  /** Ends the iteration with an error after what is queued. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#error = error;
    this.end();
  }

  next(): Promise<IteratorResult<T>> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve({ done: false, value: item });
    if (this.#error !== undefined) return Promise.reject(this.#takeError());
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  return(): Promise<IteratorResult<T>> {
    this.#drop();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends the iteration at once: what is queued is no longer wanted. */
  #drop(): void {
    this.#items.length = 0;
    this.end();
  }

  #takeError(): unknown {
    const error = this.#error;
    this.#error = undefined;
    return error;
  }
}
