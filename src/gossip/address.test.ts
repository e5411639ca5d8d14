import { expect, test } from 'vitest';
import { formatAddress, isLoopback, isWildcard, parseAddress } from './address.ts';

const defaults = { host: '127.0.0.1', port: 7946 };

test.each([
  ['', '127.0.0.1', 7946],
  [':80', '127.0.0.1', 80],
  ['10.0.0.1', '10.0.0.1', 7946],
  ['db-1.example:0', 'db-1.example', 0],
  ['::1', '::1', 7946],
  ['[fe80::1]:9', 'fe80::1', 9],
  ['[::]', '::', 7946],
])('%j is %s port %i', (text, host, port) => {
  expect(parseAddress(text, defaults, 'bind')).toEqual({ host, port });
});

test.each(['host:65536', 'host:x', '[host]:1', '[::1', 'a b', '1:2:3:'])(
  '%j is refused',
  (text) => {
    expect(() => parseAddress(text, defaults, 'bind')).toThrow(
      expect.objectContaining({ code: 'invalid-config' }),
    );
  },
);

test('what others can reach', () => {
  expect(['127.9.9.9', '::1', 'localhost'].every(isLoopback)).toBe(true);
  expect(['10.0.0.1', '::2', '0.0.0.0', 'example.org'].some(isLoopback)).toBe(false);
  expect(['0.0.0.0', '::'].every(isWildcard)).toBe(true);
  expect(['127.0.0.1', '::1', 'host'].some(isWildcard)).toBe(false);
  expect(formatAddress({ host: '::1', port: 1 })).toBe('[::1]:1');
});
