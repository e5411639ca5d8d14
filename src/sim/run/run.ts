/**
 * One run: a cluster, clients and faults from one plan. First the phase of safety, in which faults
 * come and nothing may go wrong; then that of liveness: a majority is healed, the rest is dead, and
 * everything that waits must finish. In the end all that was done is judged.
 */
import type { Machine } from '../../engine/machine.ts';
import type { Finding } from '../checkers/findings.ts';
import { SimulationError } from '../scheduler.ts';
import { type Application, SimCluster } from './cluster.ts';
import { Faults } from './faults.ts';
import { type FaultKind, type Plan, quickHardware } from './plan.ts';
import type { StoryEvent } from './story.ts';

/** What is run, and what is demanded of it beside what always is. */
export interface Subject<Service> {
  readonly application: Application<Service>;
  /** A machine as new, on which the whole run is played once more. */
  readonly fresh: (() => Machine) | undefined;
  /** In the end, on every member that runs: throws, or answers what is wrong. */
  readonly check?: ((service: Service, member: string) => unknown) | undefined;
  /** Once all members are well: whether they have come to where they shall be. */
  readonly awaits?: ((services: readonly Service[]) => boolean) | undefined;
  /** In the end, on what clients have seen: what is wrong. */
  readonly judge?: (() => readonly Finding[]) | undefined;
}

/** What came of a run. */
export interface RunResult {
  readonly plan: Plan;
  /** The first thing found wrong; undefined if nothing was. */
  readonly finding: Finding | undefined;
  readonly findings: readonly Finding[];
  readonly story: readonly StoryEvent[];
  /** How all members stood, where something was wrong. */
  readonly standing: readonly string[];
  readonly events: number;
  readonly virtualMs: number;
  /** Same plan, same digest. */
  readonly digest: string;
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly operations: { done: number; failed: number; unknown: number; placed: number };
  /** Answers of replicas that were compared with those of others. */
  readonly compared: number;
  readonly entriesChecked: number;
}

/** How long everything may take to finish once all is well. */
const finishMsMax = 60_000;
/** How long clients go on when a majority is healed. */
const healthyMs = 1_500;

/** Runs a plan. */
export async function run<Service>(
  plan: Plan,
  subject: Subject<Service>,
  onEvent?: (line: string) => void,
): Promise<RunResult> {
  const { seed, members, clientsPerMember, thinkMs, hardware = quickHardware } = plan;
  const { application } = subject;
  const cluster = new SimCluster({
    ...{ seed, members, application, clientsPerMember, thinkMs, hardware, onEvent },
  });
  const faults = new Faults(cluster, plan);
  let wrong: unknown;
  try {
    await cluster.pass(plan.faultyMs);
    if (!cluster.findings.any) await finish(cluster, faults, subject.awaits);
    if (!cluster.findings.any) judge(cluster, subject);
  } catch (error) {
    wrong = error;
  }
  if (wrong !== undefined) noteFailure(cluster, wrong);
  const { findings, story, world, checkers } = cluster;
  return {
    plan,
    finding: findings.all[0],
    findings: findings.all,
    story: story.events,
    standing: findings.any ? cluster.describe() : [],
    events: world.steps,
    virtualMs: world.nowMs,
    digest: world.digest,
    faults: faults.counts,
    operations: { ...checkers.order.counts, placed: checkers.order.placed },
    compared: checkers.states.compared,
    entriesChecked: checkers.consensus.entriesChecked,
  };
}

/** The phase of liveness. */
async function finish<Service>(
  cluster: SimCluster<Service>,
  faults: Faults,
  awaits: Subject<Service>['awaits'],
): Promise<void> {
  const dead = chooseDead(cluster, faults);
  const alive = () => cluster.present.filter((name) => !dead.has(name));
  const rest = dead.size === 0 ? '' : `, ${[...dead].join(' ')} stay dead`;
  cluster.story.tell('phase', undefined, `faults end${rest}: everything must finish`);
  faults.heal(dead);
  await demand(cluster, 'a majority is well, but not all of it takes part', () =>
    alive().every((name) => cluster.running(name) !== undefined),
  );
  // Changes of members go on until they are done: nothing may stop them now.
  await demand(cluster, 'a change of members does not end', () => faults.repairs.settledBut(dead));
  await cluster.pass(healthyMs);
  cluster.clientsActive = false;
  await demand(cluster, 'requests wait for ever', () => cluster.settled(alive()));
  await demand(cluster, 'replicas do not come together', () => together(cluster, alive()));
  // Of those that are dead nobody knows what they can do.
  if (awaits === undefined || dead.size > 0) return;
  await demand(cluster, 'members do not come to where they shall be', () =>
    awaits(alive().flatMap((name) => cluster.running(name)?.service ?? [])),
  );
}

