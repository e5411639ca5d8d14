import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fresh } from '../../test/mvcc/actions.ts';
import { del, get, put } from '../../test/mvcc/requests.ts';
import { longRangeKeysMin } from './long-range.ts';

const nameOf = (at: number): string => `k${String(at).padStart(4, '0')}`;

test('a range in steps is the range at the moment in which it was asked for', () => {
  const model = fresh({});
  for (let at = 0; at < 500; at++) model.apply(put(nameOf(at), 'v'.repeat(at % 50)));
  const bound = fc.nat(600).map(nameOf);
  const change = fc.record({ at: fc.nat(500), deletes: fc.boolean() });
  fc.assert(
    fc.property(
      fc.record({
        from: bound,
        to: fc.option(bound),
        limit: fc.constantFrom(0, 0, 1, 100, 1000),
        back: fc.nat(60),
        keys: fc.integer({ min: 1, max: 200 }),
      }),
      fc.array(change, { maxLength: 20 }),
      ({ from, to, limit, back, keys }, changes) => {
        const revision = back === 0 ? 0 : model.revision - back;
        const request = get(from, { end: to ?? '\0', limit, revision });
        const expected = model.range(request);
        expect(expected.kvs.length).toBeLessThanOrEqual(500);
        const long = model.longRange(request, 0);
        if (to !== null && from >= to) {
          expect(long).toBeUndefined();
          return;
        }
        for (const { at, deletes } of changes) {
          model.apply(deletes ? del(nameOf(at)) : put(nameOf(at), 'later'));
        }
        while (long!.step(keys));
        expect(long!.answer()).toEqual(expected);
        long!.close();
      },
    ),
    { numRuns: 60 },
  );
});

test('only what is long and plain is read in steps, and what is refused is refused', () => {
  const model = fresh({});
  for (let at = 0; at < 30; at++) model.apply(put(nameOf(at)));
  const all = { end: '\0' };
  expect(model.longRange(get('k', all))).toBeUndefined();
  expect(model.longRange(get('k', all), 31)).toBeUndefined();
  expect(model.longRange(get('k', { ...all, limit: 29 }), 30)).toBeUndefined();
  expect(model.longRange(get('k', { ...all, sortOrder: 'descend' }), 30)).toBeUndefined();
  expect(model.longRange(get('k', { ...all, countOnly: true }), 30)).toBeUndefined();
  expect(() => model.longRange(get('k', { ...all, revision: 99 }), 30)).toThrow('yet to come');
  const long = model.longRange(get('k', all), 30)!;
  while (long.step(7));
  expect(long.answer()).toEqual(model.range(get('k', all)));
  long.close();
  expect(longRangeKeysMin).toBeGreaterThan(1000);
});
