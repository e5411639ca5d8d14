/**
 * A plan: the group, its world and its schedule, all drawn from one seed. Each plan draws its own
 * weights (swarm testing), so that some are all elections and others never see one.
 *
 * The numbers in a step are interpreted when it happens, so that a schedule with steps left out is
 * a schedule too, and a failing one can be shrunk.
 */
import { SeededRandom } from '../../src/base/seeded-random.ts';

/** Units of virtual time in a tick of a clock that runs at rate 1. */
export const TICK = 10;

/** Units that a process is paused for, or a disk slowed down by, at most. */
export const PAUSE_MAX = 25 * TICK;

export const profiles = ['mixed', 'elections', 'members', 'reads', 'storage', 'quiet'] as const;
/** What a plan dwells on. */
export type Profile = (typeof profiles)[number];

const weights = {
  // Workload.
  propose: { mixed: 30, elections: 10, members: 10, reads: 15, storage: 30, quiet: 5 },
  read: { mixed: 15, elections: 3, members: 4, reads: 80, storage: 2, quiet: 3 },
  change: { mixed: 6, elections: 1, members: 50, reads: 4, storage: 4, quiet: 2 },
  transfer: { mixed: 2, elections: 3, members: 4, reads: 4, storage: 1, quiet: 1 },
  forgetLeader: { mixed: 1, elections: 2, members: 1, reads: 2, storage: 1, quiet: 1 },
  campaign: { mixed: 3, elections: 12, members: 5, reads: 6, storage: 4, quiet: 2 },
  // The host.
  snapshot: { mixed: 6, elections: 1, members: 8, reads: 1, storage: 40, quiet: 1 },
  unreachable: { mixed: 2, elections: 1, members: 1, reads: 1, storage: 4, quiet: 0 },
  wake: { mixed: 1, elections: 0, members: 0, reads: 1, storage: 0, quiet: 5 },
  rest: { mixed: 2, elections: 1, members: 2, reads: 2, storage: 2, quiet: 25 },
  // Faults.
  crash: { mixed: 5, elections: 8, members: 5, reads: 4, storage: 8, quiet: 3 },
  crashAt: { mixed: 8, elections: 10, members: 8, reads: 4, storage: 14, quiet: 3 },
  pause: { mixed: 3, elections: 3, members: 2, reads: 8, storage: 2, quiet: 2 },
  slowDisk: { mixed: 4, elections: 8, members: 3, reads: 3, storage: 10, quiet: 1 },
  partition: { mixed: 4, elections: 6, members: 4, reads: 5, storage: 3, quiet: 2 },
  isolate: { mixed: 4, elections: 8, members: 5, reads: 8, storage: 12, quiet: 2 },
  funnel: { mixed: 2, elections: 8, members: 2, reads: 2, storage: 2, quiet: 1 },
  oneWay: { mixed: 3, elections: 4, members: 3, reads: 4, storage: 2, quiet: 2 },
  heal: { mixed: 8, elections: 12, members: 8, reads: 10, storage: 6, quiet: 6 },
  // Plays in several acts.
  flipFlop: { mixed: 1, elections: 6, members: 0, reads: 0, storage: 6, quiet: 0 },
  figureEight: { mixed: 2, elections: 25, members: 1, reads: 0, storage: 2, quiet: 0 },
  relapse: { mixed: 2, elections: 15, members: 1, reads: 0, storage: 4, quiet: 0 },
  staleRead: { mixed: 1, elections: 1, members: 1, reads: 10, storage: 0, quiet: 0 },
} satisfies Record<string, Record<Profile, number>>;

export type StepKind = keyof typeof weights;

export interface Step {
  /** Units of time since the step before. */
  readonly wait: number;
  readonly kind: StepKind;
  /** Whole numbers in 0 … 2^32 − 1: who, how many, how long. */
  readonly a: number;
  readonly b: number;
}

export interface MemberPlan {
  readonly asyncStorageWrites: boolean;
  readonly priority: number;
  /** How fast its clock and its ticks run, 1 … 1 + drift. */
  readonly rate: number;
}

