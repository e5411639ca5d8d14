/**
 * Machines that keep their state in a store of their own: processes crash between flushes and in
 * the midst of them, fall far behind and are sent snapshots; nothing is applied twice, nothing is
 * lost, and the log does not grow.
 */
import { describe, expect, it } from 'vitest';
import { Faults } from './faults.ts';
import { KeptRegisters, Shelf } from './kept-registers.ts';
import { MemberWorld } from './member-world.ts';
import { seedsOr } from './run.ts';

function keptWorld(seed: number, thinkMs: number) {
  const shelves = new Map<string, Shelf>();
  const shelf = (name: string): Shelf => {
    const known = shelves.get(name) ?? new Shelf();
    shelves.set(name, known);
    return known;
  };
  const world = new MemberWorld({
    seed,
    thinkMs,
    machine: (name, ports, observe) => new KeptRegisters(shelf(name), ports, observe),
  });
  return { world, shelf };
}

describe('machines kept in a store', () => {
  it.each(seedsOr([501], [503]))('keep their word through faults, seed %i', async (seed) => {
    const { world, shelf } = keptWorld(seed, 40);
    const faults = new Faults(world);
    await world.allRunning();
    faults.begin(900);
    await world.pass(9000);
    faults.heal();
    await world.finish();
    const all = world.names.map(shelf);
    expect(all.reduce((sum, { flushes }) => sum + flushes, 0)).toBeGreaterThan(2);
    expect(all.reduce((sum, { resumed }) => sum + resumed, 0)).toBeGreaterThan(0);
    for (const name of world.names) {
      expect(world.running(name)!.engine.replica(1)!.raft.core.log.firstIndex()).toBeGreaterThan(2);
    }
  });

  it.each(seedsOr([511], [512]))('give a file to who is far behind, seed %i', async (seed) => {
    const { world, shelf } = keptWorld(seed, 5);
    await world.allRunning();
    await world.until(() => world.history.count('done') > 10, 60_000);
    world.crash('c');
    const done = world.history.count('done');
    await world.until(() => world.history.count('done') > done + 500, 120_000);
    world.restart('c');
    await world.allRunning();
    await world.finish();
    expect(shelf('c').restored).toBeGreaterThan(0);
    // And from there on its store is its own again.
    world.crash('c');
    world.clientsActive = true;
    world.restart('c');
    await world.allRunning();
    await world.finish();
    expect(shelf('c').resumed).toBeGreaterThan(0);
  });
});
