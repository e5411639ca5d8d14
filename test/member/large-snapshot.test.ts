/** A snapshot of a large state is taken a piece a turn: commands go on to be applied all the while. */
import { expect, test } from 'vitest';
import { type Machine, type MachineRestore, testCluster } from '../../src/index.ts';
import { silentLogger } from '../../src/ports/logger.ts';
import { until } from '../processes/waiting.ts';
import { bytes } from './journal.ts';

const chunks = 200;
const chunkBytes = 64 * 2 ** 10;

/** Counts turns of the event loop. */
class Turns {
  count = 0;
  #stopped = false;

  constructor() {
    this.#next();
  }

  stop(): void {
    this.#stopped = true;
  }

  #next(): void {
    this.count++;
    if (!this.#stopped) setImmediate(() => this.#next());
  }
}

/** Has a large state, and notes when each piece of it is taken. */
class Large implements Machine {
  readonly #turns: Turns;
  applied = 0;
  /** The turn in which each piece of the first snapshot was taken, and what was applied by then. */
  readonly taken: { readonly turn: number; readonly applied: number }[] = [];

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  apply() {
    return { ok: true, value: ++this.applied } as const;
  }

  *snapshot(): Generator<Uint8Array, void> {
    const isFirst = this.taken.length === 0;
    for (let chunk = 0; chunk < chunks; chunk++) {
      if (isFirst) this.taken.push({ turn: this.#turns.count, applied: this.applied });
      yield new Uint8Array(chunkBytes).fill(chunk);
    }
  }

  restore(): MachineRestore {
    return { chunk: () => {}, finish: () => {} };
  }
}

test('one piece of a snapshot a turn, and commands are applied between them', async () => {
  const turns = new Turns();
  const cluster = await testCluster({
    members: 1,
    options: { logger: silentLogger, settings: { snapshotAfterBytes: 100_000 } },
  });
  try {
    const machine = new Large(turns);
    const group = await cluster.members[0]!.group('large', machine);
    await until('the whole snapshot to be taken', async () => {
      await Promise.all(Array.from({ length: 10 }, () => group.propose(bytes('x'.repeat(1000)))));
      return machine.taken.length === chunks;
    });
    const { taken } = machine;
    expect(new Set(taken.map(({ turn }) => turn)).size).toBe(chunks);
    expect(taken.at(-1)!.applied).toBeGreaterThan(taken[0]!.applied);
  } finally {
    turns.stop();
    await cluster.close();
  }
});
