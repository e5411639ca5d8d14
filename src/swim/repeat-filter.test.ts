import { expect, test } from 'vitest';
import { RepeatFilter } from './repeat-filter.ts';
import { encodeAlive, encodeNack, encodeSuspect, encodeUser } from './wire/messages.ts';
import { encodeJoin, encodeQueryResponse } from './wire/serf-messages.ts';

const suspect = (incarnation: number) => encodeSuspect({ incarnation, node: 'a', from: 'b' });

test('news is known again for some seconds, and other news is not', () => {
  const filter = new RepeatFilter();
  expect(filter.heard(suspect(1), 0)).toBe(false);
  expect(filter.heard(suspect(1), 1_900)).toBe(true);
  expect(filter.heard(suspect(2), 1_900)).toBe(false);
  expect(filter.heard(suspect(1), 3_900)).toBe(true);
  expect(filter.heard(suspect(2), 6_000)).toBe(false);
  // After a silence nothing is known, however few generations have passed.
  expect(filter.heard(suspect(2), 60_000)).toBe(false);
});

test('only what is idempotent is held back', () => {
  const filter = new RepeatFilter();
  const join = encodeUser(encodeJoin({ lamportTime: 1, node: 'a' }));
  const response = encodeUser(
    encodeQueryResponse({
      lamportTime: 1,
      id: 1,
      from: 'a',
      flags: 0,
      payload: new Uint8Array(1),
    }),
  );
  const alive = encodeAlive({
    incarnation: 1,
    node: 'a',
    address: { host: '10.0.0.1', port: 1 },
    meta: new Uint8Array(0),
    versions: Uint8Array.of(1, 5, 2, 2, 5, 5),
  });
  expect([join, join, alive, alive].map((body) => filter.heard(body, 0))).toEqual([
    false,
    true,
    false,
    true,
  ]);
  for (const body of [response, encodeNack(1), new Uint8Array(0)]) {
    expect(filter.heard(body, 0)).toBe(false);
    expect(filter.heard(body, 0)).toBe(false);
  }
});

test('it stays small in a flood', () => {
  const filter = new RepeatFilter();
  for (let incarnation = 0; incarnation < 30_000; incarnation++) {
    expect(filter.heard(suspect(incarnation), 0)).toBe(false);
  }
  expect(filter.heard(suspect(29_999), 0)).toBe(true);
  expect(filter.heard(suspect(1), 0)).toBe(false);
});
