/**
 * Power lost at all members at once: the cluster comes back by itself, with all that was
 * acknowledged.
 */
import { describe, expect, it } from 'vitest';
import { MemberWorld } from './member-world.ts';
import { seedsOr } from './run.ts';

const losses = 4;

describe('power lost at all members at once', () => {
  it.each(seedsOr([101], [102, 103]))('costs nothing acknowledged, seed %i', async (seed) => {
    const world = new MemberWorld({ seed, thinkMs: 10 });
    const random = world.world.randomFor('power');
    await world.allRunning();
    for (let loss = 0; loss < losses; loss++) {
      const before = world.history.count('done');
      await world.until(() => world.history.count('done') > before + 20, 60_000);
      await world.pass(random.below(300));
      for (const name of world.names) world.crash(name, 'lost');
      // They come back one after another, as machines do.
      for (const name of world.names) {
        world.world.after(random.below(2000), `start ${name}`, () => world.restart(name));
      }
      await world.pass(2001);
      await world.allRunning();
      await world.finish();
      world.clientsActive = true;
    }
    expect(world.history.count('done')).toBeGreaterThan(20 * losses);
  });

  it('may come at any call of a port, and again while they recover', async () => {
    const world = new MemberWorld({ seed: 111, thinkMs: 10 });
    const random = world.world.randomFor('power');
    await world.allRunning();
    for (let loss = 0; loss < 6; loss++) {
      await world.pass(100);
      for (const name of world.names) world.node(name).crashAtCall(1 + random.below(60));
      await world.until(() => world.names.every((name) => !world.node(name).running), 60_000);
      for (const name of world.names) {
        world.restart(name);
        world.node(name).crashAtCall(1 + random.below(40));
      }
      await world.until(() => world.names.every((name) => !world.node(name).running), 60_000);
      for (const name of world.names) world.restart(name);
      await world.allRunning();
      await world.until(() => world.leader() !== undefined, 60_000);
    }
    await world.finish();
  });
});
