/** The wire form of values, both ways. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeValue } from './value-reader.ts';
import { encodeValue, valueDepthMax } from './value-writer.ts';

const roundTrip = (value: unknown): unknown => decodeValue(encodeValue(value));

const anyValue = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom(undefined, null, true, false, -0, 0, Number.NaN, 2 ** 53, -(2 ** 53), 1e300),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    fc.bigInt(),
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.uint8Array(),
    fc.date({ noInvalidDate: false }),
  ),
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 5 },
    tie('leaf'),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 5 }),
    fc.array(fc.tuple(tie('leaf'), tie('value')), { maxLength: 5 }).map((pairs) => new Map(pairs)),
    fc.array(tie('leaf'), { maxLength: 5 }).map((items) => new Set(items)),
  ),
}));

describe('the wire form of a value', () => {
  test('gives back what was written, whatever it is', () => {
    fc.assert(
      fc.property(anyValue.value, (value) => {
        expect(roundTrip(value)).toEqual(value);
        expect(encodeValue(roundTrip(value))).toEqual(encodeValue(value));
      }),
    );
  });

  test('keeps what JSON loses', () => {
    expect(Object.is(roundTrip(-0), -0)).toBe(true);
    expect(roundTrip({ a: undefined })).toStrictEqual({ a: undefined });
    for (const value of [2n ** 53n, -(2n ** 53n), 2n ** 64n, -(2n ** 4000n), 1n, -1n, 0n]) {
      expect(roundTrip(value)).toBe(value);
    }
    expect(roundTrip('\ud800 alone')).toBe('\ud800 alone');
    expect(roundTrip('é'.repeat(100))).toBe('é'.repeat(100));
    expect(roundTrip(new Date(Number.NaN))).toEqual(new Date(Number.NaN));
    expect(roundTrip(new Uint8Array([1, 2]))).toEqual(new Uint8Array([1, 2]));
  });

  test('keeps a property named __proto__ as a property', () => {
    const hostile = JSON.parse('{"__proto__":{"admin":true},"a":1}') as object;
    const back = roundTrip(hostile) as { admin?: boolean };
    expect(Object.keys(back)).toEqual(['__proto__', 'a']);
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    expect(back.admin).toBeUndefined();
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  test('refuses by name what means nothing elsewhere', () => {
    const circle: unknown[] = [];
    circle.push(circle);
    class Point {
      readonly x = 1;
    }
    const refused = [
      () => 1,
      Symbol('s'),
      new Point(),
      new Error('e'),
      circle,
      new Float64Array(1),
    ];
    for (const value of refused) {
      expect(() => encodeValue(value)).toThrow(
        expect.objectContaining({ code: 'unsupported-value' }),
      );
    }
    expect(() => encodeValue('x'.repeat(17 * 2 ** 20))).toThrow(
      expect.objectContaining({ code: 'value-too-large' }),
    );
  });

  test('refuses bad bytes by name, and reads nothing that is not there', () => {
    const bad = [
      [],
      [255],
      [4],
      [4, 0x80],
      [4, 0x80, 0],
      [11, 5, 97],
      [11, 1, 0xff],
      [15, 0xff, 0xff, 0x7f],
      [0, 0],
      [16, 2, 1, 97, 0, 1, 97, 0],
      [17, 2, 0, 0, 0, 0],
      [18, 2, 1, 1],
      [9, 1, 5],
      [6, 1, 2],
      new Array(valueDepthMax + 2).fill([15, 1]).flat(),
    ];
    for (const bytes of bad) {
      expect(() => decodeValue(Uint8Array.from(bytes))).toThrow(
        expect.objectContaining({ code: 'malformed-message' }),
      );
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decodeValue(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: 'malformed-message' });
        }
      }),
      { numRuns: 500 },
    );
  });
});
