import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatIp, parseIp } from './ip.ts';

describe('addresses', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['::', '::'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['fe80:0:0:1:0:0:0:1', 'fe80:0:0:1::1'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    // Sixteen bytes of an IPv4 address look like another address to memberlist.
    ['::ffff:10.1.2.3', '10.1.2.3'],
  ])('%s is %s', (text, canonical) => {
    expect(formatIp(parseIp(text)!)).toBe(canonical);
  });

  it.each([
    '',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    'a.b.c.d',
    '1::2::3',
    ':1',
    '1:2',
    'host',
    '12345::',
  ])('%j is none', (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  it('come back from text', () => {
    const size = fc.constantFrom(4, 16);
    const bytes = size.chain((length) =>
      fc.uint8Array({ minLength: length, maxLength: length, max: 3 }),
    );
    fc.assert(
      fc.property(bytes, (raw) => {
        expect(parseIp(formatIp(raw))).toEqual(raw);
      }),
    );
  });
});
