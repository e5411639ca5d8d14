/**
 * All that a member will do later, in the order of its time. The core has no timers of its own:
 * its driver wakes it when the earliest of these is due. A binary heap; cancelled entries stay in
 * it until they surface, which is soon, since nothing here waits longer than minutes.
 *
 * Invariant: entries of the same time run in the order in which they were set.
 */

/** Something to be done later. */
export interface Timer {
  readonly atMs: number;
  cancel(): void;
}

class Entry implements Timer {
  readonly atMs: number;
  readonly order: number;
  action: (() => void) | undefined;

  constructor(atMs: number, order: number, action: () => void) {
    this.atMs = atMs;
    this.order = order;
    this.action = action;
  }

  cancel(): void {
    this.action = undefined;
  }

  isBefore(other: Entry): boolean {
    return this.atMs < other.atMs || (this.atMs === other.atMs && this.order < other.order);
  }
}

export class Timers {
  readonly #heap: Entry[] = [];
  #order = 0;

  /** Has `action` done at `atMs`. */
  at(atMs: number, action: () => void): Timer {
    const entry = new Entry(atMs, this.#order++, action);
    const heap = this.#heap;
    let place = heap.length;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!entry.isBefore(heap[parent]!)) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = entry;
    return entry;
  }

  /** When the earliest is due; `Infinity` if there is none. */
  get nextAtMs(): number {
    const heap = this.#heap;
    while (heap.length > 0 && heap[0]!.action === undefined) this.#removeFirst();
    return heap.length > 0 ? heap[0]!.atMs : Number.POSITIVE_INFINITY;
  }

  /** Does everything that is due at `nowMs`; what that sets for later has to be later. */
  run(nowMs: number): void {
    // What an action sets for this very moment waits for the next call, else a mistake could
    // keep us here for ever.
    const orderEnd = this.#order;
    while (this.nextAtMs <= nowMs) {
      const first = this.#heap[0]!;
      if (first.order >= orderEnd) return;
      this.#removeFirst();
      first.action!();
    }
  }

  clear(): void {
    this.#heap.length = 0;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = place * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.isBefore(heap[child]!)) child++;
      if (!heap[child]!.isBefore(last)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
  }
}
