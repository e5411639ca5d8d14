import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Timers } from './timers.ts';

describe('timers', () => {
  it('run in the order of their times, equals in the order in which they were set', () => {
    const entry = fc.record({ atMs: fc.nat(20), cancelled: fc.boolean() });
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        const timers = new Timers();
        const ran: number[] = [];
        const set = entries.map(({ atMs }, index) => timers.at(atMs, () => ran.push(index)));
        for (const [index, { cancelled }] of entries.entries()) if (cancelled) set[index]!.cancel();
        while (timers.nextAtMs < Number.POSITIVE_INFINITY) timers.run(timers.nextAtMs);
        const expected = [...entries.entries()]
          .filter(([, { cancelled }]) => !cancelled)
          .sort(([a, { atMs: aMs }], [b, { atMs: bMs }]) => aMs - bMs || a - b)
          .map(([index]) => index);
        expect(ran).toEqual(expected);
      }),
    );
  });

  it('that set others for the same moment do not keep us for ever', () => {
    const timers = new Timers();
    let runs = 0;
    const again = () => {
      runs++;
      timers.at(5, again);
    };
    timers.at(5, again);
    timers.run(10);
    expect([runs, timers.nextAtMs]).toEqual([1, 5]);
  });
});
