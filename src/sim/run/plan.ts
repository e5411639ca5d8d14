/**
 * What will be done to a cluster in one run, drawn from the seed before it begins: which kinds of
 * faults there are at all, when each comes, whom it meets and for how long. Each fault is drawn by
 * itself, so that leaving one out changes no other: this is how a failing run is made short.
 */
import { SeededRandom } from '../../base/seeded-random.ts';

/** Everything that can be done to a cluster; see `fault-kinds.ts`. */
export const faultKinds = [
  'crash',
  'crash-at-step',
  'crash-again',
  'power-cut',
  'pause',
  'partition',
  'one-way-partition',
  'isolate-leader',
  'clog',
  'half-open',
  'bad-network',
  'clock',
  'slow-disk',
  'broken-disk',
  'full-disk',
  'bit-rot',
  'misdirected-write',
  'restart',
  'rolling-restart',
  'join',
  'remove',
  'replace',
  'wipe',
  'old-backup',
  'transfer',
  'lost-tail',
] as const;

/** A kind of fault. */
export type FaultKind = (typeof faultKinds)[number];

/** One fault to come. */
export interface PlannedFault {
  /** Its place in the plan, which stays when others are left out. */
  readonly id: number;
  readonly kind: FaultKind;
  readonly atMs: number;
  /** How long it lasts, or what is down stays down. */
  readonly forMs: number;
  /** Whom it meets: the member at this place among those present, modulo their number. */
  readonly member: number;
  /** Whatever else there is to draw: 0 … 1 each. */
  readonly dice: readonly [number, number, number];
}

/**
 * What a run's machines are like, from a quick rack to slow disks far apart. Where turns and ways are
 * long, much comes together in one turn, one write and one message; where they are short, nothing.
 */
export interface Hardware {
  /** How long a turn of an event loop lasts at most. */
  readonly turnMsMax: number;
  /** How many times longer disks and the network take than quick ones. */
  readonly diskSlowness: number;
  readonly networkSlowness: number;
}

/** Disks that sync in less than half a millisecond, members in one rack, nothing else to do. */
export const quickHardware: Hardware = { turnMsMax: 0.02, diskSlowness: 1, networkSlowness: 1 };

/** What one run does; all of it can be written as JSON and read back. */
export interface Plan {
  readonly seed: number;
  readonly members: number;
  readonly clientsPerMember: number;
  /** Mean time between two steps of a client. */
  readonly thinkMs: number;
  /** How long faults come; then all is healed. */
  readonly faultyMs: number;
  readonly faults: readonly PlannedFault[];
  /** Quick where it is not said. */
  readonly hardware?: Hardware | undefined;
}

/** What users may decide of a plan; what they leave out is drawn. */
export interface PlanWishes {
  readonly members?: number | undefined;
  readonly clientsPerMember?: number | undefined;
  readonly thinkMs?: number | undefined;
  readonly faultyMs?: number | undefined;
  /** Which kinds may come; all by default, none if empty. */
  readonly faults?: readonly FaultKind[] | undefined;
  readonly hardware?: Hardware | undefined;
}

/** How long a fault lasts at most. */
const lastsMsMax = 4_000;

/** Draws a plan. */
export function drawPlan(seed: number, wishes: PlanWishes = {}): Plan {
  const random = new SeededRandom(seed).fork();
  const pick = <T>(from: readonly T[]): T => from[random.below(from.length)]!;
  const members = wishes.members ?? pick([3, 3, 3, 5]);
  const clientsPerMember = wishes.clientsPerMember ?? pick([1, 2, 3]);
  const thinkMs = wishes.thinkMs ?? pick([10, 40, 100]);
  const faultyMs = wishes.faultyMs ?? pick([5_000, 10_000, 15_000]);
  const meanMs = pick([300, 600, 1_200]);
  const allowed = wishes.faults ?? faultKinds;
  // A run with some kinds goes deeper than one with all.
  const chosen = allowed.filter(() => random.below(3) === 0);
  const kinds = chosen.length > 0 ? chosen : allowed;
  const faults: PlannedFault[] = [];
  if (kinds.length > 0) {
    for (let atMs = meanMs * random.fraction(); atMs < faultyMs; ) {
      const fork = random.fork();
      const dice = [fork.fraction(), fork.fraction(), fork.fraction()] as const;
      const forMs = Math.round(lastsMsMax * fork.fraction() ** 2) + 20;
      const kind = kinds[fork.below(kinds.length)]!;
      const member = fork.below(60);
      faults.push({ id: faults.length, kind, atMs: Math.round(atMs), forMs, member, dice });
      atMs += 2 * meanMs * random.fraction() + 1;
    }
  }
  // Last, so that it changes nothing else of a plan.
  const hardware = wishes.hardware ?? drawHardware(random.fork());
  return { seed, members, clientsPerMember, thinkMs, faultyMs, faults, hardware };
}

function drawHardware(random: SeededRandom): Hardware {
  const pick = (from: readonly number[]): number => from[random.below(from.length)]!;
  return {
    turnMsMax: pick([0.02, 0.2, 1, 5]),
    diskSlowness: pick([1, 1, 5, 20]),
    networkSlowness: pick([1, 1, 5, 20]),
  };
}
