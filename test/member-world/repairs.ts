/**
 * Runs in which members' logs are damaged again and again, each time at one member, which repairs
 * itself from the others while these may die too.
 */
import type { SeededRandom } from '../../src/base/seeded-random.ts';
import type { SimVolume } from '../../src/sim/sim-volume.ts';
import { MemberWorld } from './member-world.ts';

const rounds = 5;

/** Damages what a member has on disk beside its identity and snapshots, in one way or several. */
function damage(volume: SimVolume, random: SeededRandom): string {
  const segments = volume.files().filter((name) => /log\/.*\.log$/.test(name));
  const segment = segments[random.below(segments.length)]!;
  const content = volume.content(segment);
  const used = content.findLastIndex((byte, at) => byte !== 0 && at < content.length - 64);
  const position = random.below(used);
  switch (random.below(7)) {
    case 0:
      volume.overwrite(
        segment,
        position,
        Uint8Array.of(content[position]! ^ (1 << random.below(8))),
      );
      return `a bit of ${segment} at ${position}`;
    case 1:
      volume.overwrite(segment, position, new Uint8Array(1 + random.below(3000)));
      return `zeros in ${segment} at ${position}`;
    case 2:
      volume.cut(segment, position);
      return `${segment} cut at ${position}`;
    case 3:
      volume.overwrite(segment, 0, new Uint8Array(content.length));
      return `${segment} gone`;
    case 4:
      volume.overwrite('vote', 0, new Uint8Array(2 ** 21));
      return 'the votes gone';
    case 5:
      volume.overwrite('vote', random.below(2) * 2 ** 20, new Uint8Array(4096));
      return 'one version of the votes gone';
    default:
      return `${damage(volume, random)}, ${damage(volume, random)}`;
  }
}

/** One run; throws with the story of the damage where it fails. */
export async function runRepairs(seed: number): Promise<void> {
  const world = new MemberWorld({ seed, thinkMs: 20 });
  const random = world.world.randomFor('damage');
  const story: string[] = [];
  try {
    await world.allRunning();
    for (let round = 0; round < rounds; round++) {
      const before = world.history.count('done');
      await world.until(() => world.history.count('done') > before + 20, 60_000);
      const victim = world.names[random.below(3)]!;
      world.crash(victim, random.below(2) === 0 ? 'lost' : 'kept');
      story.push(`${victim}: ${damage(world.node(victim).volume, random)}`);
      world.options.set(victim, { repair: true });
      // Others may die while it is being repaired.
      if (random.below(2) === 0) {
        await world.pass(random.below(1000));
        world.restart(victim);
        const other = world.names.find((name) => name !== victim)!;
        world.node(other).crashAtCall(1 + random.below(300));
        await world.pass(random.below(3000));
        world.crash(other);
        await world.pass(random.below(3000));
        world.restart(other);
      }
      if (random.below(3) === 0) {
        // It dies while it is being repaired, and goes on without being told again.
        world.restart(victim);
        world.node(victim).crashAtCall(1 + random.below(200));
        await world.pass(500);
        world.crash(victim);
      }
      world.restart(victim);
      await world.allRunning();
      await world.until(() => trusted(world), 60_000);
      await world.finish();
      world.clientsActive = true;
      // Now one of the others may go: it counts.
      const other = world.names.find((name) => name !== victim)!;
      world.crash(other);
      const done = world.history.count('done');
      await world.until(() => world.history.count('done') > done + 5, 60_000);
      world.restart(other);
      await world.allRunning();
    }
    await world.finish();
  } catch (error) {
    throw new Error(`seed ${seed}\n${story.join('\n')}\n${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Whether no replica of any member is suspect. */
export function trusted(world: MemberWorld): boolean {
  return world.names.every((name) => {
    const there = world.running(name);
    if (there === undefined) return false;
    return ![0, there.group.id].some((id) => there.engine.replica(id)!.raft.status().suspect);
  });
}

/** What was acknowledged by a and c alone is lost by c, then a goes away; b comes back. */
export async function loseTheOtherCopy(
  world: MemberWorld,
): Promise<{ a: string; b: string; c: string }> {
  await world.allRunning();
  await world.until(() => world.leader() !== undefined, 60_000);
  const a = world.leader()!;
  const [b, c] = world.names.filter((name) => name !== a) as [string, string];
  world.world.network.partition([b], [a, c]);
  const done = world.history.count('done');
  await world.until(() => world.history.count('done') > done + 30, 60_000);
  world.clientsActive = false;
  await world.pass(500);
  world.crash(c, 'kept');
  const { volume } = world.node(c);
  for (const segment of volume.files().filter((name) => /log\/.*\.log$/.test(name))) {
    volume.overwrite(segment, 0, new Uint8Array(volume.content(segment).length));
  }
  world.crash(a, 'kept');
  world.world.network.heal();
  world.options.set(c, { repair: true });
  world.restart(c);
  return { a, b, c };
}

/** Nobody leads who lacks what was lost so; and then all goes on. Throws where it does not. */
export async function runLostCopy(seed: number): Promise<void> {
  const world = new MemberWorld({ seed, thinkMs: 20 });
  const { a } = await loseTheOtherCopy(world);
  await world.pass(20_000);
  world.restart(a);
  await world.allRunning();
  await world.finish();
}

/** Printable bytes in a row that are taken for a command. */
const commandBytes = 10;

/**
 * A bit of a command in one member's log is turned, where no snapshot stands for it yet. The member
 * repairs it; were it not noticed, its state would differ from then on. Throws where it does.
 */
export async function runTurnedBit(seed: number): Promise<void> {
  const world = new MemberWorld({ seed, thinkMs: 20 });
  await world.allRunning();
  await world.until(() => world.history.count('done') > 30, 60_000);
  const victim = world.names.find((name) => name !== world.leader())!;
  world.crash(victim, 'kept');
  const { volume } = world.node(victim);
  const segment = volume.files().find((name) => /log\/.*\.log$/.test(name))!;
  const content = volume.content(segment);
  const isText = (at: number): boolean => content[at]! >= 0x20 && content[at]! < 0x7f;
  const all = Array.from(content, (_, at) => at);
  const starts = all.filter(
    (at) =>
      at + commandBytes < content.length &&
      Array.from({ length: commandBytes }, (_, i) => at + i).every(isText),
  );
  volume.flipBit(segment, 8 * (starts.at(-20)! + commandBytes - 1));
  world.options.set(victim, { repair: true });
  world.restart(victim);
  await world.allRunning();
  await world.until(() => trusted(world), 60_000);
  await world.finish();
}
