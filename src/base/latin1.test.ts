import fc from 'fast-check';
import { expect, test } from 'vitest';
import { latin1 } from './latin1.ts';

test('each byte becomes the character of its number', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), fc.nat(50), fc.nat(50), (bytes, a, b) => {
      const from = Math.min(a, b, bytes.length);
      const to = Math.min(Math.max(a, b), bytes.length);
      const expected = Array.from(bytes.subarray(from, to), (byte) => String.fromCharCode(byte));
      expect(latin1(bytes, from, to)).toBe(expected.join(''));
    }),
  );
  expect(latin1(Uint8Array.of(0x71, 0xfc, 0))).toBe('qü\0');
});
