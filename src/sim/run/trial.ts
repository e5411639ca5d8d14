/**
 * A plan run to the end, and if it fails made as short as possible and told: the seed, the schedule,
 * the timeline, the page, and the one command that repeats it.
 */
import { page } from '../report/page.ts';
import { timeline } from '../report/timeline.ts';
import type { Plan } from './plan.ts';
import { type RunResult, run, type Subject } from './run.ts';
import { shrink } from './shrink.ts';

/** A failed run, told. */
export interface FailureReport {
  readonly seed: number;
  /** The broken rule: a replay must break the same. */
  readonly rule: string;
  readonly message: string;
  /** The shortest plan found that fails alike; running it repeats the failure. */
  readonly plan: Plan;
  /** For people, in a terminal. */
  readonly text: string;
  /** For people, in a browser: one page that needs nothing else. */
  readonly html: string;
}

/** How failures are worked up. */
export interface TrialOptions {
  /** How many further runs may be spent to make a failure shorter. */
  readonly shrinkRunsMax: number;
  /** Whether enough time was spent on that; never by default. */
  readonly enough?: (() => boolean) | undefined;
  /** The command that repeats a seed. */
  readonly replay: (seed: number) => string;
  readonly onEvent?: ((line: string) => void) | undefined;
}

/** What came of a plan. */
export interface Trial {
  readonly result: RunResult;
  readonly failure: FailureReport | undefined;
}

/** Runs a plan; `subject` makes a new one for each run. */
export async function attempt<Service>(
  plan: Plan,
  subject: () => Subject<Service>,
  options: TrialOptions,
): Promise<Trial> {
  const result = await run(plan, subject(), options.onEvent);
  const { finding } = result;
  if (finding === undefined) return { result, failure: undefined };
  const atMs = result.story.find(({ kind }) => kind === 'violation')?.atMs ?? result.virtualMs;
  const again = async (smaller: Plan) =>
    options.enough?.() === true ? undefined : (await run(smaller, subject())).finding;
  const shrunk = await shrink({ plan, finding, atMs }, again, options.shrinkRunsMax);
  const shortest = await run(shrunk.plan, subject());
  // Runs are functions of their plans: the last one fails as it did when it was kept.
  const told = shortest.finding === undefined ? result : shortest;
  return { result, failure: report(told, plan, options) };
}

function report(told: RunResult, first: Plan, { replay }: TrialOptions): FailureReport {
  const { plan } = told;
  const { rule, message } = told.finding!;
  const { seed } = first;
  const command = replay(seed);
  const title = `Seed ${seed} breaks "${rule}"`;
  const kinds = plan.faults.map(({ kind, atMs }) => `${kind} at ${atMs} ms`);
  const faults = kinds.length === 0 ? 'no fault at all' : kinds.join(', ');
  const text = [
    title,
    message,
    '',
    `Repeat it with: ${command}`,
    `Shortest schedule found (${plan.faults.length} of ${first.faults.length} faults, ${plan.members} members, ${plan.clientsPerMember} clients each, ${plan.faultyMs} ms): ${faults}`,
    '',
    'What happened:',
    timeline(told),
  ].join('\n');
  return { seed, rule, message, plan, text, html: page(told, { title, replay: command }) };
}
