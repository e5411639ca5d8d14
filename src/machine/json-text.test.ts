/** Values as JSON for other programs. */
import { expect, it } from 'vitest';
import { jsonText } from './json-text.ts';

it('says what JSON has no form for', () => {
  const rows: [unknown, unknown][] = [
    [1.5, 1.5],
    ['x', 'x'],
    [null, null],
    [2n ** 64n, { $bigint: '18446744073709551616' }],
    [-1n, { $bigint: '-1' }],
    [new Uint8Array([1, 2, 255]), { $bytes: 'AQL/' }],
    [new Uint8Array([1, 2, 3, 4]), { $bytes: 'AQIDBA==' }],
    [new Uint8Array([1, 2, 3, 4, 5]), { $bytes: 'AQIDBAU=' }],
    [new Date(0), { $date: '1970-01-01T00:00:00.000Z' }],
    [new Date(Number.NaN), { $date: null }],
    [Number.NaN, { $number: 'NaN' }],
    [-0, { $number: '-0' }],
    [Number.NEGATIVE_INFINITY, { $number: '-Infinity' }],
    [undefined, { $undefined: true }],
    [new Map([[1n, 'a']]), { $map: [[{ $bigint: '1' }, 'a']] }],
    [new Set(['a']), { $set: ['a'] }],
    [
      { a: [1n], 'b"': undefined },
      { a: [{ $bigint: '1' }], 'b"': { $undefined: true } },
    ],
    [{ $bigint: '1' }, { $object: [['$bigint', '1']] }],
    [[undefined], [{ $undefined: true }]],
  ];
  for (const [value, json] of rows) expect(JSON.parse(jsonText(value))).toEqual(json);
});
