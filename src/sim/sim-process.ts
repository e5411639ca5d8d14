/**
 * A simulated process: everything that a program started, and that ends with it. When it crashes,
 * its timers and callbacks never come, and what it calls afterwards, for the rest of the callback
 * in which it died, does nothing: a crash is dropping an object.
 */
import { assert } from '../base/assert.ts';
import type { EventTicket } from './event-heap.ts';
import type { Owner, Scheduler } from './scheduler.ts';

/** How many events may come due while a process is paused. */
const deferredMax = 1_000_000;

/** See above. */
export class SimProcess implements Owner {
  readonly name: string;
  readonly #scheduler: Scheduler;
  #alive = true;
  #paused = false;
  #deferred: { label: string; action: () => void }[] = [];
  #callsLeft = Number.POSITIVE_INFINITY;
  #crash: () => void = () => {};

  constructor(name: string, scheduler: Scheduler) {
    this.name = name;
    this.#scheduler = scheduler;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Plans an event of this process. */
  plan(delayMs: number, label: string, action: () => void): EventTicket {
    return this.#scheduler.plan(delayMs, this, label, action);
  }

  /**
   * To be called first in every call of a port: answers whether the call has any effect. It has none
   * when the process is dead, or dies just now.
   */
  calls(): boolean {
    if (!this.#alive) return false;
    if (--this.#callsLeft > 0) return true;
    this.#callsLeft = Number.POSITIVE_INFINITY;
    this.#crash();
    return false;
  }

  /** Calls `crash` instead of the `count`-th call of a port from now, 1 … 2^53 − 1. */
  crashAtCall(count: number, crash: () => void): void {
    assert(Number.isSafeInteger(count) && count >= 1, `${count} is no number of calls`);
    this.#callsLeft = count;
    this.#crash = crash;
  }

  /** Lets the process handle what has arrived for it now, when it can. */
  receive(label: string, action: () => void): void {
    if (!this.#alive) return;
    if (this.#paused) this.defer(label, action);
    else action();
  }

  defer(label: string, action: () => void): void {
    assert(this.#deferred.length < deferredMax, () => `too much waits for ${this.name} to go on`);
    this.#deferred.push({ label, action });
  }

  kill(): void {
    this.#alive = false;
    this.#deferred = [];
  }

  pause(): void {
    this.#paused = true;
  }

  /** What came due meanwhile happens at once, in its order. */
  resume(): void {
    this.#paused = false;
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const { label, action } of deferred) this.plan(0, label, action);
  }
}
