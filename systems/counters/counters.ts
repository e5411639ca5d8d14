/** The replicated machine: 64-bit integers by 64-bit integer keys, in the ordered store on disk. */
import { machine, orderedMap, Refusal } from 'quorate';

export const smallest = -(2n ** 63n);
export const largest = 2n ** 63n - 1n;

export interface Pair {
  readonly key: bigint;
  readonly value: bigint;
}

export const counters = machine({
  state: { values: orderedMap<bigint, bigint>({ on: 'disk' }) },
  commands: {
    put({ values }, { key, value }: Pair) {
      values.set(key, value);
      return value;
    },
    inc({ values }, { key, value }: Pair) {
      const sum = (values.get(key) ?? 0n) + value;
      if (sum < smallest || sum > largest) throw new Refusal('overflow', 'more than 64 bits');
      values.set(key, sum);
      return sum;
    },
    delete: ({ values }, key: bigint) => values.delete(key),
  },
  queries: {
    get: ({ values }, key: bigint) => values.get(key),
  },
});
