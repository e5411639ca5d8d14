/** Histories that are known to be good or bad, and a large one in seconds. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../base/seeded-random.ts';
import { applyTo, type Register, type RegisterInput, registerModel } from '../house/registers.ts';
import { fromJsonLines, toJsonLines } from './history.ts';
import { checkLinearizable, type Model, type Observed } from './linearizability.ts';

/** A register that answers reads with its value alone: the checker has to find the order. */
type Input = { readonly write: number } | 'read';
const register: Model<number, Input, number> = {
  initial: 0,
  step(state, input, output) {
    if (input !== 'read') return input.write;
    return output === undefined || output === state ? state : undefined;
  },
  key: (state) => String(state),
  reads: (input) => input === 'read',
};

type Row = readonly [client: number, call: number, end: number, input: Input, output?: number];

function history(rows: readonly Row[]): Observed<Input, number>[] {
  return rows.map(([client, call, end, input, output]) => {
    return { client, call, return: end, input, output };
  });
}

const never = Number.POSITIVE_INFINITY;

describe('a history that is linearizable', () => {
  it.each<[string, Row[]]>([
    ['nothing', []],
    [
      'one after the other',
      [
        [1, 1, 2, { write: 1 }, 1],
        [2, 3, 4, 'read', 1],
      ],
    ],
    [
      'a read beside a write sees the old value',
      [
        [1, 1, 4, { write: 1 }, 1],
        [2, 2, 3, 'read', 0],
      ],
    ],
    [
      'a read beside a write sees the new value',
      [
        [1, 1, 4, { write: 1 }, 1],
        [2, 2, 3, 'read', 1],
      ],
    ],
    [
      'writes beside each other, read in the other order',
      [
        [1, 1, 10, { write: 1 }, 1],
        [2, 2, 9, { write: 2 }, 2],
        [3, 3, 4, 'read', 2],
        [3, 5, 6, 'read', 1],
      ],
    ],
    [
      'a write of the value that is there already, needed later',
      [
        [1, 1, 9, { write: 0 }, 0],
        [2, 2, 8, { write: 1 }, 1],
        [3, 10, 11, 'read', 0],
      ],
    ],
    [
      'an unknown write that is seen',
      [
        [1, 1, never, { write: 1 }],
        [2, 5, 6, 'read', 1],
      ],
    ],
    [
      'an unknown write that never is',
      [
        [1, 1, never, { write: 1 }],
        [2, 5, 6, 'read', 0],
      ],
    ],
    [
      'an unknown write that is seen late',
      [
        [1, 1, never, { write: 1 }],
        [2, 5, 6, 'read', 0],
        [2, 7, 8, 'read', 1],
      ],
    ],
  ])('%s', (_, rows) => {
    expect(checkLinearizable(register, history(rows))).toEqual({ linearizable: true });
  });
});

describe('a history that is not', () => {
  it.each<[string, Row[]]>([
    ['a value that nobody wrote', [[1, 1, 2, 'read', 7]]],
    [
      'a stale read',
      [
        [1, 1, 2, { write: 1 }, 1],
        [2, 3, 4, 'read', 0],
      ],
    ],
    [
      'a lost write',
      [
        [1, 1, 2, { write: 1 }, 1],
        [1, 3, 4, { write: 2 }, 2],
        [2, 5, 6, 'read', 1],
      ],
    ],
    [
      'reads that go back',
      [
        [1, 1, 10, { write: 1 }, 1],
        [2, 2, 3, 'read', 1],
        [3, 4, 5, 'read', 0],
      ],
    ],
    [
      'two readers that see two writes in two orders',
      [
        [1, 1, 20, { write: 1 }, 1],
        [2, 2, 20, { write: 2 }, 2],
        [3, 3, 4, 'read', 1],
        [3, 5, 6, 'read', 2],
        [4, 7, 8, 'read', 1],
      ],
    ],
    [
      'an unknown write that comes and goes',
      [
        [1, 1, never, { write: 1 }],
        [2, 5, 6, 'read', 1],
        [2, 7, 8, 'read', 0],
      ],
    ],
  ])('%s', (_, rows) => {
    expect(checkLinearizable(register, history(rows)).linearizable).toBe(false);
  });

  it('is shown where it got stuck', () => {
    const rows: Row[] = [
      [1, 1, 2, { write: 1 }, 1],
      [2, 3, 4, 'read', 0],
    ];
    const verdict = checkLinearizable(register, history(rows));
    expect(verdict).toMatchObject({ stuck: { client: 2, input: 'read', output: 0 } });
    expect(verdict).toMatchObject({ before: [{ client: 1 }] });
  });
});

