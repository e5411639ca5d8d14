/** Histories that are known to be good or bad, and a large one in seconds. */
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../base/seeded-random.ts';
import { type RegisterInput, registerModel } from '../house/registers.ts';
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
function largeHistory(count: number, clients: number) {
  const random = new SeededRandom(5);
  const registers = new Map<string, { version: number; value: number }>();
  const free = Array.from({ length: clients }, () => 0);
  const observed: Observed<RegisterInput, { version: number; value: number }>[] = [];
  for (let moment = 1; observed.length < count; moment++) {
    const client = free.indexOf(Math.min(...free));
    if (free[client]! > moment) continue;
    const call = Math.max(free[client]!, moment - clients * random.fraction());
    const key = `k${random.below(3)}`;
    const before = registers.get(key) ?? { version: 0, value: 0 };
    const isRead = random.below(2) === 0;
    const after = isRead ? before : { version: before.version + 1, value: moment };
    registers.set(key, after);
    const input: RegisterInput = isRead
      ? { type: 'read', key }
      : { type: 'write', key, value: moment };
    const end = moment + clients * random.fraction();
    free[client] = end;
    observed.push({ client, call, return: end, input, output: after });
  }
  return observed;
}

describe('ten thousand operations of fifty clients', () => {
  it('are judged in seconds, and one wrong answer among them is found', () => {
    const good = largeHistory(10_000, 50);
    expect(checkLinearizable(registerModel, good)).toEqual({ linearizable: true });
    const at = good.findIndex(({ input }, i) => i > 300 && input.type === 'read');
    const bad = good.map((each, i) =>
      i === at ? { ...each, output: { version: 9_999, value: 1 } } : each,
    );
    expect(checkLinearizable(registerModel, bad).linearizable).toBe(false);
  }, 60_000);
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
