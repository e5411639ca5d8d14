import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32c } from './crc32c.ts';

/** One bit after the other, as the standard defines it. */
function crc32cByBits(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe('CRC32C', () => {
  // The vectors of RFC 3720, appendix B.4, and the check value of the CRC catalogue.
  test.each([
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 ascending', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['32 descending', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ['123456789', new TextEncoder().encode('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(0), 0],
  ])('of %s', (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });

  test('agrees with the definition for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(crc32c(bytes)).toBe(crc32cByBits(bytes));
      }),
    );
  });

  test('goes on from any place, and looks at no byte outside its range', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(), fc.nat(), (bytes, x, y) => {
        const start = x % (bytes.length + 1);
        const end = start + (y % (bytes.length - start + 1));
        const middle = Math.floor((start + end) / 2);
        const whole = crc32cByBits(bytes.slice(start, end));
        expect(crc32c(bytes, start, end)).toBe(whole);
        expect(crc32c(bytes, middle, end, crc32c(bytes, start, middle))).toBe(whole);
      }),
    );
  });
});
