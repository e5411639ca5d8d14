import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventHeap, type EventTicket } from './event-heap.ts';

/** The same by sorting a list each time. */
class EventList {
  readonly #events: { time: number; sequence: number; name: number }[] = [];
  #sequence = 0;

  push(time: number, name: number): number {
    this.#events.push({ time, sequence: this.#sequence, name });
    return this.#sequence++;
  }
  cancel(sequence: number): void {
    const at = this.#events.findIndex((event) => event.sequence === sequence);
    if (at !== -1) this.#events.splice(at, 1);
  }
  pop(): number | undefined {
    this.#events.sort((a, b) => a.time - b.time || a.sequence - b.sequence);
    return this.#events.shift()?.name;
  }
  get size(): number {
    return this.#events.length;
  }
}

test('gives events in the order of time, and of planning within a moment', () => {
  const push = fc.record({ do: fc.constant('push' as const), time: fc.nat(20) });
  const pop = fc.record({ do: fc.constant('pop' as const) });
  const cancel = fc.record({ do: fc.constant('cancel' as const), which: fc.nat() });
  fc.assert(
    fc.property(fc.array(fc.oneof(push, push, pop, cancel), { maxLength: 300 }), (steps) => {
      const heap = new EventHeap<string>();
      const list = new EventList();
      const tickets: EventTicket[] = [];
      let happened = -1;
      const popBoth = (): void => {
        happened = -1;
        heap.pop()?.();
        expect(happened).toBe(list.pop() ?? -1);
      };
      for (const [name, step] of steps.entries()) {
        if (step.do === 'push') {
          list.push(step.time, name);
          const action = (): void => {
            happened = name;
          };
          tickets.push(heap.push(step.time, null, 'test', action));
        } else if (step.do === 'cancel' && tickets.length > 0) {
          const which = step.which % tickets.length;
          list.cancel(which);
          heap.cancel(tickets[which]!);
        } else if (step.do === 'pop') {
          popBoth();
        }
        expect(heap.size).toBe(list.size);
      }
      while (list.size > 0) popBoth();
      expect(heap.pop()).toBeUndefined();
      expect(heap.nextTime()).toBe(Number.POSITIVE_INFINITY);
    }),
  );
});

test('stays small when nearly everything is cancelled, and keeps the order', () => {
  const heap = new EventHeap<number>();
  const order: number[] = [];
  for (let round = 0; round < 20_000; round++) {
    const ticket = heap.push(1e6 - round, null, 'timer', () => order.push(-1));
    if (round % 100 === 0) heap.push(round % 7, round, 'event', () => order.push(round));
    heap.cancel(ticket);
    heap.cancel(ticket);
  }
  expect(heap.size).toBe(200);
  let last = -1;
  for (let action = heap.pop(); action !== undefined; action = heap.pop()) {
    action();
    expect(heap.time).toBe(order.at(-1)! % 7);
    expect(heap.owner).toBe(order.at(-1));
    expect(heap.label).toBe('event');
    const rank = heap.time * 1e6 + order.at(-1)!;
    expect(rank).toBeGreaterThan(last);
    last = rank;
  }
  expect(order.length).toBe(200);
});

test('a ticket of an event that has happened cancels no later one', () => {
  const heap = new EventHeap<null>();
  const first = heap.push(1, null, 'first', () => {});
  heap.pop();
  heap.push(2, null, 'second', () => {});
  heap.cancel(first);
  expect(heap.size).toBe(1);
});
