/** Counters whose state is in a store on disk, and what clients were told of them. */
import { machine } from '../../src/machine/definition.ts';
import { orderedMap } from '../../src/machine/parts.ts';
import type { TypedGroup } from '../../src/member/typed-group.ts';
import type { Subject } from '../../src/sim/run/run.ts';

const counters = machine({
  state: { values: orderedMap<number, number>({ on: 'disk' }) },
  commands: {
    inc({ values }, key: number) {
      const next = (values.get(key) ?? 0) + 1;
      values.set(key, next);
      return next;
    },
  },
  queries: {
    get: ({ values }, key: number) => values.get(key) ?? 0,
  },
});

const keyCount = 50;

/** Clients that count, and the check that nothing they were told of was lost. */
export function storedSubject(): Subject<TypedGroup<typeof counters>> {
  const told = new Map<number, number>();
  return {
    application: {
      group: 'counters',
      open: (member, options) => member.group('counters', counters, options),
      async step(group, { random }) {
        const key = random.below(keyCount);
        const value = await group.commands.inc(key);
        told.set(key, Math.max(value, told.get(key) ?? 0));
      },
    },
    // What is in a store is compared among the members; a fresh one would need a store.
    fresh: undefined,
    check({ machine: replica }) {
      for (const [key, value] of told) {
        const found = replica.ask('get', key) as number;
        if (found < value) return `counter ${key} is ${found}, and somebody was told ${value}`;
      }
      return undefined;
    },
  };
}
