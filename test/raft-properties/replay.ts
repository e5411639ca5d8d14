/**
 * Names of runs, so that a failure is one line to repeat: `profile:seed`, or with the steps that
 * shrinking left over `profile:seed:1,4,7`.
 */
import { type Plan, planFrom, profiles } from './plan.ts';
import { type Figures, run } from './run.ts';
import { World } from './world.ts';

/** The longest trace that is printed with a failure. */
const traceLinesMax = 60;

export function nameOf(plan: Plan, kept?: readonly number[]): string {
  const name = `${plan.profile}:${plan.seed}`;
  return kept === undefined ? name : `${name}:${kept.join(',')}`;
}

/** The plan of a name. */
export function planNamed(name: string): Plan {
  const [profileName, seed, kept] = name.split(':');
  const profile = profiles.find((known) => known === profileName);
  if (profile === undefined || !/^\d+$/.test(seed ?? '')) throw new Error(`no run "${name}"`);
  const plan = planFrom(profile, Number(seed));
  if (kept === undefined) return plan;
  return keeping(plan, kept === '' ? [] : kept.split(',').map(Number));
}

/** The plan with only these of its steps; the time that the others waited passes all the same. */
function keeping(plan: Plan, kept: readonly number[]): Plan {
  const stays = new Set(kept);
  const steps = plan.steps.map((step, i) => {
    return stays.has(i) ? step : { ...step, kind: 'rest' as const, a: 0 };
  });
  return { ...plan, steps };
}

function failureOf(plan: Plan): unknown {
  try {
    run(plan);
    return undefined;
  } catch (error) {
    return error ?? new Error('thrown: nothing');
  }
}

/**
 * Leaves out steps as long as the run still fails, in ever smaller pieces (delta debugging).
 * @returns the indexes of the steps that matter
 */
export function shrink(plan: Plan): number[] {
  let kept = plan.steps.map((_, i) => i);
  for (let piece = Math.ceil(kept.length / 2); piece >= 1; piece = Math.floor(piece / 2)) {
    for (let start = 0; start < kept.length; ) {
      const fewer = [...kept.slice(0, start), ...kept.slice(start + piece)];
      if (failureOf(keeping(plan, fewer)) === undefined) start += piece;
      else kept = fewer;
    }
  }
  return kept;
}

/** Runs a plan; a failure comes with its shortest schedule, the line to repeat it, and a trace. */
export function runOrExplain(plan: Plan): Figures {
  try {
    return run(plan);
  } catch (error) {
    const kept = shrink(plan);
    throw new Error(explanation(plan, kept), { cause: error });
  }
}

function explanation(plan: Plan, kept: readonly number[]): string {
  const world = new World(keeping(plan, kept), { trace: true });
  let message = 'it did not fail again';
  try {
    run(keeping(plan, kept), world);
  } catch (error) {
    message = String(error);
  }
  const trace = (world.trace ?? []).filter((line) => !line.includes('STEP rest 0'));
  return [
    message,
    `repeat: QUORATE_REPLAY='${nameOf(plan, kept)}' npx vitest run test/raft-properties`,
    `(with all its steps: ${nameOf(plan)})`,
    `group: ${JSON.stringify(plan.group)}`,
    ...trace.slice(-traceLinesMax),
  ].join('\n');
}