export interface GroupPlan {
  readonly voters: number;
  readonly learners: number;
  /** Enough for all that may ever be added. */
  readonly members: readonly MemberPlan[];
  readonly electionTicks: number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  readonly lease: boolean;
  readonly driftRatioMax: number;
  readonly stepDownOnRemoval: boolean;
  readonly disableProposalForwarding: boolean;
  readonly quiesceAfterTicks: number;
  readonly messageBytesMax: number;
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  readonly applyingBytesMax: number;
  readonly uncommittedBytesMax: number;
  /** Chances of a message, 0 … 1. */
  readonly loss: number;
  readonly duplication: number;
  readonly detour: number;
  /** Units that a message takes at most, on the straight way and on a detour. */
  readonly delayMax: number;
  readonly detourMax: number;
  /** Units that a disk takes for a task, at most. */
  readonly diskMax: number;
  /** The chance that a read of the storage has to wait. */
  readonly away: number;
  /** The chance that an applied entry is saved with the machine's state. */
  readonly save: number;
  /** The chance that a host works in simple mode with time passing in the middle of a Ready. */
  readonly slowReady: number;
  /** All messages go through their wire form. */
  readonly wire: boolean;
}

export interface Plan {
  readonly profile: Profile;
  readonly seed: number;
  readonly group: GroupPlan;
  readonly steps: readonly Step[];
}

export function planFrom(profile: Profile, seed: number): Plan {
  const random = new SeededRandom(seed);
  const group = groupFrom(profile, random);
  return { profile, seed, group, steps: stepsFrom(profile, random) };
}

function groupFrom(profile: Profile, random: SeededRandom): GroupPlan {
  const one = <T>(...choices: readonly T[]): T => choices[random.below(choices.length)]!;
  const chance = (of: number) => random.fraction() < of;
  const voters = one(3, 3, 3, 4, 5, 5, 7);
  const learners = voters < 7 ? one(0, 0, 0, 1, 2) : 0;
  const lease = chance(profile === 'reads' ? 0.5 : 0.1);
  const driftRatioMax = one(0, 0.1, 0.3);
  const elections = profile === 'elections';
  const messageBytesMax = elections ? one(0, 0, 60, 2 ** 20) : one(0, 60, 60, 2 ** 20);
  const allAsync = one(true, false, undefined);
  const prioritized = chance(0.2);
  return {
    voters,
    learners,
    members: Array.from({ length: 12 }, () => ({
      asyncStorageWrites: allAsync ?? chance(0.5),
      priority: prioritized ? random.below(3) : 0,
      rate: 1 + random.fraction() * driftRatioMax,
    })),
    electionTicks: elections ? one(4, 6, 10, 10) : one(3, 4, 6, 10),
    preVote: chance(elections ? 0.3 : 0.5),
    checkQuorum: lease || chance(elections ? 0.3 : 0.5),
    lease,
    driftRatioMax,
    stepDownOnRemoval: chance(0.8),
    disableProposalForwarding: chance(0.2),
    quiesceAfterTicks: chance(profile === 'quiet' ? 1 : 0.2) ? one(2, 5, 12) : 0,
    messageBytesMax,
    inflightMessagesMax: one(1, 2, 256),
    inflightBytesMax: messageBytesMax + one(1, 100, 2 ** 20),
    applyingBytesMax: one(1, 100, 2 ** 20),
    uncommittedBytesMax: one(30, 2 ** 20),
    loss: elections ? one(0, 0, 0.02, 0.1) : one(0, 0.02, 0.1, 0.3),
    duplication: one(0, 0.05, 0.2),
    detour: one(0, 0.05, 0.2),
    delayMax: elections ? one(1, TICK / 2, TICK / 2, 2 * TICK) : one(1, TICK / 2, 2 * TICK),
    detourMax: one(10, 40) * TICK,
    diskMax: one(1, 1, TICK / 2, 3 * TICK),
    away: one(0, 0, 0.3),
    save: one(0, 0.3, 1),
    slowReady: one(0, 0.3),
    wire: chance(0.2),
  };
}

function stepsFrom(profile: Profile, random: SeededRandom): Step[] {
  const kinds = Object.keys(weights) as StepKind[];
  const chances = kinds.map((kind) => weights[kind][profile] * [0, 0.5, 1, 3][random.below(4)]!);
  // Something must happen whatever was drawn.
  chances[0] = Math.max(chances[0]!, 5);
  const sum = chances.reduce((total, chance) => total + chance, 0);
  const waitMax = [TICK / 2, 2 * TICK, 6 * TICK][random.below(3)]!;
  const count = 20 + random.below(120);
  const steps: Step[] = [];
  while (steps.length < count) {
    let left = random.fraction() * sum;
    let kind = 0;
    while (kind < kinds.length - 1 && left >= chances[kind]!) left -= chances[kind++]!;
    const wait = random.below(waitMax + 1);
    steps.push({ wait, kind: kinds[kind]!, a: random.uint32(), b: random.uint32() });
  }
  return steps;
}
