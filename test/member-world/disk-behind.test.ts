/**
 * A member whose disk is behind: the others are a quorum without it, so that the commit index runs
 * ahead of what it has on disk. Whatever it makes meanwhile, snapshots, flushes of a store, a shorter
 * log, must stand for nothing that its log would not hold after a loss of power; and the power goes
 * between each two things that it does.
 */
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import type { GroupLog } from '../../src/engine/log/group-log.ts';
import type { Replica } from '../../src/engine/replica.ts';
import { healthyDisk } from '../../src/sim/disk-faults.ts';
import { KeptRegisters, Shelf } from './kept-registers.ts';
import { MemberWorld } from './member-world.ts';
import { seedsOr } from './run.ts';

const victim = 'c';
const others = ['a', 'b'];
const group = 1;
const losses = 8;

/** How a member stands on its disk. */
interface Stand {
  /** Its log is needed no more up to here. */
  readonly base: number;
  /** What a snapshot or a store holds, the furthest. */
  readonly state: number;
}

type Kind = 'in memory' | 'kept in a store';

function worldOf(kind: Kind, seed: number, keptEntries: number) {
  const shelves = new Map<string, Shelf>();
  const shelf = (name: string): Shelf => {
    const known = shelves.get(name) ?? new Shelf();
    shelves.set(name, known);
    return known;
  };
  const world = new MemberWorld({
    seed,
    thinkMs: 20,
    engine: (name) => ({
      keptEntries: name === victim ? 0 : keptEntries,
      snapshotAfterBytes: 2048,
    }),
    ...(kind === 'in memory'
      ? {}
      : { machine: (name, ports, observe) => new KeptRegisters(shelf(name), ports, observe) }),
  });
  const { volume } = world.node(victim);
  const snapshots = (): number[] =>
    volume.files().flatMap((path) => {
      const [, index] = /^snapshots\/1-(\d+)$/.exec(path) ?? [];
      return index === undefined ? [] : [Number(index)];
    });
  const stand = (engine: Engine): Stand => ({
    base: engine.log.group(group)!.base.index,
    state: Math.max(0, shelf(victim).saved?.mark.position.index ?? 0, ...snapshots()),
  });
  return { world, volume, stand };
}

/**
 * Cuts the power of the victim again and again. `found` looks at its log when nobody can have given
 * it anything yet, `back` at what it has when it takes part.
 */
async function cutPower(
  { world, volume, stand }: ReturnType<typeof worldOf>,
  aim: 'quorum ahead' | 'snapshot ahead',
  found: (log: GroupLog, before: Stand) => void,
  back: (replica: Replica, log: GroupLog) => void,
): Promise<{ ahead: number; moved: number }> {
  await world.allRunning();
  await world.until(() => world.leader() !== undefined, 60_000);
  const counts = { ahead: 0, moved: 0 };
  for (let loss = 0; loss < losses; loss++) {
    volume.faults = { ...healthyDisk, syncMs: [5, 60] };
    const { engine } = world.running(victim)!;
    let before = stand(engine);
    const atStart = before;
    const isAhead = (): boolean => {
      const log = engine.log.group(group)!;
      return engine.replica(group)!.raft.core.log.committed > log.durableIndex();
    };
    if (aim === 'quorum ahead') {
      await world.pass(500);
      await world.until(isAhead, 60_000);
    } else {
      world.world.network.partition([victim], others);
      await world.pass(400);
      world.world.network.heal();
      await world.until(() => stand(engine).state > engine.log.group(group)!.lastIndex(), 60_000);
    }
    // A few calls of a port later each time.
    world.node(victim).crashAtCall(1 + (aim === 'quorum ahead' ? 7 : 3) * loss);
    await world.until(() => {
      if (!world.node(victim).running) return true;
      if (isAhead()) counts.ahead++;
      const now = stand(engine);
      before = now;
      return false;
    }, 60_000);
    if (before.base > atStart.base && before.state > atStart.state) counts.moved++;
    world.world.network.partition([victim], others);
    volume.faults = healthyDisk;
    world.restart(victim);
    const { starts } = world.node(victim);
    const opened = (): Engine | undefined => {
      const life = world.life(victim);
      return life?.number === starts ? life.engine : undefined;
    };
    await world.until(() => opened() !== undefined, 60_000);
    found(opened()!.log.group(group)!, before);
    world.world.network.heal();
    await world.until(() => world.running(victim) !== undefined, 60_000);
    const again = world.running(victim)!.engine;
    back(again.replica(group)!, again.log.group(group)!);
    await world.until(() => world.leader() !== undefined, 60_000);
  }
  await world.finish();
  return counts;
}

const cases = (['in memory', 'kept in a store'] as const).flatMap((kind) =>
  seedsOr([921]).map((seed) => [kind, seed] as const),
);

describe('a member whose disk is behind the commit index', () => {
  // The others keep all entries, so that nobody sends it a snapshot: all that it has is its own.
  it.each(cases)('has a log as long as what rests on it, %s, seed %i', async (kind, seed) => {
    const found = (log: GroupLog, before: Stand): void => {
      expect(log.lastIndex()).toBeGreaterThanOrEqual(Math.max(before.base, before.state));
      expect(log.base.index).toBeLessThanOrEqual(Math.max(1, before.state));
    };
    const counts = await cutPower(worldOf(kind, seed, 100_000), 'quorum ahead', found, () => {});
    expect(counts.ahead).toBeGreaterThan(losses);
    expect(counts.moved).toBeGreaterThan(3);
  });

  // Here it is sent snapshots, which hold more than its log does: then that begins behind them.
  it.each(cases)('begins its log behind what it was sent, %s, seed %i', async (kind, seed) => {
    let longer = 0;
    let state = 0;
    const found = (log: GroupLog, before: Stand): void => {
      state = before.state;
      if (log.lastIndex() < state) longer++;
    };
    const back = (replica: Replica, log: GroupLog): void => {
      const { core } = replica.raft;
      expect(replica.appliedIndex).toBeGreaterThanOrEqual(log.base.index);
      expect(core.log.lastIndex()).toBeGreaterThanOrEqual(replica.appliedIndex);
      expect(core.term).toBeGreaterThanOrEqual(core.log.last().term);
    };
    await cutPower(worldOf(kind, seed, 0), 'snapshot ahead', found, back);
    expect(longer).toBeGreaterThan(0);
  });
});
