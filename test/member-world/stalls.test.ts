/**
 * A leader whose disk or event loop stalls gives leadership away: to a member that can do its work,
 * and before its clients have waited in vain for long.
 */
import { describe, expect, it } from 'vitest';
import { healthyDisk } from '../../src/sim/disk-faults.ts';
import { MemberWorld } from './member-world.ts';

const seeds = [301, 302, 303];

async function ledWorld(seed: number): Promise<{ world: MemberWorld; leader: string }> {
  const world = new MemberWorld({ seed, thinkMs: 20 });
  await world.allRunning();
  await world.until(() => world.leader() !== undefined, 60_000);
  return { world, leader: world.leader()! };
}

describe('a leader that stalls', () => {
  it.each(seeds)('at its disk is followed by another, seed %i', async (seed) => {
    const { world, leader } = await ledWorld(seed);
    const { volume } = world.node(leader);
    // It goes on to send heartbeats all the time: nobody else would find anything wrong with it.
    volume.faults = { ...healthyDisk, stallChance: 1, stallMs: [600_000, 600_000] };
    const isFollowed = () => world.leader() !== undefined && world.leader() !== leader;
    await world.until(isFollowed, 20_000);
    expect(world.running(leader)).toBeDefined();
    const done = world.history.count('done');
    await world.until(() => world.history.count('done') > done + 30, 60_000);
    volume.faults = healthyDisk;
    world.crash(leader);
    world.restart(leader);
    await world.allRunning();
    await world.finish();
  });

  it.each(seeds)('in its event loop has handed over soon after, seed %i', async (seed) => {
    const { world, leader } = await ledWorld(seed);
    const { electionTicks, tickMs } = { electionTicks: 20, tickMs: 50 };
    const node = world.node(leader);
    node.pause();
    // Just the shortest time after which others may think of an election: mostly they do not yet.
    await world.pass(electionTicks * tickMs + 2 * tickMs);
    node.resume();
    const isFollowed = () => world.leader() !== undefined && world.leader() !== leader;
    await world.until(isFollowed, 5_000);
    await world.finish();
  });
});
