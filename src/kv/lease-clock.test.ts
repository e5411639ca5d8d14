import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LeaseClock } from './lease-clock.ts';

describe('the clock of leases', () => {
  it('ends each at its time, and not before, whatever was kept alive', () => {
    const acts = fc.array(
      fc.record({
        passMs: fc.nat(2500),
        lease: fc.bigInt(1n, 5n),
        act: fc.constantFrom('set', 'renew', 'look'),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(acts, (steps) => {
        const clock = new LeaseClock();
        const ends = new Map<bigint, number>();
        let nowMs = 12_345;
        clock.clear(nowMs);
        for (const { passMs, lease, act } of steps) {
          nowMs += passMs;
          if (act === 'set') {
            clock.set(lease, 3, nowMs + 3000);
            ends.set(lease, nowMs + 3000);
          } else if (act === 'renew') {
            const lives = (ends.get(lease) ?? 0) > nowMs;
            expect(clock.renew(lease, nowMs)).toBe(lives ? 3 : undefined);
            if (lives) ends.set(lease, nowMs + 3000);
          } else {
            for (const id of clock.expired(nowMs, 100)) {
              expect(ends.get(id)).toBeLessThanOrEqual(nowMs);
              clock.remove(id);
              ends.delete(id);
            }
          }
        }
        // In the end all are gone.
        nowMs += 4000;
        const found = new Set(clock.expired(nowMs, 100));
        expect([...ends.keys()].filter((id) => !found.has(id))).toEqual([]);
      }),
    );
  });

  it('gives so many at once, and the others the next time', () => {
    const clock = new LeaseClock();
    clock.clear(0);
    for (let id = 1n; id <= 10n; id++) clock.set(id, 1, 1000);
    const first = clock.expired(2000, 4);
    for (const id of first) clock.remove(id);
    const second = clock.expired(2000, 100);
    expect(new Set([...first, ...second]).size).toBe(10);
  });

  it('gives one again that is still there', () => {
    const clock = new LeaseClock();
    clock.clear(0);
    clock.set(1n, 1, 1000);
    expect(clock.expired(1500, 10)).toEqual([1n]);
    expect(clock.expired(1600, 10)).toEqual([]);
    expect(clock.expired(2600, 10)).toEqual([1n]);
  });
});
