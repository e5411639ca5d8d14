/** Lifeguard, section IV-B. */
import { describe, expect, it } from 'vitest';
import { Suspicion, suspicionMinMs, suspicionTimeoutMs } from './suspicion.ts';

describe('a suspicion', () => {
  it('of 100 members on a LAN lasts from 8 s to 48 s', () => {
    const minMs = suspicionMinMs(4, 100, 1_000);
    expect(minMs).toBe(8_000);
    const timeouts = [0, 1, 2, 3].map((confirmations) =>
      suspicionTimeoutMs({ confirmations, confirmationsExpected: 2, minMs, maxMs: 6 * minMs }),
    );
    expect(timeouts[0]).toBe(48_000);
    expect(timeouts[1]).toBeCloseTo(48_000 - (40_000 * Math.log(2)) / Math.log(3));
    expect(timeouts.slice(2)).toEqual([8_000, 8_000]);
  });

  it('in a small cluster does not shrink below the time for one member', () => {
    expect(suspicionMinMs(4, 3, 1_000)).toBe(4_000);
  });

  it('counts each accuser once, and the first not at all', () => {
    const suspicion = new Suspicion({
      startMs: 100,
      firstAccuser: 'a',
      confirmationsExpected: 2,
      minMs: 1_000,
      maxMs: 6_000,
    });
    expect([suspicion.endMs, suspicion.isLonely]).toEqual([6_100, true]);
    expect(['a', 'b', 'b', 'c', 'd'].map((accuser) => suspicion.confirm(accuser))).toEqual([
      false,
      true,
      false,
      true,
      false,
    ]);
    expect([suspicion.endMs, suspicion.isLonely]).toEqual([1_100, false]);
  });

  it('without confirmations to expect lasts the shortest time', () => {
    const options = { startMs: 0, firstAccuser: 'a', minMs: 1_000, maxMs: 6_000 };
    const suspicion = new Suspicion({ ...options, confirmationsExpected: 0 });
    expect([suspicion.endMs, suspicion.confirm('b'), suspicion.isLonely]).toEqual([
      1_000,
      false,
      false,
    ]);
  });

  it('that another has ended lasts no longer than the shortest time', () => {
    const options = { startMs: 0, firstAccuser: 'a', minMs: 1_000, maxMs: 6_000 };
    const suspicion = new Suspicion({ ...options, confirmationsExpected: 2 });
    suspicion.hasten();
    expect(suspicion.endMs).toBe(1_000);
  });
});
