/**
 * A machine stated with `machine()` in the simulator: the README's bank, whose total stays what it
 * is, and banks that are not sound and are caught, each for what is wrong with it.
 */
import { describe, expect, it } from 'vitest';
import { type MachineContext, machine, map, Refusal } from '../../src/index.ts';
import { SimulationFailure, simulate, type TypedSimulateOptions } from '../../src/sim.ts';

const names = ['Ada', 'Bob', 'Eve'];

interface Transfer {
  readonly from: string;
  readonly to: string;
  readonly amount: bigint;
}

/** `fee` is what a transfer takes away beside: nothing, in a sound bank. */
const bankWith = (fee: (context: MachineContext) => bigint) =>
  machine({
    state: { accounts: map<string, bigint>() },
    commands: {
      transfer({ accounts }, { from, to, amount }: Transfer, context) {
        accounts.set(to, (accounts.get(to) ?? 100n) + amount);
        const left = (accounts.get(from) ?? 100n) - amount - fee(context);
        if (left < 0n) throw new Refusal('insufficient-funds', `${from} lacks ${-left}`);
        accounts.set(from, left);
      },
    },
    queries: {
      total: ({ accounts }) => names.reduce((sum, name) => sum + (accounts.get(name) ?? 100n), 0n),
    },
  });

const refused = new Set<string>();

const options: TypedSimulateOptions<ReturnType<typeof bankWith>> = {
  members: 3,
  seeds: 4,
  faultyMs: 2_000,
  shrinkRunsMax: 3,
  async workload({ group, random }) {
    const [from = '', to = ''] = [random.below(3), random.below(3)].map((at) => names[at]);
    const amount = BigInt(random.below(90));
    await group.commands.transfer({ from, to, amount }).catch((error: unknown) => {
      if (error instanceof Refusal) refused.add(error.code);
      throw error;
    });
    if ((await group.queries.total()) !== 300n) throw new Error('a client saw another total');
  },
  check: ({ total }) => total() === 300n || `the total is ${total()}`,
};

async function failureOf(run: Promise<unknown>): Promise<SimulationFailure> {
  const error = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SimulationFailure);
  return error as SimulationFailure;
}

describe('a bank', () => {
  it('keeps its total through all faults, for clients and on every member', async () => {
    const { seeds, operations, faults } = await simulate(
      bankWith(() => 0n),
      options,
    );
    expect(seeds).toBe(4);
    expect(operations.done).toBeGreaterThan(50);
    expect(Object.keys(faults).length).toBeGreaterThan(1);
    expect([...refused]).toEqual(['insufficient-funds']);
  });

  it('that takes a fee fails the check, or its clients', async () => {
    const { report } = await failureOf(
      simulate(
        bankWith(() => 1n),
        options,
      ),
    );
    expect(report.rule).toBe('client-failed');
    expect(report.message).toContain('another total');
    const { workload: _, ...rest } = options;
    const workload: typeof options.workload = ({ group }) =>
      group.commands.transfer({ from: 'Ada', to: 'Bob', amount: 1n });
    const unseen = await failureOf(
      simulate(
        bankWith(() => 1n),
        { ...rest, workload },
      ),
    );
    expect(unseen.report.rule).toBe('check');
    expect(unseen.report.message).toContain('the total is 2');
  });

  it('that is not deterministic is caught at the entry where replicas part', async () => {
    let calls = 0;
    const unsound = bankWith(() => (++calls % 40 === 0 ? 1n : 0n));
    const { check: _, ...rest } = options;
    const workload: typeof options.workload = ({ group }) =>
      group.commands.transfer({ from: 'Ada', to: 'Ada', amount: 1n });
    const { report, message } = await failureOf(simulate(unsound, { ...rest, workload }));
    expect(['states-differ', 'replay-differs']).toContain(report.rule);
    expect(message).toMatch(/entry \d+/);
    expect(message).toContain('QUORATE_SEED=');
  });
});
