import fc from 'fast-check';
import { expect, test } from 'vitest';
import { viewOf, xxhash32, xxhash32Of } from './xxhash32.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Published with xxHash, with python-xxhash, and with LZ4's frame format. */
test.each([
  ['', 0x02cc5d05],
  ['a', 0x550d7456],
  ['abc', 0x32d153ff],
  ['Nobody inspects the spammish repetition', 0xe2293b2f],
])('the hash of %j', (text, hash) => {
  expect(xxhash32Of(bytes(text))).toBe(hash);
});

test('takes the bytes between start and end, wherever they lie', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 80 }),
      fc.nat(9),
      fc.nat(9),
      (content, before, after) => {
        const around = new Uint8Array(before + content.length + after).fill(7);
        around.set(content, before);
        const found = xxhash32(viewOf(around), before, before + content.length);
        expect(found).toBe(xxhash32Of(content));
      },
    ),
  );
});

test('a flipped bit changes it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(), (content, at) => {
      const damaged = Uint8Array.from(content);
      damaged[(at >>> 3) % content.length]! ^= 1 << (at & 7);
      expect(xxhash32Of(damaged)).not.toBe(xxhash32Of(content));
    }),
  );
});
