/**
 * `quorate sim`: throws faults at whole members, seed after seed, on all cores. A failure is made
 * short and told, with the command that repeats it.
 */
import { QuorateError } from '../base/errors.ts';
import { toJsonLines } from '../sim/checkers/history.ts';
import { house } from '../sim/house/house.ts';
import { drawPlan, type Plan } from '../sim/run/plan.ts';
import { numbersOf, type RunNumbers, Tally } from '../sim/run/tally.ts';
import { attempt, type FailureReport } from '../sim/run/trial.ts';
import { simulationHost } from '../sim.ts';
import { parseFlags } from './flags.ts';

export const simUsage = `quorate sim [flags]         run members through crashes, partitions and bad disks

  --seed N               run this seed, and tell what happened
  --seeds N              run so many seeds, from --seed on (1)
  --minutes M            run seed after seed for so long, on all cores
  --processes N          how many at a time (one for each core)
  --replay FILE          run the schedule in a file that a failure has left, as it is
  --history FILE         write what clients saw as JSON lines
  --page FILE            write the page of a failure there (quorate-sim-SEED.html)
  --log                  print every event of the world

  Example: quorate sim --minutes 30
  Example: quorate sim --replay quorate-sim-13.json`;

const kinds = {
  seed: 'number',
  seeds: 'number',
  minutes: 'number',
  processes: 'number',
  replay: 'text',
  history: 'text',
  page: 'text',
  log: 'switch',
  worker: 'text',
} as const;

/** Runs that are spent on making a failure shorter. */
const shrinkRunsMax = 60;
/** And how long: less where many seeds wait. */
const shrinkMsMax = { one: 120_000, many: 20_000 };
/** A seed of many that takes longer than this, the shrinking with it, counts as failed. */
const seedMsMax = 240_000;

/** How often a terminal is told how far it is. */
const progressEveryMs = 500;

const { coreCount, runSelf, tellParent, readText, writeText } = simulationHost;

/** Where the short schedule of a failure is left: beside its page. */
const schedulePath = (seed: number, page = `quorate-sim-${seed}.html`): string =>
  `${page.replace(/\.html$/, '')}.json`;

/** The schedule is what fails; the seed alone would be the whole run, which is long. */
const replayOf =
  (page?: string) =>
  (seed: number): string =>
    `npx quorate sim --replay ${schedulePath(seed, page)}`;

/** Runs the command; resolves with the exit code: 1 if anything was found wrong. */
export async function simCommand(args: readonly string[]): Promise<number> {
  const { flags } = parseFlags(args, kinds);
  if (flags.worker !== undefined) return work(flags.worker);
  if (flags.replay !== undefined) {
    const plan = JSON.parse(await readText(flags.replay)) as Plan;
    return one(plan, flags, 0);
  }
  const { seed = 1, seeds, minutes } = flags;
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new QuorateError('invalid-config', '-seed is a whole number in 0 … 2^53 − 1');
  }
  if (seeds === undefined && minutes === undefined)
    return one(drawPlan(seed), flags, shrinkRunsMax);
  // Without a seed a long run looks where none has looked before.
  const from = flags.seed ?? (minutes === undefined ? 1 : Math.floor(Date.now() / 1000) * 1000);
  return many({ from, seeds, minutes, processes: flags.processes ?? coreCount() });
}

interface OneFlags {
  readonly log: boolean;
  readonly history: string | undefined;
  readonly page: string | undefined;
}

/** Runs one plan, and tells all about it. */
async function one(plan: Plan, { log, history, page }: OneFlags, runsMax: number): Promise<number> {
  const startMs = Date.now();
  let seen = house(plan.seed);
  const first = seen;
  let fresh = true;
  const subject = () => {
    if (!fresh) seen = house(plan.seed);
    fresh = false;
    return seen.subject;
  };
  const onEvent = log ? (line: string) => console.log(line) : undefined;
  const enough = (): boolean => Date.now() - startMs > shrinkMsMax.one;
  const how = { shrinkRunsMax: runsMax, enough, replay: replayOf(page), onEvent };
  const { result, failure } = await attempt(plan, subject, how);
  if (history !== undefined) {
    const observed = first.history.observed(({ type }) => type !== 'read');
    await writeText(history, toJsonLines(observed));
  }
  const tally = new Tally();
  tally.add(numbersOf(result, Date.now() - startMs));
  if (failure !== undefined) {
    tally.failures++;
    await tell(failure, page);
  }
  console.log(`digest     ${result.digest}\n${tally.summary()}`);
  return failure === undefined ? 0 : 1;
}