/** A real run of registers: each operation takes effect somewhere between its call and return. */
function largeHistory(wishes: { count: number; clients: number; keys: number; unknown: number }) {
  const { count, clients, keys, unknown } = wishes;
  const random = new SeededRandom(5);
  const registers = new Map<string, Register>();
  const observed: { -readonly [Key in keyof Answer]: Answer[Key] }[] = [];
  /** What happens when; in the end all of it is done in order. */
  const agenda = new Map<number, (() => void)[]>();
  const later = (tick: number, action: () => void): void => {
    const known = agenda.get(tick);
    if (known === undefined) agenda.set(tick, [action]);
    else known.push(action);
  };
  let now = 0;
  const begin = (client: number): void => {
    if (observed.length >= count) return;
    const key = `k${random.below(keys)}`;
    const value = observed.length + 1;
    const version = registers.get(key)?.version ?? 0;
    const kind = random.below(8);
    let input: RegisterInput = { type: 'read', key };
    if (kind >= 3) input = { type: 'write', key, value };
    if (kind === 6) input = { type: 'add', key, by: 1 + random.below(9) };
    if (kind === 7) input = { type: 'swap', key, version, value };
    const operation: (typeof observed)[number] = {
      ...{ client, call: now, return: never, input, output: undefined },
    };
    observed.push(operation);
    const lost = kind >= 3 && random.fraction() < unknown;
    const takesEffect = (): void => {
      const after = applyTo(registers.get(key) ?? { version: 0, value: 0 }, input);
      registers.set(key, after);
      if (!lost) operation.output = after;
    };
    if (lost) {
      // At once, late, or never. Its client is given up, and another one comes.
      if (random.below(3) > 0) later(now + 1 + random.below(500), takesEffect);
      later(now + 50, () => begin(client + clients));
      return;
    }
    const effectAt = now + 1 + random.below(30);
    later(effectAt, takesEffect);
    later(effectAt + 1 + random.below(30), () => {
      operation.return = now;
      later(now + 1, () => begin(client));
    });
  };
  for (let client = 0; client < clients; client++) later(random.below(60), () => begin(client));
  for (; agenda.size > 0; now++) {
    for (const action of agenda.get(now) ?? []) action();
    agenda.delete(now);
  }
  return observed;
}

type Answer = Observed<RegisterInput, Register>;

describe('ten thousand operations of fifty clients', () => {
  const usual = { count: 10_000, clients: 50, keys: 3 };
  it.each([
    ['all known', { ...usual, unknown: 0 }],
    ['one change in a hundred of unknown outcome', { ...usual, unknown: 0.016 }],
    ['the same on a single key', { ...usual, keys: 1, unknown: 0.016 }],
  ])(
    '%s: are judged in seconds',
    (_, wishes) => {
      const good = largeHistory(wishes);
      expect(good.filter((each) => each.return === never).length).toBeGreaterThanOrEqual(
        wishes.unknown > 0 ? 80 : 0,
      );
      expect(checkLinearizable(registerModel, good)).toEqual({ linearizable: true });
    },
    60_000,
  );

  it.each([
    ['a value from nowhere', { version: 9_999, value: 1 }],
    ['a stale value', { version: 1, value: 1 }],
  ])(
    '%s among them is found',
    (_, output) => {
      const good = largeHistory({ ...usual, unknown: 0.016 });
      const at = good.findIndex((each, i) => i > 5_000 && each.input.type === 'read');
      const bad = good.map((each, i) => (i === at ? { ...each, output } : each));
      const verdict = checkLinearizable(registerModel, bad);
      expect(verdict.linearizable).toBe(false);
    },
    60_000,
  );
});

/** The definition itself: is there any order at all? Each operation in turn, with no cleverness. */
function isLinearizable<State, I, O>(model: Model<State, I, O>, rows: readonly Observed<I, O>[]) {
  const search = (state: State, left: readonly Observed<I, O>[]): boolean => {
    if (left.every((each) => each.return === never)) return true;
    const firstReturn = Math.min(...left.map((each) => each.return));
    return left.some((each) => {
      if (each.call > firstReturn) return false;
      const after = model.step(state, each.input, each.output);
      return (
        after !== undefined &&
        search(
          after,
          left.filter((other) => other !== each),
        )
      );
    });
  };
  return search(model.initial, rows);
}

