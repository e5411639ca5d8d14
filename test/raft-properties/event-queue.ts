/**
 * Virtual time: what is to happen, in order of time and then of scheduling, so that the same
 * schedule happens the same way each time.
 */
interface Event {
  readonly at: number;
  readonly sequence: number;
  readonly action: () => void;
}

/** A binary heap; the root is the next event. */
export class EventQueue {
  now = 0;
  /** How many events have happened. */
  happened = 0;
  #scheduled = 0;
  readonly #heap: Event[] = [];

  /** Has `action` happen `delay` units from now. */
  after(delay: number, action: () => void): void {
    const event = { at: this.now + delay, sequence: this.#scheduled++, action };
    const heap = this.#heap;
    let slot = heap.length;
    heap.push(event);
    while (slot > 0) {
      const parent = (slot - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[slot] = heap[parent]!;
      slot = parent;
    }
    heap[slot] = event;
  }

  /** Lets everything happen that is due up to `time`, and time pass to there. */
  runUntil(time: number): void {
    while (this.#heap.length > 0 && this.#heap[0]!.at <= time) {
      const event = this.#pop();
      this.now = event.at;
      this.happened++;
      event.action();
    }
    this.now = Math.max(this.now, time);
  }

  #pop(): Event {
    const heap = this.#heap;
    const root = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return root;
    let slot = 0;
    for (;;) {
      let child = 2 * slot + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[slot] = heap[child]!;
      slot = child;
    }
    heap[slot] = last;
    return root;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence);
}
