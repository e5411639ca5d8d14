/**
 * Those who listen to an agent: functions that are called for everything that happens, and iterators
 * over the events that members send.
 */
import type { Cancel } from '../ports/callbacks.ts';
import type { EventsOptions } from './api.ts';
import type { AgentEvent, UserEvent } from './events.ts';
import { AsyncQueue } from './queue.ts';

/** How many events may wait for one reader. */
const eventsMax = 10_000;

/** Passes on what happens. */
export class EventHub {
  readonly #listeners = new Set<(event: AgentEvent) => void>();
  readonly #readers = new Set<AsyncQueue<UserEvent>>();

  /** Calls `listener` for everything that happens until cancelled. */
  listen(listener: (event: AgentEvent) => void): Cancel {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** The events from now on; of one name only, if one is given. */
  events({ name, signal }: EventsOptions): AsyncQueue<UserEvent> {
    let cancel: Cancel = () => {};
    const queue = new AsyncQueue<UserEvent>({
      itemsMax: eventsMax,
      signal,
      onEnd: () => {
        cancel();
        this.#readers.delete(queue);
      },
    });
    if (signal?.aborted) return queue;
    this.#readers.add(queue);
    cancel = this.listen((event) => {
      if (event.type !== 'user-event' || (name !== undefined && event.name !== name)) return;
      const { type: _, ...rest } = event;
      queue.push(rest);
    });
    return queue;
  }

  /** Tells all. */
  tell(event: AgentEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  /** Nobody is told any more; iterators end after what they have. */
  close(): void {
    for (const queue of [...this.#readers]) queue.end();
    this.#listeners.clear();
  }
}
