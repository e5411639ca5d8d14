/**
 * Requests that wait for the engine's answer, as promises.
 */
import type { CancelSignal } from '../base/cancel-signal.ts';
import { QuorateError } from '../base/errors.ts';
import { RecentTable } from '../base/recent-table.ts';
import type { Outcome } from '../engine/machine.ts';
import type { RequestFacts, RequestWatch } from './request-watch.ts';

/** How long to wait for an answer. */
export interface RequestOptions {
  /** After this the request fails as `timeout`. */
  readonly timeoutMs?: number;
  /** Stops waiting, as `aborted`; what is under way may still take effect. */
  readonly signal?: CancelSignal;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly signal: CancelSignal | undefined;
  readonly onAbort: (() => void) | undefined;
  readonly facts: RequestFacts | undefined;
}

export class Requests {
  readonly watch: RequestWatch;
  #next = 1;
  readonly #waiting = new RecentTable<Waiting>();

  constructor(watch: RequestWatch) {
    this.watch = watch;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * @param begin hands the request to the engine; `cancel` takes it back
   * @param facts of a request of a group, to be counted and timed
   */
  ask<Value>(
    options: RequestOptions,
    begin: (ticket: number) => void,
    cancel: (ticket: number) => void,
    facts?: RequestFacts,
  ): Promise<Value> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(aborted(signal, false));
        return;
      }
      const ticket = this.#next++;
      let onAbort: (() => void) | undefined;
      if (signal !== undefined) {
        onAbort = () => {
          this.#waiting.take(ticket);
          cancel(ticket);
          reject(aborted(signal, true));
        };
        signal.addEventListener('abort', onAbort, { once: true });
      }
      this.#waiting.add(ticket, {
        resolve: resolve as Waiting['resolve'],
        reject,
        signal,
        onAbort,
        facts,
      });
      begin(ticket);
    });
  }

  settle(ticket: number, outcome: Outcome): void {
    const waiting = this.#waiting.take(ticket);
    if (waiting === undefined) return;
    if (waiting.facts !== undefined) this.watch.ended(waiting.facts, outcome);
    end(waiting, outcome);
  }

  /** Nothing will be answered any more. */
  failAll(error: QuorateError): void {
    for (const waiting of this.#waiting.values()) end(waiting, { ok: false, error });
    this.#waiting.clear();
  }
}

function end({ resolve, reject, signal, onAbort }: Waiting, outcome: Outcome): void {
  if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  if (outcome.ok) resolve(outcome.value);
  else reject(outcome.error);
}

function aborted(signal: CancelSignal, maybeApplied: boolean): QuorateError {
  return new QuorateError('aborted', 'the caller gave up', { maybeApplied, cause: signal.reason });
}
