/**
 * Queries of a running agent, in both directions: those that the application asks, whose answers it
 * reads with `for await`, and those of others, which its handlers answer.
 */
import { QuorateError } from '../base/errors.ts';
import type { GossipCommand, GossipEffect } from '../swim/api.ts';
import type { QueryAnswer, QueryHandler, QueryOptions } from './api.ts';
import type { ReceivedQuery } from './events.ts';
import { AsyncQueue } from './queue.ts';
import type { Requests } from './requests.ts';

/** How many answers may wait for one reader. */
const answersMax = 10_000;

/** What {@link Queries} need. */
export interface QueriesOptions {
  readonly requests: Requests;
  readonly command: (command: GossipCommand) => void;
  /** A handler threw, or its answer was refused. */
  readonly failed: (name: string, error: unknown) => void;
}

/** Asks and answers. */
export class Queries {
  readonly #options: QueriesOptions;
  /** The readers of answers, by the number of the request. */
  readonly #asked = new Map<number, AsyncQueue<QueryAnswer>>();
  readonly #handlers = new Map<string, QueryHandler>();
  #closed = false;

  constructor(options: QueriesOptions) {
    this.#options = options;
  }

  /** Asks all members. Throws what the core throws for a query that is wrong in itself. */
  ask(name: string, payload: Uint8Array | string, options: QueryOptions): AsyncQueue<QueryAnswer> {
    const { signal, ...rest } = options;
    const { requests, command } = this.#options;
    // Unknown while the query is being given: an answer can only come after that.
    let asked: number | undefined;
    const queue = new AsyncQueue<QueryAnswer>({
      itemsMax: answersMax,
      signal,
      onEnd: () => {
        if (asked === undefined) return;
        this.#asked.delete(asked);
        // Whoever stops reading early lets the core forget the query early.
        if (requests.forget(asked) && !this.#closed) {
          command({ type: 'query-cancel', request: asked });
        }
      },
    });
    if (signal?.aborted) return queue;
    requests.open(
      (request) => {
        asked = request;
        this.#asked.set(request, queue);
        return { type: 'query', request, name, payload: bytesOf(payload), ...rest };
      },
      { settle: () => queue.end(), fail: (error) => queue.fail(error) },
    );
    return queue;
  }

  /** Lets `handler` answer queries called `name`. Throws `invalid-config` if another does. */
  answer(name: string, handler: QueryHandler): () => void {
    if (this.#handlers.has(name)) {
      throw new QuorateError('invalid-config', `queries named "${name}" are answered already`);
    }
    this.#handlers.set(name, handler);
    return () => {
      if (this.#handlers.get(name) === handler) this.#handlers.delete(name);
    };
  }

  /** An answer to a query of ours. */
  answered(effect: Extract<GossipEffect, { type: 'query-ack' | 'query-response' }>): void {
    const { from } = effect;
    this.#asked
      .get(effect.request)
      ?.push(
        effect.type === 'query-ack'
          ? { type: 'ack', from }
          : { type: 'response', from, payload: effect.payload },
      );
  }

  /** A query of some member. */
  received(query: ReceivedQuery): void {
    const handler = this.#handlers.get(query.name);
    if (handler === undefined) return;
    // In a promise's own turn: a handler that throws fails this query and nothing else.
    void Promise.resolve()
      .then(() => handler(query))
      .then((answer) => {
        if (answer === undefined || this.#closed) return;
        this.#options.command({ type: 'respond', query: query.key, payload: bytesOf(answer) });
      })
      .catch((error: unknown) => this.#options.failed(query.name, error));
  }

  /** Ends all readers; no handler is called any more. */
  close(): void {
    this.#closed = true;
    this.#handlers.clear();
    for (const queue of [...this.#asked.values()]) queue.end();
  }
}

/** A text's bytes in UTF-8; bytes as they are. */
export function bytesOf(payload: Uint8Array | string): Uint8Array {
  return typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
}
