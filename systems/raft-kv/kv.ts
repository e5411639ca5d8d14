/** The replicated machine: strings by strings, and who may join. */
import { machine, orderedMap } from 'quorate';

export const kv = machine({
  state: {
    values: orderedMap<string, string>(),
    /** Endpoints of nodes that were added, by their IDs. */
    added: orderedMap<string, string>(),
  },
  commands: {
    put: ({ values }, { key, value }: { key: string; value: string }) =>
      void values.set(key, value),
    delete: ({ values }, key: string) => values.delete(key),
    add: ({ added }, { id, endpoint }: { id: string; endpoint: string }) =>
      void added.set(id, endpoint),
  },
  queries: {
    get: ({ values }, key: string) => values.get(key),
    added: ({ added }) => [...added.keys()],
  },
});
