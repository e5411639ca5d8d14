/**
 * The members of a running agent as a live view: nothing is copied and kept, every look asks the
 * core.
 */
import type { GossipMachine, Member } from '../swim/api.ts';
import type { Members } from './api.ts';
import type { MemberEvent } from './events.ts';
import { AsyncQueue } from './queue.ts';

/** How many changes may wait for one reader. */
const changesMax = 10_000;

/** Implements {@link Members}. */
export class MembersView implements Members {
  readonly #core: () => GossipMachine;
  readonly #readers = new Set<AsyncQueue<MemberEvent>>();

  /** @param core throws `gossip-stopped` when there is none any more. */
  constructor(core: () => GossipMachine) {
    this.#core = core;
  }

  get size(): number {
    return this.#core().members().length;
  }

  get(name: string): Member | undefined {
    return this.#core().member(name);
  }

  alive(): Member[] {
    return this.#core()
      .members()
      .filter((member) => member.status === 'alive');
  }

  [Symbol.iterator](): Iterator<Member> {
    return this.#core().members()[Symbol.iterator]();
  }

  changes({ signal }: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<MemberEvent> {
    this.#core();
    const queue = new AsyncQueue<MemberEvent>({
      itemsMax: changesMax,
      signal,
      onEnd: () => this.#readers.delete(queue),
    });
    if (!signal?.aborted) this.#readers.add(queue);
    return queue;
  }

  /** Hands a change to all readers. */
  publish(event: MemberEvent): void {
    for (const queue of [...this.#readers]) queue.push(event);
  }

  /** Ends all readers after what is queued. */
  close(): void {
    for (const queue of [...this.#readers]) queue.end();
  }
}
