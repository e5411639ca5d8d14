/**
 * How failure detection fares when some members are slow: whole members of the shipping code in the
 * world in memory. What a slow member sends and is sent is held up for a while, then flows for a
 * while, again and again, as in the "interval" experiment of the Lifeguard paper (section V-D); both
 * durations are drawn anew each time, over the ranges of the paper. Its timers go on meanwhile: it
 * misses acks, accuses, and does not hear the refutations.
 */
import { lanSettings } from '../../src/swim/presets.ts';
import type { LifeguardSettings } from '../../src/swim/settings.ts';
import { GossipWorld, type WorldMember } from './gossip-world.ts';

const membersCount = 100;
const settleMs = 20_000;
const crashes = 3;
const crashWatchMs = 30_000;
/** Drawn so that each doubling is as likely as any other. */
const cloggedMs = [128, 32_768] as const;
const flowingMs = [1, 16_384] as const;

const off: LifeguardSettings = {
  localHealth: false,
  dogpile: false,
  buddy: false,
  earlyNack: false,
  patience: false,
  secondOpinion: false,
  lastCall: false,
};

const shipped: LifeguardSettings = { ...off, localHealth: true, dogpile: true, buddy: true };

export const detectionVariants: readonly { name: string; lifeguard: LifeguardSettings }[] = [
  { name: 'SWIM', lifeguard: off },
  { name: 'local health', lifeguard: { ...off, localHealth: true } },
  { name: 'dogpile', lifeguard: { ...off, dogpile: true } },
  { name: 'buddy', lifeguard: { ...off, buddy: true } },
  { name: 'all (Lifeguard as shipped)', lifeguard: shipped },
  { name: 'all + early nack', lifeguard: { ...shipped, earlyNack: true } },
  { name: '… + patience', lifeguard: { ...shipped, earlyNack: true, patience: true } },
  { name: '… + second opinion', lifeguard: { ...lanSettings.lifeguard, lastCall: false } },
  { name: '… + last call (ours)', lifeguard: lanSettings.lifeguard },
];

export interface Detection {
  /** Declarations of death of members that were well, at any member. */
  readonly falsePositives: number;
  /** The same, at members that were well. */
  readonly falsePositivesAtWell: number;
  /** Declarations of death of slow members, at members that were well. */
  readonly slowDeclaredDead: number;
  /** From a crash until the first, and until each that was well, knew; sorted. */
  readonly firstMs: number[];
  readonly allMs: number[];
  readonly packetsPerMemberSecond: number;
}

export function measureDetection(options: {
  slow: number;
  lifeguard: LifeguardSettings;
  durationMs: number;
  seed: number;
}): Detection {
  const settings = { ...lanSettings, lifeguard: options.lifeguard, coordinates: false };
  const world = new GossipWorld({ seed: options.seed, settings });
  world.keepSeen = false;
  for (let index = 0; index < membersCount; index++) world.add(`m${index}`);
  world.joinAll();
  world.run(settleMs);
  const slow = new Set(world.members.slice(1, 1 + options.slow));
  const crashed = new Map<WorldMember, number>();
  let [falsePositives, falsePositivesAtWell, slowDeclaredDead] = [0, 0, 0];
  const firstMs: number[] = [];
  const allMs: number[] = [];
  const seenCrash = new Set<WorldMember>();
  world.observe = (member, effect) => {
    if (effect.type !== 'member' || effect.change !== 'failed') return;
    const subject = world.member(effect.member.name);
    const crashedMs = crashed.get(subject);
    if (crashedMs !== undefined) {
      if (!seenCrash.has(subject)) firstMs.push(world.nowMs - crashedMs);
      seenCrash.add(subject);
      if (!slow.has(member)) allMs.push(world.nowMs - crashedMs);
    } else if (slow.has(subject)) {
      if (!slow.has(member)) slowDeclaredDead++;
    } else {
      falsePositives++;
      if (!slow.has(member)) falsePositivesAtWell++;
    }
  };
  const between = ([min, max]: readonly [number, number]) =>
    min * (max / min) ** world.random.fraction();
  const cycle = (member: WorldMember) => {
    world.clog(member);
    world.at(world.nowMs + between(cloggedMs), () => {
      world.unclog(member);
      world.at(world.nowMs + between(flowingMs), () => cycle(member));
    });
  };
  const startMs = world.nowMs;
  world.packets = 0;
  for (const member of slow) world.at(world.nowMs + between(flowingMs), () => cycle(member));
  world.run(options.durationMs);
  const packetsPerMemberSecond = world.packets / membersCount / ((world.nowMs - startMs) / 1_000);
  for (let index = 0; index < crashes; index++) {
    const victim = world.members[membersCount - 1 - index]!;
    crashed.set(victim, world.nowMs);
    world.crash(victim);
    world.run(crashWatchMs);
  }
  firstMs.sort((a, b) => a - b);
  allMs.sort((a, b) => a - b);
  return {
    falsePositives,
    falsePositivesAtWell,
    slowDeclaredDead,
    firstMs,
    allMs,
    packetsPerMemberSecond,
  };
}
