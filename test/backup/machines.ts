/** Machines of all kinds of state, for backups. */
import { cell, list, machine, map, orderedMap, set } from '../../src/index.ts';

const shape = {
  counts: map<string, bigint>(),
  byTime: orderedMap<readonly [number, string], Date>(),
  names: set<string>(),
  queue: list<Uint8Array>(),
  total: cell(0),
  title: 'none',
};

export const ledger = machine({
  state: shape,
  commands: {
    add(state, name: string, { time }) {
      const next = (state.counts.get(name) ?? 0n) + 1n;
      state.counts.set(name, next);
      state.byTime.set([state.total.value, name], time);
      state.names.add(name);
      state.queue.push(new TextEncoder().encode(name));
      state.total.value += 1;
      state.title = name;
      return next;
    },
  },
  queries: {
    get: ({ counts }, name: string) => counts.get(name),
    total: ({ total }) => total.value,
  },
});

/** The same on disk. */
export const keptLedger = machine({
  state: { counts: map<string, bigint>({ on: 'disk' }), title: 'none' },
  commands: {
    add(state, name: string) {
      const next = (state.counts.get(name) ?? 0n) + 1n;
      state.counts.set(name, next);
      state.title = name;
      return next;
    },
  },
  queries: { get: ({ counts }, name: string) => counts.get(name), title: ({ title }) => title },
});

/** A later version of the first. */
export const laterLedger = machine({
  version: 2,
  from: ledger,
  migrate(before, { doubled }) {
    doubled.value = 2 * before.total.value;
  },
  state: { ...shape, doubled: cell(0) },
  commands: {
    add(state, name: string) {
      const next = (state.counts.get(name) ?? 0n) + 1n;
      state.counts.set(name, next);
      state.doubled.value += 2;
      return next;
    },
  },
  queries: {
    get: ({ counts }, name: string) => counts.get(name),
    doubled: ({ doubled }) => doubled.value,
  },
});

export const other = machine({
  state: { counts: list<string>() },
  commands: { push: ({ counts }, text: string) => counts.push(text) },
});
