import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ByteReader, ByteWriter, numberBytes } from './binary.ts';

it('reads whole numbers back, each in its shortest form', () => {
  const number = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(127, 128, 2 ** 53 - 1));
  fc.assert(
    fc.property(number, (value) => {
      const written = new ByteWriter(1).number(value).finish();
      expect(written.length).toBe(numberBytes(value));
      const reader = new ByteReader(written);
      expect(reader.number()).toBe(value);
      expect(reader.offset).toBe(written.length);
      reader.end();
    }),
  );
});

it('reads flags as no and yes alone', () => {
  const reader = new ByteReader(new ByteWriter().flag(true).flag(false).byte(2).finish());
  expect([reader.flag(), reader.flag()]).toEqual([true, false]);
  expect(() => reader.flag()).toThrow('a flag is 2');
});

it('takes no number of 2^53 and above, and none longer than need be', () => {
  expect(() => new ByteReader(Uint8Array.of(...Array(7).fill(128), 16)).number()).toThrow(/large/);
  expect(() => new ByteReader(Uint8Array.of(...Array(9).fill(255), 1)).number()).toThrow(/large/);
  expect(() => new ByteReader(Uint8Array.of(128, 0)).number()).toThrow(/longer/);
});

it('gives views, never more than there is', () => {
  const input = new ByteWriter().bytes(Uint8Array.of(1, 2, 3)).finish();
  expect(new ByteReader(input).bytes().buffer).toBe(input.buffer);
  expect(() => new ByteReader(Uint8Array.of(4, 1, 2, 3)).bytes()).toThrow(/beyond the end/);
  expect(() => new ByteReader(Uint8Array.of(200, 1, 2)).count(1)).toThrow(/beyond the end/);
});
