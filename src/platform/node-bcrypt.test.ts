import { expect, test } from 'vitest';
import { bcryptCost } from '../ports/bcrypt.ts';
import { NodeBcrypt } from './node-bcrypt.ts';

/** Of `secret`. */
const known = '$2a$10$9YAvf.OndtM6XQ4uqNTlNOLwoECeaRh8cKhUlirpI8tyHBnW4yOd2';

const bcrypt = new NodeBcrypt();
const matches = (password: string, hash: string): Promise<unknown> =>
  new Promise((resolve) => bcrypt.matches(password, hash, resolve));

test('tells the password of a hash from others, several asked at once', async () => {
  const asked = ['secret', 'Secret', '', 'secret'].map((password) => matches(password, known));
  expect(await Promise.all(asked)).toEqual([true, false, false, true]);
});

test('the cost of a hash is read, and nothing else passes for one', () => {
  const cost = (text: string): number | undefined => bcryptCost(new TextEncoder().encode(text));
  expect(cost(known)).toBe(10);
  expect(cost(known.replace('$10$', '$31$'))).toBe(31);
  for (const other of ['', '$2a$', known.slice(1), known.replace('$2a', '$2x'), `${known} `]) {
    expect(cost(other)).toBeUndefined();
  }
});