async function tell(failure: FailureReport, pagePath: string | undefined): Promise<void> {
  const path = pagePath ?? `quorate-sim-${failure.seed}.html`;
  await writeText(path, failure.html);
  const schedule = schedulePath(failure.seed, pagePath);
  await writeText(schedule, `${JSON.stringify(failure.plan, null, 1)}\n`);
  console.log(`${failure.text}\n`);
  console.log(`The page: ${path}\n`);
}

interface ManyOptions {
  readonly from: number;
  readonly seeds: number | undefined;
  readonly minutes: number | undefined;
  readonly processes: number;
}

/** What a worker is told to do. */
interface Work {
  readonly from: number;
  readonly step: number;
  readonly to: number;
  readonly untilMs: number;
}

type Told =
  | { readonly type: 'begin'; readonly seed: number }
  | {
      readonly type: 'run';
      readonly numbers: RunNumbers;
      readonly failure: FailureReport | undefined;
    };

/** Shares seeds among processes, and adds up what they tell. */
async function many({ from, seeds, minutes, processes }: ManyOptions): Promise<number> {
  const tally = new Tally();
  const startMs = Date.now();
  const untilMs = minutes === undefined ? Number.MAX_SAFE_INTEGER : startMs + minutes * 60_000;
  const to = seeds === undefined ? Number.MAX_SAFE_INTEGER : from + seeds;
  const telling: Promise<void>[] = [];
  const isTerminal = process.stdout.isTTY === true;
  const progress = setInterval(() => {
    if (isTerminal) process.stdout.write(`\r${tally.line()}   `);
  }, progressEveryMs);

  /** One process after the other: the next goes on where one did not come through. */
  const share = async (job: Work): Promise<void> => {
    let seed: number | undefined;
    let limit: ReturnType<typeof setTimeout> | undefined;
    let late = false;
    const heard = (message: unknown): void => {
      const told = message as Told;
      if (told.type === 'begin') {
        ({ seed } = told);
        clearTimeout(limit);
        limit = setTimeout(() => {
          late = true;
          worker.end();
        }, seedMsMax);
        return;
      }
      seed = undefined;
      tally.add(told.numbers);
      if (told.failure === undefined) return;
      tally.failures++;
      telling.push(tell(told.failure, undefined));
    };
    const worker = runSelf(['sim', '--worker', JSON.stringify(job)], heard);
    const code = await worker.ended;
    clearTimeout(limit);
    if (code === 0) return;
    // Without a seed it did not even begin, and the next would not either.
    if (seed === undefined) throw new Error(`a process of the simulator ended with ${code}`);
    const why = late ? `has not ended within ${seedMsMax / 1000} s` : `ended its process (${code})`;
    console.log(`Seed ${seed} ${why}: npx quorate sim --seed ${seed}\n`);
    tally.lost();
    await share({ ...job, from: seed + job.step });
  };
  await Promise.all(
    Array.from({ length: processes }, (_, at) =>
      share({ from: from + at, step: processes, to, untilMs }),
    ),
  );
  clearInterval(progress);
  if (isTerminal) process.stdout.write('\r');
  await Promise.all(telling);
  console.log(tally.summary());
  return tally.failures > 0 ? 1 : 0;
}

/** A worker: every `step`-th seed, until the time is over. */
async function work(text: string): Promise<number> {
  const { from, step, to, untilMs } = JSON.parse(text) as Work;
  for (let seed = from; seed < to && Date.now() < untilMs; seed += step) {
    await tellParent({ type: 'begin', seed } satisfies Told);
    const startMs = Date.now();
    const plan = drawPlan(seed);
    const enough = (): boolean => Date.now() - startMs > shrinkMsMax.many;
    const how = { shrinkRunsMax, enough, replay: replayOf() };
    const { result, failure } = await attempt(plan, () => house(seed).subject, how);
    const numbers = numbersOf(result, Date.now() - startMs);
    await tellParent({ type: 'run', numbers, failure } satisfies Told);
  }
  return 0;
}
