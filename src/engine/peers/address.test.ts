import { expect, test } from 'vitest';
import { certifies, parseAddress } from './address.ts';

test.each([
  ['localhost:7400', 'localhost', 7400],
  ['10.0.0.1:1', '10.0.0.1', 1],
  ['a-b.example.org:65535', 'a-b.example.org', 65_535],
  ['[::1]:7400', '::1', 7400],
  ['[fe80::1%eth0]:7', 'fe80::1%eth0', 7],
])('%s is an address', (text, host, port) => {
  expect(parseAddress(text)).toEqual({ host, port });
});

test.each([
  '',
  'a',
  'a:',
  ':1',
  'a:65536',
  '::1:7',
  '[::1]',
  '[]:1',
  'http://a:1',
  'a b:1',
  'a:1x',
])('%j is none', (text) => {
  expect(() => parseAddress(text)).toThrow(/is no address/);
});

test.each<[string, string[], boolean]>([
  ['its name', ['a'], true],
  ['its name in capitals', ['A'], true],
  ['its host', ['x', 'host.example.org'], true],
  ['a wildcard for its host', ['*.example.org'], true],
  ['a wildcard for more than a label', ['*.org'], false],
  ['a wildcard for everything', ['*'], false],
  ['a part of its host', ['example.org'], false],
  ['nothing', [], false],
])('a certificate with %s', (_what, names, expected) => {
  expect(certifies(names, { name: 'a', address: 'host.example.org:7400' })).toBe(expected);
});

test('IPv6 addresses are compared by what they mean', () => {
  const member = { name: 'a', address: '[2001:db8::0:1]:7400' };
  expect(certifies(['2001:DB8:0:0:0:0:0:1'], member)).toBe(true);
  expect(certifies(['2001:DB8:0:0:0:0:0:2'], member)).toBe(false);
  expect(certifies(['0:0:0:0:0:0:0:1'], { name: 'a', address: '[::1]:7400' })).toBe(true);
});
