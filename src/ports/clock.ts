/**
 * Time. Nothing of the protocol may rest on the wall clock: it jumps both ways. Elections, leases
 * and deadlines are measured by the monotonic clock, which may run fast or slow but never goes
 * back. In a simulation both are virtual, differ from member to member, and time passes only
 * between events (reliability.md, "Determinism" and the faults of time: skew, rate, jumps).
 */
import type { Cancel } from './callbacks.ts';

/** The longest delay that a timer takes: a little under 25 days, the limit of Node's timers. */
export const timerDelayMsMax = 2 ** 31 - 1;

/** A process's clocks and timers. */
export interface Clock {
  /**
   * Milliseconds since a moment that means nothing, ≥ 0, with fractions; never goes back while
   * the process lives, and starts anew with the process.
   */
  monotonicMs(): number;
  /** Milliseconds since 1970 in UTC, for people and for logs; may jump both ways. */
  wallMs(): number;
  /**
   * Calls `callback` once, no earlier than `delayMs` (0 … {@link timerDelayMsMax}, fractions
   * allowed) of the monotonic clock from now, and never within this call. A pending timer keeps
   * the process alive.
   */
  after(delayMs: number, callback: () => void): Cancel;
  /**
   * Calls `callback` when everything that has already arrived in this turn of the event loop has
   * been handled, and before time is waited for: the moment at which a turn's work is gathered
   * into one batch. Callbacks run in the order in which they were given; one that is given while
   * they run waits for the next turn.
   */
  endOfTurn(callback: () => void): void;
}
