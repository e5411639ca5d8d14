import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeValue, depthMax, encodeValue } from './codec.ts';

const shareable = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(undefined, null, true, false, -0, Number.NaN, Number.POSITIVE_INFINITY),
    fc.double(),
    fc.maxSafeInteger(),
    fc.bigInt(),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array(),
    fc.date(),
    fc.array(tie('value')),
    fc.array(fc.tuple(tie('value'), tie('value'))).map((pairs) => new Map(pairs)),
    fc.array(tie('value')).map((items) => new Set(items)),
    fc.dictionary(
      fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant('__proto__')),
      tie('value'),
      {
        noNullPrototype: true,
      },
    ),
  ),
})).value;

test('every shareable value comes back as it was', () => {
  fc.assert(
    fc.property(shareable, (value) => {
      expect(decodeValue(encodeValue(value))).toStrictEqual(value);
    }),
    { numRuns: 500 },
  );
});

test('a key named __proto__ stays a key', () => {
  const value = JSON.parse('{"__proto__":{"polluted":true},"constructor":1}') as object;
  const back = decodeValue(encodeValue(value)) as { polluted?: boolean };
  expect(Object.keys(back)).toEqual(['__proto__', 'constructor']);
  expect(back.polluted).toBeUndefined();
});

test('what would come back as something else is refused', () => {
  const refused = [() => 1, Symbol('s'), new (class Account {})(), /x/, new Error('no')];
  for (const value of refused) {
    expect(() => encodeValue(value)).toThrow(
      expect.objectContaining({ code: 'malformed-message' }),
    );
  }
  const cycle: unknown[] = [];
  cycle.push(cycle);
  expect(() => encodeValue(cycle)).toThrow('nested deeper');
});

test('any bytes are decoded or refused, whatever they announce', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        decodeValue(bytes);
      } catch (error) {
        expect(error).toMatchObject({ code: 'malformed-message' });
      }
    }),
    { numRuns: 2_000 },
  );
  const huge = Uint8Array.of(12, 0xff, 0xff, 0xff, 0xff, 0x7f);
  expect(() => decodeValue(huge)).toThrow('more items are announced');
  const deep = new Uint8Array((depthMax + 2) * 2).fill(1).map((_, at) => (at % 2 === 0 ? 12 : 1));
  expect(() => decodeValue(deep)).toThrow('nested deeper');
});
