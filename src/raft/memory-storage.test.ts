import { describe, expect, test } from 'vitest';
import { emptyConfiguration } from './configuration.ts';
import { ENTRY_OVERHEAD_BYTES, type Entry } from './entry.ts';
import { MemoryStorage } from './memory-storage.ts';

function entriesOf(terms: readonly number[], first = 1): Entry[] {
  const data = new Uint8Array(4);
  return terms.map((term, i) => ({ type: 'normal', term, index: first + i, data }));
}

function storageOf(terms: readonly number[]): MemoryStorage {
  const storage = new MemoryStorage();
  storage.append(entriesOf(terms));
  return storage;
}

const one = ENTRY_OVERHEAD_BYTES + 4;

describe('a log in memory', () => {
  test('a new one is empty', () => {
    const storage = new MemoryStorage();
    expect(storage.initialState()).toEqual({
      hardState: { term: 0, vote: 0, commit: 0 },
      configuration: emptyConfiguration,
    });
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(0)]).toEqual([1, 0, 0]);
    expect(storage.snapshot()).toBeUndefined();
  });

  test('appending replaces from the first new index on', () => {
    const storage = storageOf([1, 1, 1]);
    storage.append(entriesOf([2], 2));
    expect(storage.lastIndex()).toBe(2);
    expect([1, 2].map((index) => storage.term(index))).toEqual([1, 2]);
    expect(() => storage.append(entriesOf([2], 4))).toThrow(/gap/);
  });

  test.each([
    [0, 1],
    [one, 1],
    [2 * one - 1, 1],
    [2 * one, 2],
    [99 * one, 3],
  ])('of entries [1, 4) within %i bytes it gives %i', (bytesMax, count) => {
    expect(storageOf([1, 1, 1]).entries(1, 4, bytesMax)).toHaveLength(count);
  });

  test('compaction forgets entries but keeps the term before the first', () => {
    const storage = storageOf([1, 2, 3]);
    const made = storage.createSnapshot(2, emptyConfiguration, new Uint8Array());
    storage.compact(2);
    expect(made).toMatchObject({ index: 2, term: 2 });
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(2)]).toEqual([3, 3, 2]);
    expect(() => storage.entries(2, 3, 1e9)).toThrow(/not stored/);
    expect(() => storage.append(entriesOf([2], 2))).toThrow(/compacted/);
  });

  test('a snapshot from outside replaces log and configuration', () => {
    const storage = storageOf([1, 2, 3]);
    const configuration = { ...emptyConfiguration, voters: [4, 5] };
    storage.install({ index: 9, term: 7, configuration, data: new Uint8Array() });
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(9)]).toEqual([10, 9, 7]);
    expect(storage.initialState().configuration).toEqual(configuration);
    storage.append(entriesOf([7], 10));
    expect(storage.lastIndex()).toBe(10);
  });
});
