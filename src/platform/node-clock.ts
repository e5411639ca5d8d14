/** Time on Node: `performance.now` never goes back; `setImmediate` marks the end of a turn. */
import { assert } from '../base/assert.ts';
import type { Cancel } from '../ports/callbacks.ts';
import { type Clock, timerDelayMsMax } from '../ports/clock.ts';

/** See {@link Clock}. */
export class NodeClock implements Clock {
  monotonicMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  after(delayMs: number, callback: () => void): Cancel {
    assert(delayMs >= 0 && delayMs <= timerDelayMsMax, () => `${delayMs} ms is no delay`);
    const dueMs = performance.now() + delayMs;
    let timer: NodeJS.Timeout;
    // Node counts whole milliseconds from the start of the turn, and so may be early by up to one.
    const ring = (): void => {
      const leftMs = dueMs - performance.now();
      if (leftMs > 0) timer = setTimeout(ring, leftMs);
      else callback();
    };
    timer = setTimeout(ring, delayMs);
    return () => clearTimeout(timer);
  }

  endOfTurn(callback: () => void): void {
    setImmediate(callback);
  }
}
