/** What every {@link Clock} does. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AssertionError } from '../../src/base/assert.ts';
import { type Clock, timerDelayMsMax } from '../../src/ports/clock.ts';
import type { Harness, MakeHarness } from './harness.ts';

/** Registers the suite. */
export function clockSuite(name: string, make: MakeHarness<Clock>): void {
  describe(`clock port: ${name}`, () => {
    let world: Harness<Clock>;
    let clock: Clock;
    beforeEach(async () => {
      world = await make();
      clock = world.port;
    });
    afterEach(() => world.close());

    test('never goes back, and moves on', async () => {
      const startMs = clock.monotonicMs();
      expect(startMs).toBeGreaterThanOrEqual(0);
      let lastMs = startMs;
      let fired = 0;
      const tick = (): void => {
        const nowMs = clock.monotonicMs();
        expect(nowMs).toBeGreaterThanOrEqual(lastMs);
        lastMs = nowMs;
        if (++fired < 20) clock.after(0.3, tick);
      };
      clock.after(0, tick);
      await world.until(() => fired === 20);
      expect(lastMs).toBeGreaterThan(startMs);
    });

    test('tells a time of day that an operator would believe', () => {
      expect(clock.wallMs()).toBeGreaterThan(Date.UTC(2020, 0));
      expect(clock.wallMs()).toBeLessThan(Date.UTC(2200, 0));
    });

    test('rings not before the delay has passed, and once', async () => {
      const delaysMs = [0, 0.4, 1, 1.5, 7, 20];
      const rung: number[] = [];
      for (const delayMs of delaysMs) {
        const startMs = clock.monotonicMs();
        clock.after(delayMs, () => {
          rung.push(delayMs);
          expect(clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(delayMs);
        });
      }
      expect(rung).toEqual([]);
      let later = false;
      clock.after(60, () => {
        later = true;
      });
      await world.until(() => later);
      expect(rung.sort((a, b) => a - b)).toEqual(delaysMs);
    });

    test('does not ring when cancelled, whenever and however often', async () => {
      const rung: string[] = [];
      const cancelled = clock.after(1, () => rung.push('cancelled'));
      cancelled();
      cancelled();
      const first = clock.after(2, () => {
        rung.push('first');
        first();
        second();
      });
      const second = clock.after(10, () => rung.push('second'));
      clock.after(20, () => rung.push('last'));
      await world.until(() => rung.includes('last'));
      first();
      expect(rung).toEqual(['first', 'last']);
    });

    test('ends a turn in order, and gives later work a turn of its own', async () => {
      const order: string[] = [];
      clock.endOfTurn(() => {
        order.push('a');
        clock.endOfTurn(() => order.push('c'));
      });
      clock.endOfTurn(() => order.push('b'));
      order.push('call');
      await world.until(() => order.length === 4);
      expect(order).toEqual(['call', 'a', 'b', 'c']);
    });

    test('takes misuse for a bug', () => {
      for (const delayMs of [-1, Number.NaN, Number.POSITIVE_INFINITY, timerDelayMsMax + 1]) {
        expect(() => clock.after(delayMs, () => {})).toThrow(AssertionError);
      }
      clock.after(timerDelayMsMax, () => {})();
    });
  });
}
