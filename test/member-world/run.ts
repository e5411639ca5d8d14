/** One run: members, clients and faults from one seed; and the line that repeats one that failed. */
import { Faults } from './faults.ts';
import { MemberWorld } from './member-world.ts';

/** How long faults come, in virtual time. */
const faultyMs = 12_000;

/** What a run was like, for tests that ask whether runs are worth anything. */
export interface RunSummary {
  readonly done: number;
  readonly failed: number;
  readonly unknown: number;
  readonly faults: number;
  readonly digest: string;
}

/** Faults from the beginning, then none: nothing that was acknowledged is lost, and all finishes. */
export async function runSeed(seed: number): Promise<RunSummary> {
  const world = new MemberWorld({ seed });
  const faults = new Faults(world);
  try {
    faults.begin(800);
    await world.pass(faultyMs);
    faults.heal();
    await world.finish();
  } catch (error) {
    const replay = `QUORATE_SEED=${seed} npm test -- member-world`;
    const story = [replay, ...faults.log, (error as Error).message];
    throw new Error(story.join('\n'), {
      cause: error,
    });
  }
  const { history } = world;
  return {
    done: history.count('done'),
    failed: history.count('failed'),
    unknown: history.count('unknown') + history.count('under way'),
    faults: faults.log.length,
    digest: world.world.digest,
  };
}

/**
 * The seed that the environment asks for, or these.
 * @param more where time is no matter, as on a machine for continuous integration
 */
export function seedsOr(seeds: readonly number[], more: readonly number[] = []): readonly number[] {
  const asked = process.env.QUORATE_SEED;
  if (asked !== undefined) return [Number(asked)];
  return process.env.CI === 'true' ? [...seeds, ...more] : seeds;
}
