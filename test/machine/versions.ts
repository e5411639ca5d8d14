/** Two versions of an account book, as an application would have them one after the other. */
import { cell, machine, map } from '../../src/index.ts';

/** The first: amounts by name. */
export const bookOne = machine({
  state: { amounts: map<string, number>() },
  commands: {
    add({ amounts }, { name, by }: { name: string; by: number }) {
      amounts.set(name, (amounts.get(name) ?? 0) + by);
      return `one: ${amounts.get(name)}`;
    },
    forget: ({ amounts }, name: string) => amounts.delete(name),
  },
  queries: { amount: ({ amounts }, name: string) => amounts.get(name) },
});

/** The second: a total beside them, one more command, and another meaning of an old one. */
export const bookTwo = machine({
  version: 2,
  from: bookOne,
  migrate(before, { total }) {
    for (const amount of before.amounts.values()) total.value += amount;
  },
  changed: ['forget'],
  state: { amounts: map<string, number>(), total: cell(0) },
  commands: {
    add({ amounts, total }, { name, by }: { name: string; by: number }) {
      amounts.set(name, (amounts.get(name) ?? 0) + by);
      total.value += by;
      return `two: ${amounts.get(name)}`;
    },
    forget({ amounts, total }, { name }: { name: string; why: string }) {
      total.value -= amounts.get(name) ?? 0;
      return amounts.delete(name);
    },
    double({ amounts, total }, name: string) {
      const amount = amounts.get(name) ?? 0;
      amounts.set(name, 2 * amount);
      total.value += amount;
    },
  },
  queries: {
    amount: ({ amounts }, name: string) => amounts.get(name),
    total: ({ total }) => total.value,
  },
});

/** The second, once nobody remembers the first. */
export const bookTwoAlone = machine({
  version: 2,
  state: bookTwo.state,
  commands: { add: () => 'alone' },
  queries: { total: ({ total }) => total.value },
});
