/**
 * The end of a run: the faults are over, at least a majority runs, and within a bounded time a
 * proposal is committed and applied everywhere, a joint configuration is left, and an idle group
 * falls quiet and wakes again, also when its leader dies.
 */
import { applyChange, leaveJoint, restoreMembership } from '../../src/raft/change.ts';
import type { ConfigurationState } from '../../src/raft/configuration.ts';
import { type Entry, emptyBytes, type MemberId } from '../../src/raft/entry.ts';
import { decodeChange } from '../../src/raft/wire/change.ts';
import { decides } from './configurations.ts';
import type { Host } from './host.ts';
import { encodeCommand } from './machine.ts';
import { PAUSE_MAX, TICK } from './plan.ts';
import type { World } from './world.ts';

/** Election timeouts within which a healed group must be of use again. */
const timeoutsMax = 40;

const context = { lastIndex: 0, inflightMessagesMax: 1, inflightBytesMax: 1 };

/** @returns ticks until the first proposal was applied everywhere */
export function finish(world: World): number {
  endFaults(world);
  // What took a detour, or waited for a paused process, arrives before all is to be quiet.
  world.events.runUntil(world.events.now + world.plan.group.detourMax + PAUSE_MAX);
  chooseSurvivors(world);
  const started = world.events.now;
  commitEverywhere(world);
  const recovery = Math.round((world.events.now - started) / TICK);
  if (world.plan.group.quiesceAfterTicks > 0) fallQuietAndWake(world);
  return recovery;
}

function endFaults(world: World): void {
  world.faulty = false;
  world.heal();
  world.loss = 0;
  world.duplication = 0;
  world.detour = 0;
  // In order, too: what overtakes the last word of a group that falls quiet would wake it.
  world.delayMax = TICK / 4;
  world.away = 0;
  world.diskMax = 1;
  for (const host of world.hosts.values()) {
    host.pausedUntil = 0;
    host.slowness = { by: 0, until: 0 };
    host.dieAt = undefined;
  }
}

/**
 * Half of the time as many stay down as there may, else none. Who was removed is stopped where the
 * settings do not keep it from disturbing the others.
 */
function chooseSurvivors(world: World): void {
  const { preVote, checkQuorum, quiesceAfterTicks } = world.plan.group;
  const possible = possibleConfigurations(world);
  const running = new Set(world.hosts.keys());
  for (const id of running) {
    const needed = possible.some((configuration) => isMember(configuration, id));
    const disturbs = !preVote || !checkQuorum || quiesceAfterTicks > 0;
    if (!needed && disturbs) running.delete(id);
  }
  if (world.random.below(2) === 0) {
    const order = [...running].map((id) => ({ id, rank: world.random.uint32() }));
    for (const { id } of order.sort((a, b) => a.rank - b.rank)) {
      running.delete(id);
      if (!possible.every((configuration) => decides(configuration, running))) running.add(id);
    }
  }
  for (const host of world.hosts.values()) {
    if (running.has(host.id)) host.start();
    else host.crash();
    // A restart that was planned before the faults ended must not happen after them.
    host.mayStart = running.has(host.id);
  }
}

/**
 * Every configuration that may be in force in somebody's view: those that a member may not have
 * got beyond, for it may not know yet what is committed, and those that may still come.
 */
function possibleConfigurations(world: World): ConfigurationState[] {
  const { latest, history } = world.oracle;
  const members = [...world.hosts.values()].filter(({ id }) => isMember(latest.configuration, id));
  // A member without a state has no view yet: it gets one from a leader.
  const restarts = members.map(({ disk }) => disk.machine().index).filter((index) => index > 0);
  const earliest = Math.min(...restarts);
  const current = history.findLastIndex(({ index }) => index <= earliest);
  const possible = history.slice(Math.max(0, current)).map(({ configuration }) => configuration);
  const from = restoreMembership(latest.configuration, context);
  for (const entry of unappliedChanges(world, latest.index)) {
    try {
      const next = applyChange(from, decodeChange(entry.data), context);
      possible.push(next.configuration);
      if (next.configuration.votersOutgoing.length > 0) {
        possible.push(leaveJoint(next).configuration);
      }
    } catch {
      // Refused there, it changes nothing.
    }
  }
  if (latest.configuration.votersOutgoing.length > 0) {
    possible.push(leaveJoint(from).configuration);
  }
  return possible;
}

function unappliedChanges(world: World, applied: number): Entry[] {
  const found: Entry[] = [];
  for (const host of world.hosts.values()) {
    const log = host.raft?.core.log;
    const last = log?.lastIndex() ?? host.disk.lastIndex();
    for (let index = applied + 1; index <= last; index++) {
      const inMemory = log !== undefined && index >= log.unstable.offset;
      const entry = inMemory ? log.unstable.at(index) : host.disk.peek(index);
      if (entry?.type === 'configuration') found.push(entry);
    }
  }
  return found;
}

