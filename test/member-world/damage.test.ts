/**
 * The log of one member is cut or a bit of it flips while it is down. It recovers, or refuses to
 * start and names the file; it never serves wrong data, and the others do not notice. Told to repair
 * it, it takes part again.
 */
import { describe, expect, it } from 'vitest';
import type { SimVolume } from '../../src/sim/sim-volume.ts';
import { MemberWorld } from './member-world.ts';
import { trusted } from './repairs.ts';

const victim = 'c';
const refusals = ['log-damaged', 'vote-damaged', 'identity-damaged', 'snapshot-damaged'];
/** What the last two batches take at most, with what is between them. */
const lastBatchesBytes = 400;
/** The seal's twin stands in the last block of a segment. */
const blockBytes = 64;
/** Where a segment's batches begin; of its header the first bytes say something. */
const headerBytes = 4096;

/** A world in which there is something to damage, and nothing goes on. */
async function worldOf(seed: number, operations: number): Promise<MemberWorld> {
  const world = new MemberWorld({ seed, thinkMs: 20 });
  await world.allRunning();
  await world.until(() => world.history.count('done') > operations, 60_000);
  await world.finish();
  // All is vouched for once it is idle.
  await world.pass(200);
  return world;
}

/** The newest segment in use. */
function newestSegment(volume: SimVolume): string {
  return volume
    .files()
    .filter((name) => /log\/.*\.log$/.test(name))
    .findLast((name) => endOf(volume.content(name)) > headerBytes)!;
}

/** Where the bytes of a segment end, but for the seal's twin. */
function endOf(content: Uint8Array): number {
  let end = content.length - blockBytes;
  while (end > 0 && content[end - 1] === 0) end--;
  return end;
}

/** Starts the damaged member: whether it opens its directory. It must do so, or refuse by name. */
async function opens(world: MemberWorld): Promise<boolean> {
  world.restart(victim);
  const { starts } = world.node(victim);
  await world.until(() => {
    const life = world.life(victim);
    return life?.number === starts && (life.engine ?? life.ended) !== undefined;
  }, 60_000);
  const ended = world.life(victim)?.ended;
  if (ended === undefined) return true;
  expect(refusals).toContain(ended?.code);
  return false;
}

async function takesPart(world: MemberWorld): Promise<boolean> {
  if (!(await opens(world))) return false;
  await world.until(() => world.running(victim) !== undefined, 60_000);
  return true;
}

/** What the member has in its log, and in which term it is. */
function standing(world: MemberWorld): readonly unknown[] {
  const { log } = world.life(victim)!.engine!;
  return [0, 1].map((id) => {
    const { term, vote } = log.group(id)!.hardState;
    return { term, vote, last: log.group(id)!.last(), suspect: log.isSuspect(id) };
  });
}

/** All three go on together, with nothing lost. */
async function agree(world: MemberWorld): Promise<void> {
  world.clientsActive = true;
  const done = world.history.count('done');
  await world.until(() => world.history.count('done') > done + 5, 60_000);
  await world.until(() => trusted(world), 60_000);
  await world.finish();
  await world.pass(200);
}

/**
 * Damages member c while it is down, in one way after another, and starts it each time. One that
 * has refused was not there, so its disk may be put back as it was.
 * @returns how often it refused
 */
async function refusalsOf(
  world: MemberWorld,
  damages: Iterable<(volume: SimVolume) => void>,
): Promise<number> {
  let refused = 0;
  let tries = 0;
  const { volume } = world.node(victim);
  world.crash(victim);
  for (const damage of damages) {
    const backup = volume.backup();
    damage(volume);
    if (await takesPart(world)) {
      if (tries++ % 40 === 0) await agree(world);
      // What it has acknowledged is vouched for soon; see the log's seals.
      await world.pass(200);
      world.crash(victim);
      continue;
    }
    world.crash(victim, 'kept');
    if (refused++ % 200 === 0) {
      // Now and then it is told to repair what it has refused.
      world.options.set(victim, { repair: true });
      expect(await takesPart(world)).toBe(true);
      world.options.delete(victim);
      await agree(world);
      world.crash(victim);
    } else {
      volume.restore(backup);
    }
  }
  expect(await takesPart(world)).toBe(true);
  await agree(world);
  return refused;
}

describe('a member whose log is damaged while it is down', () => {
  it('a bit flipped in every byte of a small log: all is there, or it refuses by name', async () => {
    const world = await worldOf(302, 4);
    const { volume } = world.node(victim);
    const before = standing(world);
    for (const name of world.names) world.crash(name);
    const path = newestSegment(volume);
    const end = endOf(volume.content(path));
    const backup = volume.backup();
    let refused = 0;
    for (let at = 0; at < end; at++) {
      if (at === blockBytes) at = headerBytes;
      volume.flipBit(path, 8 * at + (at % 8));
      // Alone it can tell nobody anything, so its disk may be put back whatever it does.
      if (await opens(world)) expect(standing(world), `byte ${at}`).toEqual(before);
      else refused++;
      world.crash(victim, 'kept');
      volume.restore(backup);
    }
    // What is free in the header, and what fills batches up, says nothing.
    expect(refused).toBeGreaterThan((end - headerBytes) * 0.8);
    for (const name of world.names) world.restart(name);
    await world.allRunning();
    await agree(world);
  });

  it('cut at every byte of its last two batches: refuses by name', async () => {
    const world = await worldOf(301, 60);
    function* cuts(): Generator<(volume: SimVolume) => void> {
      for (let back = 1; back <= lastBatchesBytes; back++) {
        yield (volume) => {
          const path = newestSegment(volume);
          volume.cut(path, endOf(volume.content(path)) - back);
        };
      }
    }
    expect(await refusalsOf(world, cuts())).toBe(lastBatchesBytes);
  });

  it('its end never written, from every byte of its last two batches on: refuses by name', async () => {
    const world = await worldOf(303, 60);
    let kept = 0;
    function* ends(): Generator<(volume: SimVolume) => void> {
      for (let back = 1; back <= lastBatchesBytes; back++) {
        yield (volume) => {
          const path = newestSegment(volume);
          const end = endOf(volume.content(path));
          volume.overwrite(path, end - back, new Uint8Array(back));
        };
        kept++;
      }
    }
    const refused = await refusalsOf(world, ends());
    // The last bytes are the seal's, which has a twin.
    expect(refused).toBeGreaterThan(kept - 2 * blockBytes);
  });
});