/** Lets the world go on until a condition holds, which must come to hold. */
async function demand<Service>(
  cluster: SimCluster<Service>,
  otherwise: string,
  condition: () => boolean,
): Promise<void> {
  if (cluster.findings.any) return;
  try {
    await cluster.until(condition, finishMsMax);
  } catch (error) {
    if (!(error instanceof SimulationError) || !error.message.startsWith('not in time'))
      throw error;
    const late = `${otherwise}, though all was well for ${finishMsMax / 1000} s`;
    cluster.findings.report('liveness', late);
  }
}

/**
 * Who need not come back: a minority of those who vote. Where membership has changed, only if all who
 * do come back know for certain that the last change was committed: else they could need the majority
 * before it, in which the dead may count (docs/simulator-found.md, "a change that is forgotten").
 */
function chooseDead(cluster: SimCluster<unknown>, faults: Faults): Set<string> {
  if (!faults.repairs.idle) return new Set();
  const { present } = cluster;
  const random = cluster.world.randomFor('dead');
  const shuffled = [...present].sort(() => random.fraction() - 0.5);
  const deadCount = Math.floor((present.length - 1) / 2);
  const dead = shuffled.slice(0, deadCount);
  const remember = !faults.repairs.changed || changesAreKept(cluster, shuffled.slice(deadCount));
  return new Set(remember ? dead : []);
}

/** Of each group, these members have on their disks that the last change is committed. */
function changesAreKept(cluster: SimCluster<unknown>, names: readonly string[]): boolean {
  const engines = names.flatMap((name) => cluster.running(name)?.engine ?? []);
  const groups = engines[0]?.system.state.groups ?? [];
  return [0, ...groups.map(({ id }) => id)].every((id) => {
    const lastChange = cluster.checkers.consensus.lastChange(id);
    return engines.every(({ log }) => {
      const { hardState, base } = log.group(id)?.written ?? unwritten;
      return log.idle && Math.max(hardState.commit, base.index) >= lastChange;
    });
  });
}

/** A group of which a log has nothing. */
const unwritten = { hardState: { commit: 0 }, base: { index: 0 } };

/** All replicas have applied the same, and as much as anybody was told. */
function together(cluster: SimCluster<unknown>, names: readonly string[]): boolean {
  const { consensus } = cluster.checkers;
  return names.every((name) => {
    const engine = cluster.running(name)?.engine;
    if (engine === undefined) return false;
    return [0, ...engine.system.state.groups.map(({ id }) => id)].every(
      (id) => (engine.replica(id)?.appliedIndex ?? 0) >= consensus.committedIndex(id),
    );
  });
}

/** What is asked when all is over. */
function judge<Service>(cluster: SimCluster<Service>, subject: Subject<Service>): void {
  const { findings, checkers } = cluster;
  for (const { rule, message } of subject.judge?.() ?? []) findings.report(rule, message);
  if (subject.fresh !== undefined) {
    checkers.states.replay(subject.application.group, subject.fresh());
  }
  for (const name of cluster.present) {
    const life = cluster.running(name);
    if (life === undefined || subject.check === undefined) continue;
    try {
      const said = subject.check(life.service, name);
      const isWrong = said === false || typeof said === 'string';
      if (isWrong) findings.report('check', `the check fails on ${name}: ${said}`);
    } catch (error) {
      findings.report('check', `the check fails on ${name}: ${(error as Error).message}`);
    }
  }
}

/** Something was thrown: by simulated code, by the trap, or by an assertion. */
function noteFailure(cluster: SimCluster<unknown>, error: unknown): void {
  const cause = error instanceof SimulationError ? (error.cause ?? error) : error;
  const text = cause instanceof Error ? cause.message : String(cause);
  cluster.findings.report('thrown', text);
}
