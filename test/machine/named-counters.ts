/** Counters by name: a machine for tests that are about something else. */
import { machine, map } from '../../src/index.ts';

export const counters = machine({
  state: { values: map<string, number>() },
  commands: {
    inc({ values }, key: string) {
      const next = (values.get(key) ?? 0) + 1;
      values.set(key, next);
      return next;
    },
    refuse(): never {
      throw Object.assign(new Error('never'), { code: 'my-code' });
    },
  },
  queries: { get: ({ values }, key: string) => values.get(key) ?? 0 },
});
