/**
 * Whole agents through loss, delay, doubling, partitions, pauses and crashes. Afterwards no member
 * that lives and can be reached may stay dead for anybody, and shared values must be the same
 * everywhere (reliability.md, invariants 15 and 16).
 */
import type { GossipConfig } from '../../src/gossip/api.ts';
import type { LinkFaults } from '../../src/sim/network.ts';
import { AgentWorld } from './agent-world.ts';

/** What is run. */
export interface HealingOptions {
  readonly seed: number;
  readonly members: number;
  readonly steps: number;
  readonly config: GossipConfig;
  readonly network: Partial<LinkFaults>;
}

/** What came of it; the run itself throws if the cluster does not heal. */
export interface Healing {
  /** From the end of the faults until all agreed, in virtual milliseconds. */
  readonly healedMs: number;
  /** Writes to shared values while there were faults. */
  readonly writes: number;
  /** The shared values in the end. */
  readonly values: readonly (readonly [string, number])[];
  /** Agents that ended by themselves or could not be opened. */
  readonly troubles: readonly string[];
}

/** Runs faults from a seed, heals, and waits until all is well. */
export async function runHealing(options: HealingOptions): Promise<Healing> {
  const network = {
    lossChance: 0.05,
    duplicateChance: 0.02,
    slowChance: 0.05,
    slowMs: [1, 200] as const,
    ...options.network,
  };
  const { seed, members, config } = options;
  const cluster = new AgentWorld({ seed, members, network, config });
  const { world, names } = cluster;
  await cluster.passTimeUntil('the first convergence', () => cluster.allAlive(), 60_000);
  const paused = new Set<string>();
  let writes = 0;
  for (let step = 0; step < options.steps; step++) {
    writes += oneFault(cluster, paused, writes);
    await cluster.passTime(cluster.random.below(2_000));
  }
  world.network.heal();
  for (const name of names) {
    if (paused.has(name)) world.node(name).resume();
    if (!world.node(name).running) world.node(name).restart();
  }
  const startMs = world.nowMs;
  const agree = (): boolean => cluster.allAlive() && new Set(valuesOf(cluster)).size === 1;
  await cluster.passTimeUntil('everybody alive, and one set of values', agree, 300_000);
  return {
    healedMs: world.nowMs - startMs,
    writes,
    values: JSON.parse(valuesOf(cluster)[0] ?? '[]'),
    troubles: cluster.troubles,
  };
}

/** Does one thing at random to the cluster; returns how many values were written. */
function oneFault(cluster: AgentWorld, paused: Set<string>, before: number): number {
  const { world, random, names } = cluster;
  const name = names[random.below(names.length)]!;
  const node = world.node(name);
  switch (random.below(6)) {
    case 0: {
      const side = names.filter(() => random.below(3) === 0);
      const rest = names.filter((each) => !side.includes(each));
      world.network.partition(side, rest, { oneWay: random.below(3) === 0 });
      return 0;
    }
    case 1:
      world.network.heal();
      return 0;
    case 2:
      if (!node.running) node.restart();
      else if (!paused.has(name)) cluster.crash(name);
      return 0;
    case 3:
      if (!node.running) return 0;
      if (paused.delete(name)) node.resume();
      else {
        paused.add(name);
        node.pause();
      }
      return 0;
    default:
      return writeValues(cluster, paused, before);
  }
}

function writeValues(cluster: AgentWorld, paused: ReadonlySet<string>, before: number): number {
  const { random } = cluster;
  let written = 0;
  for (const agent of cluster.running) {
    if (paused.has(agent.name) || random.below(5) > 0) continue;
    const shared = agent.map<number>('shared');
    const key = `key${random.below(20)}`;
    if (random.below(4) === 0) shared.delete(key);
    else shared.set(key, before + written++);
  }
  return written;
}

/** What every agent holds in the shared map, as a text each. */
function valuesOf(cluster: AgentWorld): string[] {
  return cluster.running.map((agent) => {
    return JSON.stringify([...agent.map<number>('shared')].sort());
  });
}
