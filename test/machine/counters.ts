/** The machines that tests of typed machines use. */
import * as v from 'valibot';
import { cell, list, machine, map, orderedMap, Refusal, set } from '../../src/index.ts';

/** The example of the README. */
export const counters = machine({
  state: { values: map<bigint, bigint>() },
  commands: {
    inc({ values }, { key, by }: { key: bigint; by: bigint }) {
      const next = (values.get(key) ?? 0n) + by;
      values.set(key, next);
      return next;
    },
  },
  queries: {
    get: ({ values }, key: bigint) => values.get(key),
  },
});

/** One of everything. */
export const everything = machine({
  state: {
    byName: map<string, { readonly tags: readonly string[]; readonly since: Date }>(),
    byTime: orderedMap<readonly [number, string], string>(),
    names: set<string>({ entriesMax: 5 }),
    queue: list<bigint>(),
    last: cell<string | undefined>(undefined),
    count: 0,
    settings: { colours: ['red'], sizes: new Map<string, number>() },
  },
  inputs: {
    checked: v.object({
      name: v.pipe(v.string(), v.trim(), v.minLength(1)),
      age: v.optional(v.number(), 7),
    }),
  },
  commands: {
    add(state, name: string, { time, index }) {
      state.byName.set(name, { tags: [name], since: time });
      state.byTime.set([index, name], name);
      state.names.add(name);
      state.queue.push(BigInt(index));
      state.last.value = name;
      state.count += 1;
      state.settings.sizes.set(name, name.length);
      return state.count;
    },
    addAndFail(state, name: string) {
      state.byName.clear();
      state.byTime.delete([1, 'a']);
      state.names.delete('a');
      state.names.add(name);
      state.queue.shift();
      state.queue.unshift(7n, 8n);
      state.queue.pop();
      state.last.value = 'lost';
      state.count = -1;
      state.settings.sizes.clear();
      throw new Refusal('not-today', `${name} must wait`, { details: { until: 7n } });
    },
    take: ({ queue }) => queue.shift(),
    ids: (_state, count: number, context) => ({
      ids: Array.from({ length: count }, () => context.id()),
      dice: Array.from({ length: count }, () => context.random.below(6)),
    }),
    checked: (_state, { name, age }) => `${name} is ${age}`,
    grow({ settings }, colours: number) {
      for (let i = 0; i < colours; i++) settings.colours.push(`colour ${i}`);
    },
    careless({ byName }, name: string) {
      const found = byName.get(name) as { tags: string[] } | undefined;
      found?.tags.push('changed behind its back');
    },
    throwing(_state, what: unknown) {
      throw what;
    },
  },
  queries: {
    names: ({ names }) => [...names],
    queue: ({ queue }) => [...queue],
    of: ({ byName }, name: string) => byName.get(name),
    count: ({ count }) => count,
    settings: ({ settings }) => settings,
    last: ({ last }) => last.value,
    between: ({ byTime }, { from, to }: { from: number; to: number }) =>
      [...byTime.range({ from: [from], to: [to] })].map(([, name]) => name),
    sneaky: ({ names }) => names.add('sneaked in'),
  },
});
