import { describe, expect, test } from 'vitest';
import { emptyConfiguration } from './configuration.ts';
import type { Entry } from './entry.ts';
import { Unstable } from './unstable.ts';

function entriesOf(terms: readonly number[], first: number): Entry[] {
  const data = new Uint8Array();
  return terms.map((term, i) => ({ type: 'normal', term, index: first + i, data }));
}

function unstable(terms: readonly number[], first = 5): Unstable {
  const made = new Unstable(first);
  if (terms.length > 0) made.append(entriesOf(terms, first));
  return made;
}

const snapshot = { index: 9, term: 3, configuration: emptyConfiguration, data: new Uint8Array() };

describe('the unstable end of the log', () => {
  test('each entry is handed out once', () => {
    const made = unstable([1, 1]);
    expect(made.unwritten()).toHaveLength(2);
    made.markWritten();
    expect(made.unwritten()).toEqual([]);
    made.append(entriesOf([1], 7));
    expect(made.unwritten().map(({ index }) => index)).toEqual([7]);
  });

  // What is held is (5, 1) (6, 1) (7, 2).
  test.each([
    ['the end', { index: 7, term: 2 }, 8],
    ['the middle', { index: 6, term: 1 }, 7],
    ['another term there', { index: 6, term: 9 }, 5],
    ['what is stable already', { index: 4, term: 1 }, 5],
    ['what is not held', { index: 8, term: 2 }, 5],
  ])('stable up to %s', (_, position, offset) => {
    const made = unstable([1, 1, 2]);
    made.markWritten();
    made.markStable(position);
    expect(made).toMatchObject({ offset, end: 8, empty: offset === 8 });
  });

  test('a conflict cuts what follows, and what replaces it is handed out', () => {
    const made = unstable([1, 1, 1]);
    made.markWritten();
    made.append(entriesOf([2], 6));
    expect(made.lastIndex()).toBe(6);
    expect(made.unwritten().map(({ index, term }) => [index, term])).toEqual([[6, 2]]);
  });

  test('one that reaches into the stable part moves the boundary back', () => {
    const made = unstable([]);
    made.append(entriesOf([2], 3));
    expect(made).toMatchObject({ offset: 3, end: 4, hasUnwritten: true });
  });

  test('a gap is refused', () => {
    expect(() => unstable([1]).append(entriesOf([1], 7))).toThrow(/gap/);
  });

  test('a snapshot takes the place of all, is handed out once, and goes when it is stable', () => {
    const made = unstable([1, 1]);
    made.restore(snapshot);
    expect(made).toMatchObject({ offset: 10, empty: true });
    expect([made.lastIndex(), made.term(9), made.term(6)]).toEqual([9, 3, undefined]);
    expect(made.unwrittenSnapshot()).toBe(snapshot);
    made.markWritten();
    expect(made.unwrittenSnapshot()).toBeUndefined();
    made.markSnapshotStable(8);
    expect(made.snapshot).toBe(snapshot);
    made.markSnapshotStable(9);
    expect(made.snapshot).toBeUndefined();
  });

  test('a newer snapshot is handed out though the older one was', () => {
    const made = unstable([]);
    made.restore(snapshot);
    made.markWritten();
    made.restore({ ...snapshot, index: 20 });
    made.markSnapshotStable(9);
    expect(made.unwrittenSnapshot()?.index).toBe(20);
  });

  test('entries behind a snapshot are held with it', () => {
    const made = unstable([]);
    made.restore(snapshot);
    made.append(entriesOf([3, 4], 10));
    expect([made.lastIndex(), made.term(10), made.term(9)]).toEqual([11, 3, 3]);
  });
});
