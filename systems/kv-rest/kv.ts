/** The replicated machine: strings by strings. */
import { machine, map } from 'quorate';

export const kv = machine({
  state: { values: map<string, string>() },
  commands: {
    put({ values }, { key, value }: { key: string; value: string }) {
      values.set(key, value);
    },
  },
  queries: { get: ({ values }, key: string) => values.get(key) },
});