/** Whoever is of the group and runs. */
function participants(world: World): Host[] {
  return world.running.filter(({ id }) => isMember(world.oracle.latest.configuration, id));
}

function isMember(configuration: ConfigurationState, id: MemberId): boolean {
  const { voters, votersOutgoing, learners } = configuration;
  return [voters, votersOutgoing, learners].some((set) => set.includes(id));
}

function ticksMax(world: World): number {
  return timeoutsMax * world.plan.group.electionTicks;
}

/** Proposes until a proposal is applied by everyone, outside a joint configuration. */
function commitEverywhere(world: World): void {
  const goal = world.oracle.committedMax + 1;
  const term = Math.max(...world.running.map((host) => host.raft!.core.term));
  for (let tick = 0; tick < ticksMax(world); tick++) {
    if (tick % 3 === 0) proposeSomewhere(world);
    if (tick % 10 === 0) attend(world);
    world.events.runUntil(world.events.now + TICK);
    const { configuration } = world.oracle.latest;
    const settled =
      configuration.votersOutgoing.length === 0 &&
      // The leader has committed in its term, so that changes of configuration are possible again.
      world.oracle.committedMax > goal &&
      participants(world).every((host) => host.machine.index > goal);
    if (settled) return;
  }
  world.oracle.hold(false, () => `nothing is committed in time; ${portrait(world, term)}`);
}

function proposeSomewhere(world: World): void {
  const { random } = world;
  const { configuration } = world.oracle.latest;
  const hosts = participants(world);
  const host = hosts[random.below(hosts.length)]!;
  const leave = configuration.votersOutgoing.length > 0 && random.below(2) === 0;
  const entry = leave
    ? { type: 'configuration' as const, data: emptyBytes }
    : { type: 'normal' as const, data: encodeCommand({ id: 0, requiredTerm: 0 }, 0) };
  const { refused } = host.step({ type: 'propose', entries: [entry] });
  if (refused === 'forwarding-disabled') {
    world.hosts.get(host.raft!.core.leader)?.step({ type: 'propose', entries: [entry] });
  }
}

/**
 * What a host owes its instance: a quiet follower is woken when the leader's process seems gone,
 * and a leader that was removed and asked not to step down by itself is stopped.
 */
function attend(world: World): void {
  for (const host of world.running) {
    const { quiet, leader, role, configuration } = host.raft!.core;
    if (quiet && world.hosts.get(leader)?.up !== true) host.step({ type: 'wake' });
    if (role === 'leader' && !isMember(configuration, host.id)) stop(host);
  }
}

function fallQuietAndWake(world: World): void {
  const { voters, learners } = world.oracle.latest.configuration;
  const everyone = participants(world);
  // A member that is down keeps the others awake: it may need something.
  if (everyone.length < voters.length + learners.length) return;
  // Nor may who was removed speak: all know by now that it was.
  for (const host of world.hosts.values()) {
    if (!everyone.includes(host)) stop(host);
  }
  waitUntilQuiet(world, everyone);
  // What is still on its way is answered, but wakes nobody.
  world.events.runUntil(world.events.now + 5 * TICK);
  const sent = world.messagesSent;
  world.events.runUntil(world.events.now + 2 * world.plan.group.electionTicks * TICK);
  world.oracle.hold(world.messagesSent === sent, () => 'a quiet group speaks');
  world.oracle.hold(
    everyone.every((host) => host.raft?.core.quiet),
    () => 'a quiet group wakes by itself',
  );
  commitEverywhere(world);
  waitUntilQuiet(world, everyone);
  if (voters.length < 3) return;
  const { leader } = world;
  if (leader !== undefined) stop(leader);
  commitEverywhere(world);
}

function stop(host: Host): void {
  host.mayStart = false;
  host.crash();
}

function waitUntilQuiet(world: World, everyone: readonly Host[]): void {
  const { electionTicks, quiesceAfterTicks } = world.plan.group;
  const ticks = ticksMax(world) + 4 * (electionTicks + quiesceAfterTicks);
  for (let tick = 0; tick < ticks; tick++) {
    if (everyone.every((host) => host.raft?.core.quiet)) return;
    world.events.runUntil(world.events.now + TICK);
  }
  world.oracle.hold(false, () => `an idle group does not fall quiet; ${portrait(world, 0)}`);
}

function portrait(world: World, term: number): string {
  const members = [...world.hosts.values()].map((host) => {
    if (host.raft === undefined) return `${host.id} down`;
    const { role, term, leader, commit, applied, lastIndex, quiet } = host.raft.status();
    return `${host.id} ${role} in ${term} under ${leader}, ${applied}/${commit}/${lastIndex}${quiet ? ', quiet' : ''}`;
  });
  return `${JSON.stringify(world.oracle.latest)}, at first term ${term}: ${members.join('; ')}`;
}
