import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteSlab } from './byte-slab.ts';

test('what was taken is zero, of the length asked for, and nobody else writes to it', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 60 }), (lengths) => {
      const slab = new ByteSlab();
      const taken = lengths.map((length, at) => {
        const bytes = slab.take(length);
        expect(bytes.length).toBe(length);
        expect(bytes.every((byte) => byte === 0)).toBe(true);
        return bytes.fill(at + 1);
      });
      taken.forEach((bytes, at) => {
        expect(bytes.every((byte) => byte === at + 1)).toBe(true);
      });
    }),
  );
});

test('neighbours share a buffer, and a long string does not', () => {
  const slab = new ByteSlab();
  const first = slab.take(100);
  expect(slab.take(100).buffer).toBe(first.buffer);
  expect(slab.take(10_000).buffer).not.toBe(first.buffer);
  expect(slab.take(100).buffer).toBe(first.buffer);
});
