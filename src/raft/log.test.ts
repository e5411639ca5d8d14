import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { emptyConfiguration } from './configuration.ts';
import { ENTRY_OVERHEAD_BYTES, type Entry, entriesBytes } from './entry.ts';
import { Log } from './log.ts';
import { MemoryStorage } from './memory-storage.ts';

/** A log from the terms of its entries, each with one byte of data. */
function entriesOf(terms: readonly number[], first = 1): Entry[] {
  return terms.map((term, i) => ({
    type: 'normal',
    term,
    index: first + i,
    data: new Uint8Array([term]),
  }));
}

const one = ENTRY_OVERHEAD_BYTES + 1;

/** A log of which the first `stable` entries are stored. */
function logWith(terms: readonly number[], stable: number, applyingBytesMax = 1e9): Log {
  const storage = new MemoryStorage();
  storage.append(entriesOf(terms.slice(0, stable)));
  const log = new Log(storage, applyingBytesMax);
  log.append(entriesOf(terms.slice(stable), stable + 1));
  return log;
}

function termsOf(log: Log): number[] {
  return (log.entriesFrom(log.firstIndex(), 1e9) ?? []).map(({ term }) => term);
}

describe('the log as one sequence', () => {
  test('stable and unstable parts read as one', () => {
    for (let stable = 0; stable <= 4; stable++) {
      const log = logWith([1, 1, 2, 3], stable);
      expect(termsOf(log)).toEqual([1, 1, 2, 3]);
      expect(log.last()).toEqual({ term: 3, index: 4 });
      expect([0, 1, 2, 3, 4, 5].map((index) => log.term(index))).toEqual([
        0,
        1,
        1,
        2,
        3,
        undefined,
      ]);
    }
  });

  test('slices keep to the limit across the boundary, and give at least one', () => {
    for (let stable = 0; stable <= 6; stable++) {
      const log = logWith([1, 1, 1, 1, 1, 1], stable);
      for (let limit = 0; limit <= 7; limit++) {
        const found = log.slice(2, 7, limit * one)!;
        expect(found.map(({ index }) => index)).toEqual(
          [2, 3, 4, 5, 6].slice(0, Math.max(1, limit)),
        );
      }
    }
  });

  test('what is compacted away is gone, but the term before the first is known', () => {
    const storage = new MemoryStorage();
    storage.append(entriesOf([1, 1, 2]));
    storage.compact(2);
    const log = new Log(storage, 1e9);
    expect(log.entriesFrom(2, 1e9)).toBeUndefined();
    expect([log.term(1), log.term(2), log.term(3)]).toEqual([undefined, 1, 2]);
    expect(log).toMatchObject({ committed: 2, applied: 2 });
  });
});

describe('appending behind a position (§5.3)', () => {
  test('it does what the paper says, whatever the logs', () => {
    // Two logs of leaders: terms ascend, and equal (index, term) mean an equal prefix.
    const tail = fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 5 });
    const scenario = fc.record({
      shared: tail,
      ours: tail,
      theirs: tail,
      stable: fc.nat(10),
      from: fc.nat(10),
      count: fc.nat(10),
    });
    fc.assert(
      fc.property(scenario, ({ shared, ours, theirs, stable, from, count }) => {
        let term = 1;
        const rise = (steps: number[], by: number) =>
          steps.map((step) => {
            term += step === 0 ? 0 : by;
            return term;
          });
        const prefix = rise(shared, 2);
        const start = term;
        // Odd terms on one side, even on the other: the tails never share a term.
        term = start + 1;
        const mine = [...prefix, ...rise(ours, 2)];
        term = start + 2;
        const leader = [...prefix, ...rise(theirs, 2)];
        const log = logWith(mine, Math.min(stable, mine.length));
        const previousIndex = Math.min(from, leader.length);
        const previous = { index: previousIndex, term: leader[previousIndex - 1] ?? 0 };
        const sent = entriesOf(
          leader.slice(previousIndex, previousIndex + count),
          previousIndex + 1,
        );
        const matches = previousIndex <= prefix.length;
        expect(log.appendAfter(previous, sent)).toBe(matches);
        const end = previousIndex + sent.length;
        const conflicts = matches && end > prefix.length;
        const expected = conflicts ? leader.slice(0, end) : mine;
        expect(termsOf(log)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  test('a committed entry is never replaced', () => {
    const log = logWith([1, 1, 1], 3);
    log.commitTo(2);
    expect(() => log.append(entriesOf([2], 2))).toThrow(/replace a committed/);
    log.append(entriesOf([2], 3));
    expect(termsOf(log)).toEqual([1, 1, 2]);
  });

  test('entries may not leave a gap', () => {
    expect(() => logWith([1], 1).append(entriesOf([1], 3))).toThrow(/gap/);
  });
});

describe('possible match', () => {
  test.each([
    [[1, 2, 2, 5], 4, 5, { index: 4, term: 5 }],
    [[1, 2, 2, 5], 4, 4, { index: 3, term: 2 }],
    [[1, 2, 2, 5], 3, 1, { index: 1, term: 1 }],
    [[3, 3], 2, 1, { index: 0, term: 0 }],
  ])('in %j, at most index %i and term %i', (terms, index, term, expected) => {
    expect(logWith(terms, 2).possibleMatch(index, term)).toEqual(expected);
  });
});

describe('the marks', () => {
  test('commit goes forward only, and not beyond the end', () => {
    const log = logWith([1, 1], 1);
    log.commitTo(2);
    log.commitTo(1);
    expect(log.committed).toBe(2);
    expect(() => log.commitTo(3)).toThrow(/beyond the last entry/);
  });

  test('only what is durable here is handed out, unless told otherwise', () => {
    const log = logWith([1, 1, 1], 1);
    log.commitTo(3);
    expect(log.nextCommitted(false)?.map(({ index }) => index)).toEqual([1]);
    expect(log.nextCommitted(true)?.map(({ index }) => index)).toEqual([1, 2, 3]);
  });

  test('entries being applied have a maximum, which paces what is handed out', () => {
    const log = logWith([1, 1, 1, 1], 4, 2 * one);
    log.commitTo(4);
    const first = log.nextCommitted(true)!;
    log.markApplying(first, true);
    expect(first.map(({ index }) => index)).toEqual([1, 2]);
    expect(log.nextCommitted(true)).toEqual([]);
    log.markApplied(2, entriesBytes(first));
    expect(log.nextCommitted(true)?.map(({ index }) => index)).toEqual([3, 4]);
  });

  test('applied never leaves its bounds', () => {
    const log = logWith([1, 1, 1], 3);
    log.commitTo(2);
    expect(() => log.markApplied(3, 0)).toThrow(/out of range/);
    log.markApplied(2, 0);
    expect(() => log.markApplied(1, 0)).toThrow(/out of range/);
  });

  test('a snapshot replaces everything, and is not taken back', () => {
    const log = logWith([1, 1, 1], 2);
    const snapshot = {
      index: 9,
      term: 4,
      configuration: emptyConfiguration,
      data: new Uint8Array(),
    };
    log.restore(snapshot);
    expect(log).toMatchObject({ committed: 9, installing: true });
    expect([log.firstIndex(), log.lastIndex(), log.term(9)]).toEqual([10, 9, 4]);
    expect(log.hasCommitted(true)).toBe(false);
    expect(() => log.restore({ ...snapshot, index: 9 })).toThrow(/takes back/);
  });
});
