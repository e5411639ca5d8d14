/**
 * The disk of one member fails at its Nth write or sync, or is full: that member stops by a named
 * error or refuses proposals, the others go on, and it takes part again once its disk is sound.
 */
import { describe, expect, it } from 'vitest';
import type { PlannedFailure } from '../../src/sim/disk-faults.ts';
import { MemberWorld } from './member-world.ts';

/** Which write or sync after the cluster has come up; the first ones meet each kind of file. */
const places = [0, 1, 2, 5, 20];

/** How each failure may end a member. */
const failures: readonly (readonly [PlannedFailure['operation'], PlannedFailure['code']])[] = [
  ['write', 'disk-failed'],
  ['write', 'disk-full'],
  ['write', 'short-write'],
  ['sync', 'disk-sync-failed'],
  ['sync', 'disk-full'],
];

const named = ['disk-failed', 'disk-sync-failed', 'disk-full', 'short-write'];

describe('a disk that fails once', () => {
  it.each(failures)('at the Nth %s with %s', async (operation, code) => {
    let stopped = 0;
    for (const [round, after] of places.entries()) {
      const world = new MemberWorld({ seed: 200 + round, thinkMs: 10 });
      await world.allRunning();
      await world.until(() => world.leader() !== undefined, 60_000);
      const victim = round % 2 === 0 ? world.leader()! : 'b';
      world.node(victim).volume.failNext({ operation, code, after });
      const done = world.history.count('done');
      await world.until(() => world.history.count('done') > done + 60, 120_000);
      const ended = world.life(victim)?.ended;
      if (ended !== undefined) {
        stopped++;
        expect(named).toContain(ended?.code);
        world.node(victim).volume.clearFailures();
        world.restart(victim);
      }
      await world.allRunning();
      await world.finish();
    }
    expect(stopped).toBeGreaterThan(places.length / 2);
  });

  it('on every try: the member does not start, the others do not notice', async () => {
    const world = new MemberWorld({ seed: 220 });
    await world.allRunning();
    world.crash('c');
    world.node('c').volume.failNext({ operation: 'sync', code: 'disk-sync-failed', times: 1e9 });
    world.restart('c');
    await world.until(() => world.life('c')?.ended !== undefined, 60_000);
    expect(world.life('c')?.ended?.code).toBe('disk-sync-failed');
    const done = world.history.count('done');
    await world.until(() => world.history.count('done') > done + 50, 60_000);
    world.node('c').volume.clearFailures();
    world.restart('c');
    await world.finish();
  });
});

describe('a disk that is full', () => {
  it.each(['leader', 'follower'])('of the %s: refuses by name, and recovers', async (role) => {
    const world = new MemberWorld({ seed: 230, thinkMs: 5 });
    await world.allRunning();
    await world.until(() => world.leader() !== undefined, 60_000);
    const leader = world.leader()!;
    const victim = role === 'leader' ? leader : world.names.find((name) => name !== leader)!;
    const { volume } = world.node(victim);
    volume.capacityBytes = volume.usedBytes;
    const done = world.history.count('done');
    await world.until(() => world.history.count('done') > done + 800, 240_000);
    const codes = new Set(
      world.history.operations.filter(({ node }) => node === victim).map(({ code }) => code),
    );
    const ended = world.life(victim)?.ended;
    // Either way it says so by name.
    if (ended === undefined) expect([...codes]).toContain('disk-full');
    else expect(named).toContain(ended?.code);
    volume.capacityBytes = 2 ** 24;
    world.restart(victim);
    await world.allRunning();
    // It looks for space now and then, and first of all fills its reserve.
    await world.pass(2000);
    await world.finish();
  });
});