/** Small histories with answers that mostly are possible, and some of them unknown. */
function smallHistories<I, O>(inputs: fc.Arbitrary<I>, outputs: fc.Arbitrary<O>) {
  const operation = fc.record({
    ...{ call: fc.integer({ min: 0, max: 12 }), lasts: fc.integer({ min: 0, max: 8 }) },
    ...{ input: inputs, output: outputs, unknown: fc.integer({ min: 0, max: 2 }) },
  });
  return fc.array(operation, { maxLength: 7 }).map((rows) =>
    rows.map(({ call, lasts, input, output, unknown }, client): Observed<I, O> => {
      const known = unknown > 0;
      const end = known ? call + lasts : never;
      return { client, call, return: end, input, output: known ? output : undefined };
    }),
  );
}

describe('small histories', () => {
  const value = fc.integer({ min: 0, max: 2 });
  const runs = { numRuns: 1_000, seed: 7 };

  it('of registers without versions are judged as by trying every order', () => {
    const inputs = fc.oneof(fc.constant('read' as const), fc.record({ write: value }));
    const seen = { good: 0, bad: 0 };
    const judge = (rows: readonly Observed<Input, number>[]): void => {
      const expected = isLinearizable(register, rows);
      seen[expected ? 'good' : 'bad']++;
      expect(checkLinearizable(register, rows).linearizable).toBe(expected);
    };
    fc.assert(fc.property(smallHistories<Input, number>(inputs, value), judge), runs);
    expect(Math.min(seen.good, seen.bad)).toBeGreaterThan(50);
  });

  it('of registers with versions, and swaps and additions, too', () => {
    const key = fc.constant('k');
    const small = fc.integer({ min: 0, max: 3 });
    const inputs: fc.Arbitrary<RegisterInput> = fc.oneof(
      fc.record({ type: fc.constant('read' as const), key }),
      fc.record({ type: fc.constant('write' as const), key, value }),
      fc.record({ type: fc.constant('add' as const), key, by: fc.constant(1) }),
      fc.record({ type: fc.constant('swap' as const), key, version: small, value }),
    );
    const outputs = fc.record({ version: small, value });
    const seen = { good: 0, bad: 0 };
    const withoutHint: Model<Register, RegisterInput, Register> = { ...registerModel };
    delete (withoutHint as { distance?: unknown }).distance;
    const judge = (rows: readonly Answer[]): void => {
      const expected = isLinearizable(registerModel, rows);
      seen[expected ? 'good' : 'bad']++;
      expect(checkLinearizable(registerModel, rows).linearizable).toBe(expected);
      expect(checkLinearizable(withoutHint, rows).linearizable).toBe(expected);
    };
    fc.assert(fc.property(smallHistories(inputs, outputs), judge), runs);
    expect(Math.min(seen.good, seen.bad)).toBeGreaterThan(50);
  });

  it('of counters, where it takes several unknown outcomes to explain one answer', () => {
    const counter: Model<number, number, number> = {
      initial: 0,
      step(state, by, output) {
        const after = state + by;
        return output === undefined || output === after ? after : undefined;
      },
      key: String,
    };
    const seen = { good: 0, bad: 0 };
    const judge = (rows: readonly Observed<number, number>[]): void => {
      const expected = isLinearizable(counter, rows);
      seen[expected ? 'good' : 'bad']++;
      expect(checkLinearizable(counter, rows).linearizable).toBe(expected);
    };
    const outputs = fc.integer({ min: 0, max: 5 });
    fc.assert(fc.property(smallHistories(value, outputs), judge), runs);
    expect(Math.min(seen.good, seen.bad)).toBeGreaterThan(50);
  });
});

describe('histories as JSON lines', () => {
  it('are one object a line, and read back the same', () => {
    const rows = history([
      [1, 1, 2, { write: 1 }, 1],
      [2, 3, never, { write: 2 }],
    ]);
    const text = toJsonLines(rows);
    expect(text.split('\n')[0]).toBe(
      '{"client":1,"call":1,"return":2,"input":{"write":1},"output":1}',
    );
    expect(fromJsonLines(text)).toEqual(rows);
  });
});
