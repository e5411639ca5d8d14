/** The simulator as users call it: sound machines pass, others are caught, explained and repeated. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Machine, SimulationFailure, simulate } from '../../src/sim.ts';

/** Adds numbers. What it answers is `wrong` at times. */
class Adder implements Machine {
  total = 0;
  readonly #answer: (total: number) => number;

  constructor(answer: (total: number) => number = (total) => total) {
    this.#answer = answer;
  }

  apply(command: Uint8Array) {
    this.total += command[0] ?? 0;
    return { ok: true, value: this.#answer(this.total) } as const;
  }

  snapshot() {
    return [Uint8Array.from(String(this.total), (digit) => digit.charCodeAt(0))].values();
  }

  restore() {
    let text = '';
    return {
      chunk: (bytes: Uint8Array) => {
        text += String.fromCharCode(...bytes);
      },
      finish: () => {
        this.total = Number(text);
      },
    };
  }
}

const options = { members: 3, seeds: 2, faultyMs: 4_000, shrinkRunsMax: 12 } as const;

async function failureOf(run: Promise<unknown>): Promise<SimulationFailure> {
  const error = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SimulationFailure);
  return error as SimulationFailure;
}

describe('simulate', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('runs a sound machine through faults, and says what was done', async () => {
    const summary = await simulate(() => new Adder(), {
      ...options,
      workload: ({ group, random }) => group.propose(Uint8Array.of(1 + random.below(9))),
      check: ({ machine }) => machine.total > 0,
    });
    expect(summary.seeds).toBe(2);
    expect(summary.operations.done).toBeGreaterThan(20);
    expect(Object.keys(summary.faults).length).toBeGreaterThan(1);
  });

  it('catches a machine whose answers rest on something else, and explains it', async () => {
    let calls = 0;
    const { report, message } = await failureOf(
      simulate(() => new Adder((total) => total + (++calls % 50 === 0 ? 1 : 0)), {
        ...options,
        workload: ({ group }) => group.propose(Uint8Array.of(1)),
      }),
    );
    expect(['states-differ', 'replay-differs']).toContain(report.rule);
    expect(message).toMatch(/entry \d+/);
    expect(message).toContain('not deterministic');
    expect(message).toContain('QUORATE_SEED=1 ');
    expect(report.html).toContain('<svg');
    expect(report.html).not.toContain('<script');
  });

  it('catches real randomness by its trap', async () => {
    const { message } = await failureOf(
      simulate(() => new Adder((total) => total + Math.random()), {
        ...options,
        workload: ({ group }) => group.propose(Uint8Array.of(1)),
      }),
    );
    expect(message).toContain('Math.random');
  });

  it('fails a check with the seed that repeats it, the same each time', async () => {
    const seeds: string[] = [];
    const run = () =>
      failureOf(
        simulate(() => new Adder(), {
          ...options,
          workload: ({ group }) => group.propose(Uint8Array.of(1)),
          check: ({ machine }) => machine.total < 5 || `${machine.total} is too much`,
        }),
      );
    for (let time = 0; time < 2; time++) {
      const { report } = await run();
      expect(report.rule).toBe('check');
      // Made short: it takes no fault at all to count to five.
      expect(report.plan.faults).toEqual([]);
      seeds.push(report.text);
    }
    expect(seeds[0]).toBe(seeds[1]);
  });

  it('repeats a failure by the environment that its command sets, wherever the seeds begin', async () => {
    const from = (seed: number) =>
      failureOf(
        simulate(() => new Adder(), {
          ...{ ...options, members: 3, seeds: 1, seed, faults: ['pause', 'crash'] },
          workload: ({ group, random }) => group.propose(Uint8Array.of(random.below(9))),
          check: ({ machine }) => machine.total < 5 || `${machine.total} is too much`,
        }),
      );
    const first = await from(7);
    const [, value = ''] = /^Repeat it with: QUORATE_SEED=(\d+) /m.exec(first.message) ?? [];
    expect(value).toBe('7');
    vi.stubEnv('QUORATE_SEED', value);
    const again = await from(100);
    expect(again.message).toBe(first.message);
  });
});
