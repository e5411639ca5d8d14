/**
 * Plays in several acts: the rare coincidences that the protocol's finer rules are for, which
 * random steps alone meet once in a hundred thousand runs. A play sets the stage and cues the
 * actors; whether they follow is up to the plan's other faults, and the group must survive any
 * outcome.
 */
import type { MemberId } from '../../src/raft/entry.ts';
import type { Append, Message, MessageType } from '../../src/raft/message.ts';
import type { Host } from './host.ts';
import { encodeCommand } from './machine.ts';
import type { Step } from './plan.ts';
import type { World } from './world.ts';

export type Play = (world: World, step: Step) => void;

/** Long enough for a message to arrive and its answer to come back, most of the time. */
function act(world: World): number {
  return 2 * world.delayMax + 4;
}

function cue(world: World, acts: readonly (() => void)[]): void {
  const wait = act(world);
  acts.forEach((action, i) => {
    world.whileFaulty(i * wait, action);
  });
  world.whileFaulty(acts.length * wait, () => world.heal());
}

/** No play has more acts. */
const actsMax = 7;

/** Half of the time a play has the stage for itself: no other step is taken before it ends. */
function staged(play: Play): Play {
  return (world, step) => {
    play(world, step);
    if (step.b % 2 === 0) world.events.runUntil(world.events.now + actsMax * act(world));
  };
}

function write(host: Host): void {
  const data = encodeCommand({ id: host.world.commands++, requiredTerm: 0 }, 0);
  host.step({ type: 'propose', entries: [{ type: 'normal', data }] });
}

/** Has a member stand, with nobody sticking to the leader there was. */
function elect(world: World, candidate: Host): void {
  for (const host of world.running) if (host !== candidate) host.step({ type: 'forget-leader' });
  candidate.step({ type: 'campaign' });
}

function isAppend({ type }: Message): boolean {
  return type === 'append' || type === 'snapshot';
}

/** A leader and two more voters of those running, if there are. */
function cast(
  world: World,
  { a, b }: Step,
): { leader: Host; second: Host; third: Host } | undefined {
  const { leader } = world;
  const others = world.running.filter((host) => {
    return host !== leader && host.raft!.core.isVoter(host.id);
  });
  if (leader === undefined || others.length < 2) return undefined;
  const [second] = others.splice(a % others.length, 1);
  const third = others[b % others.length];
  return { leader, second: second!, third: third! };
}

/**
 * Two leaders take turns to rewrite one follower's log while its disk lags behind: what the disk
 * reports at the end is about a log that has changed and changed back (trap 15).
 */
function flipFlop(world: World, step: Step): void {
  const actors = cast(world, step);
  if (actors === undefined) return;
  const { leader, second, third } = actors;
  const length = 4 * act(world);
  world.heal();
  world.passes = (message) => !isAppend(message) || message.to === third.id;
  third.slowness = { by: length + ((step.b >>> 20) % 20), until: world.events.now + 4 * length };
  cue(world, [
    () => write(leader),
    () => elect(world, second),
    () => elect(world, leader),
    () => {},
    () => {},
  ]);
}

/**
 * Figure 8 of the paper: an entry of an earlier term reaches a majority, and a leader with a later
 * entry in its place is still to come (trap 1).
 */
function figureEight(world: World, step: Step): void {
  const actors = cast(world, step);
  if (actors === undefined) return;
  const { leader, second } = actors;
  world.heal();
  let passing: (message: Message) => boolean = (message) => !isAppend(message);
  world.passes = (message) => passing(message);
  cue(world, [
    () => write(leader),
    () => elect(world, second),
    () => {
      // Now earlier terms' entries pass; the new term's own are held back where they would fit.
      passing = (message) =>
        !isAppend(message) ||
        (message.type === 'append' && message.to !== second.id && !addsOwnTerm(world, message));
      elect(world, leader);
    },
    () => {},
    () => {
      passing = () => true;
      elect(world, second);
    },
    () => {},
  ]);
}

function addsOwnTerm(world: World, { to, term, previousIndex, previousTerm, entries }: Append) {
  const previous = { index: previousIndex, term: previousTerm };
  const fits = world.hosts.get(to)?.raft?.core.log.matches(previous) === true;
  return fits && entries.some((entry) => entry.term === term);
}

/**
 * A candidate dies before its disk has what it told its voters, and stands again at once, for the
 * same term, while their answers are still on their way.
 */
function relapse(world: World, step: Step): void {
  const actors = cast(world, step);
  if (actors === undefined) return;
  const { leader, second } = actors;
  const length = act(world);
  world.heal();
  second.slowness = { by: 8 * length, until: world.events.now + 8 * length };
  cue(world, [
    () => write(leader),
    () => {
      delay(world, 'vote-reply', length);
      elect(world, second);
    },
  ]);
  world.whileFaulty(length + world.delayMax + (step.b % 4), () => {
    second.crash();
    second.slowness = { by: 0, until: 0 };
    second.start();
    second.step({ type: 'campaign' });
  });
}

/** Messages of a type take longer, until the next heal. */
function delay(world: World, type: MessageType, by: number): void {
  world.delays = (message) => (message.type === type ? by : 0);
}

/**
 * A leader that was cut off and replaced is asked to read, with answers to its earlier heartbeats
 * still on their way (trap 6).
 */
function staleRead(world: World, step: Step): void {
  const actors = cast(world, step);
  if (actors === undefined) return;
  const { leader, second } = actors;
  world.heal();
  delay(world, 'heartbeat-reply', 3 * act(world) + (step.b % 10));
  cue(world, [
    () => read(world, leader),
    () => {
      world.passes = isNeither(leader.id);
      elect(world, second);
    },
    () => write(second),
    () => {
      read(world, leader);
      read(world, leader);
    },
    () => {},
    () => read(world, leader),
  ]);
}

function isNeither(member: MemberId): (message: Message) => boolean {
  return ({ from, to }) => from !== member && to !== member;
}

export function read(world: World, host: Host): void {
  if (world.events.now < host.pausedUntil) return;
  const context = ++world.contexts;
  world.oracle.readBegan(context);
  const nowMs = host.nowMs();
  host.step({ type: 'read', context, ...(nowMs === undefined ? {} : { nowMs }) });
}

export const plays = {
  flipFlop: staged(flipFlop),
  figureEight: staged(figureEight),
  relapse: staged(relapse),
  staleRead: staged(staleRead),
} satisfies Record<string, Play>;
