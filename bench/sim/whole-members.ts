/**
 * The run of `quorate sim` at the load that the aim is stated for: five members, 500 operations of
 * clients a virtual second, faults as they are drawn for each seed, all checkers on.
 */
import { house } from '../../src/sim/house/house.ts';
import { drawPlan, type Plan } from '../../src/sim/run/plan.ts';
import { type RunResult, run } from '../../src/sim/run/run.ts';
import { type Share, sharesOf } from './shares.ts';

/** Virtual seconds in a second of one core. */
const AIM = 200;

/** Ten clients in each member, who think for a tenth of a second, less what an answer takes. */
const load = { members: 5, clientsPerMember: 10, thinkMs: 95, faultyMs: 15_000 } as const;

interface Measured {
  readonly result: RunResult;
  readonly cpuUs: number;
}

async function measured(plan: Plan): Promise<Measured> {
  const { subject } = house();
  const before = process.cpuUsage();
  const result = await run(plan, subject);
  const { user, system } = process.cpuUsage(before);
  return { result, cpuUs: user + system };
}

/** Runs so many seeds from the first on, prints what they came to, and where the time goes. */
export async function wholeMembers(options: { seeds: number; from: number }): Promise<void> {
  const { seeds, from } = options;
  const { members } = load;
  console.log(`\n${members} members at 500 operations a virtual second, all faults, all checkers:`);
  // What is compiled on the way shall not count.
  await run(drawPlan(from, { ...load, faultyMs: 2_000 }), house().subject);
  const all: Measured[] = [];
  for (let seed = from; seed < from + seeds; seed++) {
    const one = await measured(drawPlan(seed, load));
    all.push(one);
    const { finding } = one.result;
    const found = finding === undefined ? '' : `   FAILED: ${finding.rule}`;
    console.log(`  seed ${String(seed).padEnd(6)}${figures([one])}${found}`);
  }
  console.log(`  all        ${figures(all)}`);
  console.log(`  aim        ${AIM} virtual seconds a second`);
  const shares = await sharesOf(() => run(drawPlan(from, load), house().subject));
  console.log(`\nWhere the time of seed ${from} goes:`);
  for (const { part, share } of shares) console.log(`  ${percent(share)}  ${part}`);
}

function percent(share: Share['share']): string {
  return `${(share * 100).toFixed(1).padStart(5)} %`;
}

function figures(all: readonly Measured[]): string {
  const sum = (of: (each: Measured) => number): number =>
    all.reduce((total, each) => total + of(each), 0);
  const cpuUs = sum(({ cpuUs }) => cpuUs);
  const virtualS = sum(({ result }) => result.virtualMs) / 1000;
  const events = sum(({ result }) => result.events);
  const operations = sum(({ result: { operations } }) => operations.done);
  const cpuS = cpuUs / 1e6;
  return [
    `${(virtualS / cpuS).toFixed(2)} virtual s/s`,
    `${Math.round(events / cpuS).toLocaleString('en')} events/s`,
    `${Math.round(operations / cpuS).toLocaleString('en')} operations/s`,
    `${Math.round(cpuUs / operations)} µs an operation`,
    `${(cpuUs / events).toFixed(1)} µs an event`,
    `(${Math.round(operations / virtualS)} operations, ${Math.round(events / virtualS)} events a virtual second)`,
  ].join('   ');
}
