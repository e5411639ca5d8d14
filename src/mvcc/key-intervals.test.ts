import { describe, expect, it } from 'vitest';
import { KeyIntervals, keyInterval } from './key-intervals.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const interval = (key: string, end: string) => keyInterval(bytes(key), bytes(end))!;

describe('what was granted', () => {
  const granted = new KeyIntervals([
    interval('a', 'b'),
    interval('b', 'c'),
    interval('k', ''),
    interval('x', '\0'),
  ]);

  it.each([
    ['a', 'c', true],
    ['a', '', true],
    ['a', 'c0', false],
    ['0', 'b', false],
    ['k', '', true],
    ['k', 'l', false],
    ['k', '\0', false],
    ['k0', '', false],
    ['x', '\0', true],
    ['y', 'zz', true],
    ['a', '\0', false],
    ['w', 'y', false],
  ])('covers %s to %j: %s', (key, end, covered) => {
    expect(granted.covers(interval(key, end))).toBe(covered);
  });

  it('has no interval for a range that is empty', () => {
    expect(keyInterval(bytes('b'), bytes('a'))).toBeUndefined();
    expect(keyInterval(bytes('b'), bytes('b'))).toBeUndefined();
  });
});
