/**
 * A run of a plan: a phase of faults, in which nothing bad may happen, and then, with the faults
 * over and a majority running, a phase in which something good must.
 */
import { finish } from './finish.ts';
import { type Plan, TICK } from './plan.ts';
import { perform } from './steps.ts';
import { World } from './world.ts';

export interface Figures {
  events: number;
  messages: number;
  elections: number;
  committed: number;
  changes: number;
  reads: number;
  /** Ticks from the end of the faults to a proposal's commit everywhere. */
  recoveryTicks: number;
}

/** Runs a plan to its end. Throws what it finds wrong. */
export function run(plan: Plan, world = new World(plan)): Figures {
  electSomebody(world);
  for (const step of plan.steps) {
    world.events.runUntil(world.events.now + step.wait);
    perform(world, step);
  }
  const recoveryTicks = finish(world);
  const { oracle, events, messagesSent } = world;
  return {
    events: events.happened,
    messages: messagesSent,
    elections: oracle.elections,
    committed: oracle.committedMax,
    changes: oracle.changes,
    reads: oracle.readsAnswered,
    recoveryTicks,
  };
}

/** Most of what may go wrong needs a leader first; with the world's faults there may be none. */
function electSomebody(world: World): void {
  const { electionTicks } = world.plan.group;
  for (let tick = 0; tick < 4 * electionTicks && world.leader === undefined; tick++) {
    world.events.runUntil(world.events.now + TICK);
  }
}
