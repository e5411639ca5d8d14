/**
 * The door to the simulated world: nodes with clocks, disks and a network that belong to a test,
 * and every fault that reliability can be tested with. A run is repeated from its seed.
 */
import type { Machine } from './engine/machine.ts';
import { type AnyDefinition, MachineDefinition } from './machine/definition.ts';
import type { Group } from './member/group.ts';
import type { TypedGroup } from './member/typed-group.ts';
import { coreCount, readText, runSelf, tellParent, writeText } from './platform/simulation-host.ts';
import {
  ownQueries,
  rawMachine,
  type SimulateOptions,
  type SimulationSummary,
  simulateKind,
  type TypedSimulateOptions,
  typedMachine,
} from './sim/simulate.ts';

export { QuorateError } from './base/errors.ts';
export { SeededRandom } from './base/seeded-random.ts';
export type { Machine } from './engine/machine.ts';
export type { Ports } from './ports/ports.ts';
export { fromJsonLines, History, toJsonLines } from './sim/checkers/history.ts';
export {
  checkLinearizable,
  type Model,
  type Observed,
  type Verdict,
} from './sim/checkers/linearizability.ts';
export type { DiskFaults } from './sim/disk-faults.ts';
export type { LinkFaults, SimNetwork } from './sim/network.ts';
export type { FaultKind } from './sim/run/plan.ts';
export type { FailureReport } from './sim/run/trial.ts';
export type { NodeOptions, SimNode } from './sim/sim-node.ts';
export {
  type OwnQueries,
  type SimulateOptions,
  SimulationFailure,
  type SimulationSummary,
  type TypedSimulateOptions,
  type WorkloadContext,
} from './sim/simulate.ts';
export { trapNondeterminism } from './sim/trap.ts';
export { World, type WorldOptions } from './sim/world.ts';

/** For the `quorate sim` command: what running many simulations needs of the system. */
export const simulationHost = { coreCount, runSelf, tellParent, readText, writeText } as const;

/**
 * Runs your own machine on real members through faults drawn from seeds, with your workload, and
 * checks all that replication promises, and what you demand yourself. The environment variable
 * `QUORATE_SEED` asks for one seed alone: so a failure is repeated.
 *
 * @param machine the machine as `machine()` states it, or what makes one that has the interface
 *   `Machine`, as each member would have it
 * @throws SimulationFailure with seed, shortest failing schedule and timeline; its `report` has the
 *   same as a page of HTML
 *
 * @example
 * ```ts
 * import { type Machine, simulate } from 'quorate/sim';
 *
 * declare function counter(): Machine & { total(): number };
 *
 * await simulate(counter, {
 *   members: 3,
 *   workload: ({ group, random }) => group.propose(Uint8Array.of(random.below(10))),
 *   check: (group) => group.machine.total() >= 0,
 * });
 * ```
 */
export function simulate<Definition extends AnyDefinition>(
  machine: Definition,
  options: TypedSimulateOptions<Definition>,
): Promise<SimulationSummary>;
/** The same for a machine with the interface `Machine`: its proposals and answers are its own. */
export function simulate<State extends Machine>(
  machine: () => State,
  options: SimulateOptions<Group<State>>,
): Promise<SimulationSummary>;
/** Both of these. */
export function simulate(
  machine: AnyDefinition | (() => Machine),
  options: SimulateOptions<Group> | TypedSimulateOptions<AnyDefinition>,
): Promise<SimulationSummary> {
  if (!(machine instanceof MachineDefinition)) {
    return simulateKind(rawMachine(machine), seeded(options as SimulateOptions<Group>), replay);
  }
  const { check, ...rest } = options as TypedSimulateOptions<AnyDefinition>;
  const typed: SimulateOptions<TypedGroup<AnyDefinition>> =
    check === undefined ? rest : { ...rest, check: (group) => check(ownQueries(group), group) };
  return simulateKind(typedMachine(machine), seeded(typed), replay);
}

/** The one seed that is asked for, if one is. */
function seeded<Options extends object>(options: Options): Options {
  const asked = process.env.QUORATE_SEED;
  return asked === undefined ? options : { ...options, seed: Number(asked), seeds: 1 };
}

/** How whoever ran this runs it again. */
function replay(seed: number): string {
  return `QUORATE_SEED=${seed} ${process.env.npm_command === 'test' ? 'npm test' : 'npx vitest run'}`;
}
