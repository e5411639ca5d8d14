/**
 * The log of one member is cut or a bit of it flips while it is down. It recovers, or refuses to
 * start and names the file; it never serves wrong data, and the others do not notice. The log's own
 * tests do it at every byte; here it is some bytes of many, with the whole member around them.
 */
import { describe, expect, it } from 'vitest';
import { QuorateError } from '../../src/base/errors.ts';
import { openMemberOn } from '../../src/member/open-member.ts';
import type { SimVolume } from '../../src/sim/sim-volume.ts';
import { MemberWorld } from './member-world.ts';

const victim = 'c';
const refusals = ['log-damaged', 'vote-damaged', 'identity-damaged', 'snapshot-damaged'];
/** What the last two batches take at most, with what is between them. */
const lastBatchesBytes = 400;
/** The seal's twin stands in the last block of a segment. */
const blockBytes = 64;

/** A world in which there is something to damage. */
async function worldOf(seed: number): Promise<MemberWorld> {
  const world = new MemberWorld({ seed, thinkMs: 20 });
  await world.allRunning();
  await world.until(() => world.history.count('done') > 60, 60_000);
  return world;
}

/**
 * Damages member c while it is down, and starts it: whether it takes part. If it refused, it is
 * healed; it never goes back behind what it has acknowledged since.
 */
async function survives(world: MemberWorld, damage: (volume: SimVolume) => void): Promise<boolean> {
  world.crash(victim);
  const { volume } = world.node(victim);
  const backup = volume.backup();
  damage(volume);
  if (await takesPart(world)) return true;
  world.crash(victim, 'kept');
  volume.restore(backup);
  expect(await takesPart(world)).toBe(true);
  return false;
}

/** The newest segment in use. */
function newestSegment(volume: SimVolume): string {
  return volume
    .files()
    .filter((name) => /log\/.*\.log$/.test(name))
    .findLast((name) => endOf(volume.content(name)) > 4096)!;
}

/** Where the bytes of a segment end, but for the seal's twin. */
function endOf(content: Uint8Array): number {
  let end = content.length - blockBytes;
  while (end > 0 && content[end - 1] === 0) end--;
  return end;
}

/** Starts the damaged member: whether it takes part. It must do so, or refuse by name. */
async function takesPart(world: MemberWorld): Promise<boolean> {
  world.clientsActive = true;
  world.restart(victim);
  const life = () => {
    const known = world.life(victim);
    return known?.number === world.node(victim).starts ? known : undefined;
  };
  await world.until(
    () => world.running(victim) !== undefined || life()?.ended !== undefined,
    60_000,
  );
  const ended = life()?.ended;
  if (ended === undefined) {
    await world.finish();
    return true;
  }
  // A last batch that no seal vouched for yet is cut as torn; the leader's commit index shows it.
  const missed = /was the log lost/.test(ended?.message ?? '');
  if (!missed) expect(refusals).toContain(ended?.code);
  const done = world.history.count('done');
  await world.until(() => world.history.count('done') > done + 5, 60_000);
  return false;
}

describe('a member whose log is damaged while it is down', () => {
  it('cut within its last two batches: recovers, or refuses by name', async () => {
    const world = await worldOf(301);
    let refused = 0;
    for (let back = 1; back <= lastBatchesBytes; back += 37) {
      const recovered = await survives(world, (volume) => {
        const path = newestSegment(volume);
        volume.cut(path, endOf(volume.content(path)) - back);
      });
      if (!recovered) refused++;
    }
    expect(refused).toBeGreaterThan(3);
  });

  it('is not repaired from its peers yet, and says so', async () => {
    const world = new MemberWorld({ seed: 303 });
    await world.allRunning();
    let refused: unknown;
    world.world.node('d').run((ports) => {
      const options = { name: 'd', dataDir: '', repair: true };
      openMemberOn(ports, options).catch((error: unknown) => {
        refused = error;
      });
    });
    await world.until(() => refused !== undefined, 1000);
    expect(refused).toBeInstanceOf(QuorateError);
    expect((refused as QuorateError).code).toBe('invalid-config');
  });
});
