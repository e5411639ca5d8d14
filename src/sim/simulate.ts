/**
 * The simulator for users' own machines: a cluster of real members in a world of faults, clients
 * that do what the user's workload says, and everything that replication promises checked. A machine
 * that answers differently on two replicas is caught, with the command that shows it.
 */
import type { Machine } from '../engine/machine.ts';
import type { InputOf, OutputOf } from '../machine/calls.ts';
import type { AnyDefinition } from '../machine/definition.ts';
import type { Group } from '../member/group.ts';
import type { TypedGroup } from '../member/typed-group.ts';
import type { Random } from '../ports/random.ts';
import { drawPlan, type FaultKind } from './run/plan.ts';
import type { Subject } from './run/run.ts';
import { Tally } from './run/tally.ts';
import { attempt, type FailureReport } from './run/trial.ts';

/** What a step of a workload may use. */
export interface WorkloadContext<Service> {
  /** The group as this client's member has it. */
  readonly group: Service;
  /** Draws for this client: the same whenever the seed is the same. Use nothing else. */
  readonly random: Random;
  /** A number for each client of the run. */
  readonly client: number;
}

/** What is to be simulated, and how. */
export interface SimulateOptions<Service> {
  /**
   * One step of a client, called again and again: what it awaits may fail with a `QuorateError`, or
   * the machine's `Refusal`, which ends the step. Anything else it throws is a failure of the run.
   */
  readonly workload: (context: WorkloadContext<Service>) => Promise<unknown>;
  /**
   * What must hold of every member's own state once all is well again: it throws, or answers false
   * or what is wrong.
   */
  readonly check?: (group: Service) => unknown;
  /** 3 or 5 if not given, drawn from the seed. */
  readonly members?: number;
  /** Which kinds of faults may come: all by default, none if empty. */
  readonly faults?: readonly FaultKind[];
  /** The first seed: 0 … 2^53 − 1; 1 by default. */
  readonly seed?: number;
  /** How many seeds are run, one after the other; 10 by default. */
  readonly seeds?: number;
  /** How long faults come, in virtual ms. Drawn from the seed if not given. */
  readonly faultyMs?: number;
  /** Runs that may be spent to make a failure shorter; 40 by default. */
  readonly shrinkRunsMax?: number;
}

/** Calls a query of one member's own state, at once. */
type OwnCall<Input, Output> = undefined extends Input
  ? (input?: Input) => Output
  : (input: Input) => Output;

/** A definition's queries, answered by one member from what it has applied, without a promise. */
export type OwnQueries<Definition extends AnyDefinition> = {
  readonly [Name in keyof Definition['types']['queries']]: OwnCall<
    InputOf<Definition['types']['queries'][Name]>,
    OutputOf<Definition['types']['queries'][Name]>
  >;
};

/** What is to be simulated of a machine that was stated with `machine()`, and how. */
export interface TypedSimulateOptions<Definition extends AnyDefinition>
  extends Omit<SimulateOptions<TypedGroup<Definition>>, 'check'> {
  /**
   * What must hold of every member's own state once all is well again: it is given the machine's
   * queries, and throws, or answers false or what is wrong.
   */
  readonly check?: (queries: OwnQueries<Definition>, group: TypedGroup<Definition>) => unknown;
}

/** What simulations came to. */
export interface SimulationSummary {
  readonly seeds: number;
  readonly events: number;
  /** Virtual milliseconds, all seeds together. */
  readonly virtualMs: number;
  readonly operations: { readonly done: number; readonly failed: number; readonly unknown: number };
  /** Faults injected, by kind. */
  readonly faults: Readonly<Record<string, number>>;
}

/** A run has failed: the message tells the seed, the shortest schedule found and the timeline. */
export class SimulationFailure extends Error {
  override readonly name = 'SimulationFailure';
  readonly report: FailureReport;

  constructor(report: FailureReport) {
    super(report.text);
    this.report = report;
  }
}

/** How a machine is opened on a member: what differs between kinds of machines. */
export interface MachineKind<Service> {
  readonly open: Subject<Service>['application']['open'];
  readonly fresh: (() => Machine) | undefined;
}

const groupName = 'simulated';
const seedsDefault = 10;
const shrinkRunsDefault = 40;

/** A machine with the engine's own interface, made anew for each replica. */
export function rawMachine<State extends Machine>(make: () => State): MachineKind<Group<State>> {
  return {
    open: (member, options) => member.group(groupName, make(), options),
    fresh: make,
  };
}

/** A machine that was stated with `machine()`. */
export function typedMachine<Definition extends AnyDefinition>(
  definition: Definition,
): MachineKind<TypedGroup<Definition>> {
  return {
    open: (member, options) => member.group(groupName, definition, options),
    // What lives in a store is compared among the members, but not played again: it would need one.
    fresh: definition.onDisk ? undefined : () => definition.create({ name: groupName }),
  };
}

/** The queries of a typed machine as one member answers them. */
export function ownQueries<Definition extends AnyDefinition>({
  machine,
}: TypedGroup<Definition>): OwnQueries<Definition> {
  const calls: Record<string, (input?: unknown) => unknown> = Object.create(null);
  for (const name of machine.definition.queries.keys()) {
    calls[name] = (input) => machine.ask(name, input);
  }
  return Object.freeze(calls) as OwnQueries<Definition>;
}

/** Runs seeds one after the other; fails with the first that fails. */
export async function simulateKind<Service>(
  kind: MachineKind<Service>,
  options: SimulateOptions<Service>,
  replay: (seed: number) => string,
): Promise<SimulationSummary> {
  const { workload, check, seed = 1, seeds = seedsDefault } = options;
  const { shrinkRunsMax = shrinkRunsDefault, members, faults, faultyMs } = options;
  const tally = new Tally();
  const subject = (): Subject<Service> => ({
    application: {
      group: groupName,
      open: kind.open,
      step: (group, { random, client }) => workload({ group, random, client }),
    },
    fresh: kind.fresh,
    check: check === undefined ? undefined : (group) => check(group),
  });
  for (let at = 0; at < seeds; at++) {
    const plan = drawPlan(seed + at, { members, faults, faultyMs });
    const { result, failure } = await attempt(plan, subject, { shrinkRunsMax, replay });
    if (failure !== undefined) throw new SimulationFailure(failure);
    const { events, virtualMs, operations } = result;
    const numbers = { seed: plan.seed, events, virtualMs, realMs: 0, operations, checked: 0 };
    tally.add({ ...numbers, faults: [...result.faults] });
  }
  const { events, virtualMs, operations } = tally;
  const byKind = Object.fromEntries(tally.faults);
  return { seeds: tally.seeds, events, virtualMs, operations, faults: byKind };
}
