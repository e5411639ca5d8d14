/** What the steps of a schedule do. */
import type { ChangeStep, ConfigurationChange } from '../../src/raft/configuration.ts';
import { emptyBytes, type MemberId } from '../../src/raft/entry.ts';
import { encodeChange } from '../../src/raft/wire/change.ts';
import type { Host } from './host.ts';
import { encodeCommand } from './machine.ts';
import { PAUSE_MAX, type Step, type StepKind, TICK } from './plan.ts';
import { plays, read } from './plays.ts';
import type { World } from './world.ts';

export function perform(world: World, step: Step): void {
  world.note(() => `STEP ${step.kind} ${step.a} ${step.b}`);
  actions[step.kind](world, step);
}

type Action = (world: World, step: Step) => void;

const actions: Readonly<Record<StepKind, Action>> = {
  propose,
  read(world, { a }) {
    const host = somebody(world, a);
    if (host !== undefined) read(world, host);
  },
  change,
  transfer(world, { a, b }) {
    const target = 1 + (b % world.hosts.size);
    somebody(world, a)?.step({ type: 'transfer-leadership', target });
  },
  forgetLeader: (world, { a }) => void somebody(world, a)?.step({ type: 'forget-leader' }),
  campaign: (world, { a }) => void somebody(world, a)?.step({ type: 'campaign' }),
  snapshot: (world, { a, b }) => somebody(world, a)?.compact(b % 4),
  unreachable(world, { a, b }) {
    somebody(world, a)?.step({ type: 'report-unreachable', member: 1 + (b % world.hosts.size) });
  },
  wake: (world, { a }) => void somebody(world, a)?.step({ type: 'wake' }),
  rest: (world, { a }) => world.events.runUntil(world.events.now + (a % (20 * TICK))),
  crash(world, { a, b }) {
    const host = somebody(world, a);
    host?.crash();
    if (host !== undefined) world.restartLater(host, downtime(b));
  },
  crashAt(world, { a, b }) {
    const host = somebody(world, a);
    if (host !== undefined) host.dieAt = b % 12;
  },
  pause(world, { a, b }) {
    const host = somebody(world, a);
    if (host !== undefined) host.pausedUntil = world.events.now + (b % PAUSE_MAX);
  },
  slowDisk(world, { a, b }) {
    const host = somebody(world, a);
    if (host !== undefined) slowDown(world, host, b % PAUSE_MAX);
  },
  partition(world, { a }) {
    for (const from of world.hosts.keys()) {
      for (const to of world.hosts.keys()) if (((a >> from) ^ (a >> to)) & 1) world.block(from, to);
    }
  },
  isolate(world, { a }) {
    const host = somebody(world, a);
    if (host !== undefined) isolate(world, host.id);
  },
  funnel(world, { a, b }) {
    // Others hear nothing of this one but the chosen one does.
    const host = somebody(world, a);
    const only = 1 + (b % world.hosts.size);
    for (const to of world.hosts.keys()) {
      if (host !== undefined && to !== only) world.block(host.id, to);
    }
  },
  oneWay(world, { a, b }) {
    world.block(1 + (a % world.hosts.size), 1 + (b % world.hosts.size));
  },
  heal: (world) => world.heal(),
  ...plays,
};

/** Half of the time the leader, for there is where the trouble is. */
function somebody(world: World, a: number): Host | undefined {
  const { leader, running } = world;
  if (leader !== undefined && a % 2 === 0) return leader;
  return running[(a >>> 1) % running.length];
}

function downtime(b: number): number {
  return b % (b % 3 === 0 ? 50 * TICK : 5 * TICK);
}

function slowDown(world: World, host: Host, by: number): void {
  host.slowness = { by, until: world.events.now + 3 * by };
}

function isolate(world: World, id: MemberId): void {
  for (const other of world.hosts.keys()) {
    if (other === id) continue;
    world.block(id, other);
    world.block(other, id);
  }
}

function propose(world: World, { a, b }: Step): void {
  const host = somebody(world, a);
  if (host?.raft === undefined) return;
  const requiredTerm = b % 4 === 0 ? host.raft.core.term : 0;
  const entries = [];
  for (let left = 1 + (b % 3); left > 0; left--) {
    const data = encodeCommand({ id: world.commands++, requiredTerm }, (b >>> 3) % 20);
    entries.push({ type: 'normal' as const, data });
  }
  host.step({ type: 'propose', entries, requiredTerm });
}

function change(world: World, { a, b }: Step): void {
  const data = encodeChange(changeFrom(world, b));
  somebody(world, a)?.step({ type: 'propose', entries: [{ type: 'configuration', data }] });
}

/** A change of any kind that leaves some voters; mostly a sensible one. */
function changeFrom(world: World, b: number): ConfigurationChange {
  const { configuration } = world.oracle.latest;
  const joint = configuration.votersOutgoing.length > 0;
  if (joint && b % 4 !== 0) return { transition: 'auto', steps: [], context: emptyBytes };
  const transitions = ['auto', 'auto', 'joint-implicit', 'joint-explicit'] as const;
  const steps: ChangeStep[] = [];
  const count = [1, 1, 2, 3][(b >>> 4) % 4]!;
  for (let i = 0; i < count; i++) steps.push(changeStep(world, b >>> (6 + 6 * i)));
  return { transition: transitions[(b >>> 2) % 4]!, steps, context: emptyBytes };
}

function changeStep(world: World, b: number): ChangeStep {
  const { voters, learners } = world.oracle.latest.configuration;
  const types = ['add-voter', 'add-learner', 'remove-member', 'add-voter'] as const;
  const type = voters.length <= 2 && b % 4 === 2 ? 'add-voter' : types[b % 4]!;
  const known = [...voters, ...learners];
  // Somebody of the group, or, where one is added, perhaps a newcomer.
  const newcomer = type !== 'remove-member' && (b >>> 2) % 3 === 0 && known.length < 8;
  const free = world.plan.group.members.findIndex((_, i) => !world.hosts.has(i + 1)) + 1;
  if (newcomer && free > 0) {
    world.host(free).start();
    return { type, member: free };
  }
  return { type, member: known[(b >>> 2) % known.length]! };
}
