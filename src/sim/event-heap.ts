/**
 * What is to happen, ordered by (time, sequence): the heart of a simulated world. Two events of
 * the same moment happen in the order in which they were planned, so that a run depends on its
 * seed alone.
 *
 * A heap of four children a node, in flat typed arrays: it is shallower than a binary heap, and the
 * children that are compared lie beside each other. An event costs no object of its own: what is to
 * be done lies in a table of slots that are used again. Cancelled events are passed over when their
 * turn comes, and swept out when they are the larger part.
 */
import { assert } from '../base/assert.ts';

/** How many events may wait: more means that something plans faster than time passes. */
export const eventsMax = 2 ** 22;

/** How many events one world can live through: a ticket must stay an exact number. */
export const sequenceMax = 2 ** 31;

/** Planned events; `Owner` says whose they are. */
export class EventHeap<Owner> {
  #size = 0;
  #cancelled = 0;
  #nextSequence = 0;
  // The heap itself, in heap order.
  #times = new Float64Array(1024);
  #sequences = new Float64Array(1024);
  #slots = new Int32Array(1024);
  // What the slots hold, and which of them are free.
  readonly #actions: ((() => void) | undefined)[] = [];
  readonly #owners: (Owner | null)[] = [];
  readonly #labels: string[] = [];
  readonly #sequenceOfSlot: number[] = [];
  readonly #free: number[] = [];

  /** The last event taken: when, its place in the order of planning, whose, and what it is. */
  time = 0;
  sequence = 0;
  owner: Owner | null = null;
  label = '';

  /** Events that will happen. */
  get size(): number {
    return this.#size - this.#cancelled;
  }

  /**
   * Plans `action` for `time` ≥ 0; `label` is a constant that says what it is.
   * Answers a ticket to {@link cancel} it with.
   */
  push(time: number, owner: Owner | null, label: string, action: () => void): EventTicket {
    const slot = this.#free.pop() ?? this.#actions.length;
    const sequence = this.#nextSequence++;
    assert(sequence < sequenceMax, 'a world has grown too old');
    this.#actions[slot] = action;
    this.#owners[slot] = owner;
    this.#labels[slot] = label;
    this.#sequenceOfSlot[slot] = sequence;
    if (this.#size === this.#slots.length) this.#grow();
    this.#rise(this.#size++, time, sequence, slot);
    return (sequence * eventsMax + slot) as EventTicket;
  }

  /** Withdraws an event; nothing happens if it has happened already. */
  cancel(ticket: EventTicket): void {
    const slot = ticket % eventsMax;
    const sequence = Math.floor(ticket / eventsMax);
    if (this.#sequenceOfSlot[slot] !== sequence || this.#actions[slot] === undefined) return;
    this.#actions[slot] = undefined;
    this.#owners[slot] = null;
    this.#cancelled++;
    if (this.#cancelled > 1024 && this.#cancelled * 2 > this.#size) this.#sweep();
  }

  /** When the next event happens; infinite if there is none. */
  nextTime(): number {
    this.#dropCancelled();
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#times[0]!;
  }

  /** Takes the next event and answers what is to be done; `undefined` if there is none. */
  pop(): (() => void) | undefined {
    this.#dropCancelled();
    if (this.#size === 0) return undefined;
    const slot = this.#slots[0]!;
    this.time = this.#times[0]!;
    this.sequence = this.#sequences[0]!;
    this.owner = this.#owners[slot]!;
    this.label = this.#labels[slot]!;
    const action = this.#actions[slot]!;
    this.#removeFirst();
    return action;
  }

  #dropCancelled(): void {
    while (this.#size > 0 && this.#actions[this.#slots[0]!] === undefined) {
      this.#cancelled--;
      this.#removeFirst();
    }
  }

  #removeFirst(): void {
    this.#release(this.#slots[0]!);
    const last = --this.#size;
    if (last > 0) this.#sink(0, this.#times[last]!, this.#sequences[last]!, this.#slots[last]!);
  }

  #release(slot: number): void {
    this.#actions[slot] = undefined;
    this.#owners[slot] = null;
    this.#sequenceOfSlot[slot] = -1;
    this.#free.push(slot);
  }

  /** Moves an event from a free place up until its parent is earlier. */
  #rise(place: number, time: number, sequence: number, slot: number): void {
    const times = this.#times;
    const sequences = this.#sequences;
    const slots = this.#slots;
    let at = place;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      const parentTime = times[parent]!;
      if (parentTime < time || (parentTime === time && sequences[parent]! < sequence)) break;
      times[at] = parentTime;
      sequences[at] = sequences[parent]!;
      slots[at] = slots[parent]!;
      at = parent;
    }
    times[at] = time;
    sequences[at] = sequence;
    slots[at] = slot;
  }

  /** Moves an event from a free place down until no child is earlier. */
  #sink(place: number, time: number, sequence: number, slot: number): void {
    const times = this.#times;
    const sequences = this.#sequences;
    const slots = this.#slots;
    const size = this.#size;
    let at = place;
    for (;;) {
      const first = 4 * at + 1;
      if (first >= size) break;
      let child = first;
      let childTime = times[first]!;
      let childSequence = sequences[first]!;
      const end = Math.min(first + 4, size);
      for (let other = first + 1; other < end; other++) {
        const otherTime = times[other]!;
        if (otherTime > childTime) continue;
        const otherSequence = sequences[other]!;
        if (otherTime === childTime && otherSequence > childSequence) continue;
        child = other;
        childTime = otherTime;
        childSequence = otherSequence;
      }
      if (childTime > time || (childTime === time && childSequence > sequence)) break;
      times[at] = childTime;
      sequences[at] = childSequence;
      slots[at] = slots[child]!;
      at = child;
    }
    times[at] = time;
    sequences[at] = sequence;
    slots[at] = slot;
  }

  /** Throws the cancelled out, and makes a heap of the rest. */
  #sweep(): void {
    let kept = 0;
    for (let at = 0; at < this.#size; at++) {
      const slot = this.#slots[at]!;
      if (this.#actions[slot] === undefined) {
        this.#release(slot);
        continue;
      }
      this.#times[kept] = this.#times[at]!;
      this.#sequences[kept] = this.#sequences[at]!;
      this.#slots[kept++] = slot;
    }
    this.#size = kept;
    this.#cancelled = 0;
    for (let at = (kept - 2) >> 2; at >= 0; at--) {
      this.#sink(at, this.#times[at]!, this.#sequences[at]!, this.#slots[at]!);
    }
  }

  #grow(): void {
    const length = this.#slots.length * 2;
    assert(this.#size < eventsMax, `${this.#size} events wait: more than may`);
    const times = new Float64Array(length);
    times.set(this.#times);
    this.#times = times;
    const sequences = new Float64Array(length);
    sequences.set(this.#sequences);
    this.#sequences = sequences;
    const slots = new Int32Array(length);
    slots.set(this.#slots);
    this.#slots = slots;
  }
}

declare const ticketBrand: unique symbol;
/** Names a planned event. */
export type EventTicket = number & { readonly [ticketBrand]: true };
