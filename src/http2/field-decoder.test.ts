import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { QuorateError } from '../base/errors.ts';
import { FieldDecoder } from './field-decoder.ts';
import { encodeFields } from './field-encoder.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const shown = (decoder: FieldDecoder, hex: string): string =>
  decoder
    .decode(bytes(hex))
    .fields.map(({ name, value }) => `${name}=${value}`)
    .join('|');

describe('the examples of RFC 7541', () => {
  const first = ':method=GET|:scheme=http|:path=/|:authority=www.example.com';
  const second = `${first}|cache-control=no-cache`;
  const third =
    ':method=GET|:scheme=https|:path=/index.html|:authority=www.example.com|custom-key=custom-value';

  test('C.3: requests without the Huffman code', () => {
    const decoder = new FieldDecoder(4096);
    expect(shown(decoder, '828684410f7777772e6578616d706c652e636f6d')).toBe(first);
    expect(shown(decoder, '828684be58086e6f2d6361636865')).toBe(second);
    const last = '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565';
    expect(shown(decoder, last)).toBe(third);
  });

  test('C.4: requests with it', () => {
    const decoder = new FieldDecoder(4096);
    expect(shown(decoder, '828684418cf1e3c2e5f23a6ba0ab90f4ff')).toBe(first);
    expect(shown(decoder, '828684be5886a8eb10649cbf')).toBe(second);
    expect(shown(decoder, '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf')).toBe(third);
  });
});

test('what a block means follows the table, also for bytes that were seen before', () => {
  const decoder = new FieldDecoder(4096);
  shown(decoder, '400161013140016201324001630133'); // a=1, b=2, c=3: c is the newest
  const same = decoder.decode(bytes('bebf'));
  expect(same.fields).toEqual([
    { name: 'c', value: '3' },
    { name: 'b', value: '2' },
  ]);
  expect(decoder.decode(bytes('bebf'))).toBe(same);
  shown(decoder, '4001640134');
  expect(shown(decoder, 'bebf')).toBe('d=4|c=3');
  // The table emptied: the index leads nowhere.
  shown(decoder, '20');
  expect(() => shown(decoder, 'bebf')).toThrow(QuorateError);
});

test('a short index that repeats a long field is not kept more often than the list may be long', () => {
  const decoder = new FieldDecoder(10_000);
  const long = '7f'.repeat(3000);
  shown(decoder, `400161${'7fb916'}${long}`);
  const { fields, tooMany } = decoder.decode(bytes('be'.repeat(100_000)));
  expect(tooMany).toBe(true);
  expect(fields.length).toBe(3);
});

test.each([
  ['an index of nothing', '80'],
  ['an index beyond the table', 'be'],
  ['a number without end', 'ffffffffffff'],
  ['a text that is longer than the block', '4001617f'],
  ['a larger table than may be', '3fe21f'],
  ['a size behind a field', '8220'],
  ['Huffman padding of eight bits', '400161821fff'],
  ['Huffman padding of zeros', '4001618100'],
  ['the end symbol within a text', '40016184ffffffff'],
])('%s is refused', (_what, hex) => {
  expect(() => new FieldDecoder(4096).decode(bytes(hex))).toThrow(
    expect.objectContaining({ code: 'malformed-message' }),
  );
});

test('whatever comes is read or refused, and nothing else', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 }), (blocks) => {
      const decoder = new FieldDecoder(4096);
      try {
        for (const block of blocks) decoder.decode(block);
      } catch (error) {
        expect(error).toMatchObject({ code: 'malformed-message' });
      }
    }),
    { numRuns: 2_000 },
  );
});

test('what is written is read again', () => {
  const text = fc.stringMatching(/^[!-~]{0,300}$/);
  const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
  fc.assert(
    fc.property(fc.dictionary(name, text), fc.constantFrom(200, 204, 431, 503), (given, status) => {
      const { connection: _, upgrade: __, ...headers } = given;
      const { fields } = new FieldDecoder(2 ** 20).decode(encodeFields(status, headers));
      const [head, ...rest] = fields;
      expect(head).toEqual({ name: ':status', value: String(status) });
      expect(Object.fromEntries(rest.map(({ name: key, value }) => [key, value]))).toEqual({
        ...headers,
      });
    }),
  );
});
