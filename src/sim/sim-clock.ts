/**
 * Clocks of a node. Virtual time is the truth that no node sees: each has a monotonic clock that
 * runs at a rate of its own, and a wall clock that is off by an offset and may jump.
 */
import { assert } from '../base/assert.ts';
import type { Cancel } from '../ports/callbacks.ts';
import { type Clock, timerDelayMsMax } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { EventTicket } from './event-heap.ts';
import type { Scheduler } from './scheduler.ts';
import type { SimProcess } from './sim-process.ts';

/** When worlds begin, for wall clocks. */
const worldBeginMs = Date.UTC(2026, 0, 1);

/** How late timers ring at most: they never ring early, and never quite on time. */
const timerLateMsMax = 0.05;

/** How long a turn of the event loop lasts at most, unless a node is made slower: a quick one. */
export const turnMsMaxDefault = 0.02;

/** The hardware clocks of a node: they outlive its processes. Faults are set here. */
export class NodeClocks {
  readonly #scheduler: Scheduler;
  #rate = 1;
  /** Virtual time, and this clock's, when the rate was last changed. */
  #anchorMs = 0;
  #elapsedMs = 0;
  /** What the wall clock shows beyond the true time. */
  wallOffsetMs = 0;
  /** How long a turn of the event loop lasts at most: what comes meanwhile is part of it. */
  readonly turnMsMax: number;

  constructor(scheduler: Scheduler, turnMsMax = turnMsMaxDefault) {
    this.#scheduler = scheduler;
    this.turnMsMax = turnMsMax;
  }

  /** Milliseconds of this clock for each of virtual time: 0.5 … 2. */
  get rate(): number {
    return this.#rate;
  }

  set rate(rate: number) {
    assert(rate >= 0.5 && rate <= 2, `a clock does not run at a rate of ${rate}`);
    this.#elapsedMs = this.elapsedMs();
    this.#anchorMs = this.#scheduler.nowMs;
    this.#rate = rate;
  }

  /** What the monotonic clock has counted since the world began. */
  elapsedMs(): number {
    return this.#elapsedMs + (this.#scheduler.nowMs - this.#anchorMs) * this.#rate;
  }

  wallMs(): number {
    return worldBeginMs + this.elapsedMs() + this.wallOffsetMs;
  }

  /** Sets the wall clock forward, or back when negative. */
  jumpWall(byMs: number): void {
    this.wallOffsetMs += byMs;
  }
}

/** The clock port of one process. */
export class SimClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #clocks: NodeClocks;
  readonly #process: SimProcess;
  readonly #random: Random;
  readonly #startMs: number;
  #turn: (() => void)[] = [];

  constructor(scheduler: Scheduler, clocks: NodeClocks, process: SimProcess, random: Random) {
    this.#scheduler = scheduler;
    this.#clocks = clocks;
    this.#process = process;
    this.#random = random;
    this.#startMs = clocks.elapsedMs();
  }

  monotonicMs(): number {
    return this.#clocks.elapsedMs() - this.#startMs;
  }

  wallMs(): number {
    return this.#clocks.wallMs();
  }

  after(delayMs: number, callback: () => void): Cancel {
    assert(delayMs >= 0 && delayMs <= timerDelayMsMax, () => `${delayMs} ms is no delay`);
    if (!this.#process.calls()) return () => {};
    const dueMs = this.monotonicMs() + delayMs;
    let ticket: EventTicket;
    const wait = (leftMs: number): void => {
      // Never by nothing: sums of fractions are not exact, and a timer must not ring early.
      const lateMs = timerLateMsMax * (0.1 + 0.9 * this.#random.fraction());
      ticket = this.#process.plan(leftMs / this.#clocks.rate + lateMs, 'timer', ring);
    };
    const ring = (): void => {
      const leftMs = dueMs - this.monotonicMs();
      // The clock may have been slowed down meanwhile.
      if (leftMs > 0) wait(leftMs);
      else callback();
    };
    wait(delayMs);
    return () => this.#scheduler.cancel(ticket);
  }

  endOfTurn(callback: () => void): void {
    if (!this.#process.calls()) return;
    this.#turn.push(callback);
    if (this.#turn.length > 1) return;
    this.#process.plan(this.#clocks.turnMsMax * this.#random.fraction(), 'end of turn', () => {
      const turn = this.#turn;
      this.#turn = [];
      for (const call of turn) {
        if (this.#process.alive) call();
      }
    });
  }
}
