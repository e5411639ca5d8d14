/**
 * The run of `quorate sim` at the load that the aim is stated for: five members, 500 operations of
 * clients a virtual second, faults and machines as they are drawn for each seed, all checkers on.
 */
import { house } from '../../src/sim/house/house.ts';
import { drawPlan, type Plan, quickHardware } from '../../src/sim/run/plan.ts';
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
  // What is compiled on the way shall not count: `quorate sim` runs many seeds in one process.
  for (let time = 0; time < 2; time++) await run(drawPlan(from, load), house().subject);
  const drawn: Measured[] = [];
  const quick: Measured[] = [];
  for (let seed = from; seed < from + seeds; seed++) {
    const one = await measured(drawPlan(seed, load));
    drawn.push(one);
    quick.push(await measured(drawPlan(seed, { ...load, hardware: quickHardware })));
    print(`seed ${seed}`, [one]);
  }
  print('all', drawn);
  print('all, quick', quick);
  console.log(`  aim          ${AIM} virtual seconds a second`);
  console.log('  quick: on machines without any delay to speak of, where hardly two events meet');
  const shares = await sharesOf(() => run(drawPlan(from, load), house().subject));
  console.log(`\nWhere the time of seed ${from} goes:`);
  for (const { part, share } of shares) console.log(`  ${percent(share)}  ${part}`);
}

function print(what: string, all: readonly Measured[]): void {
  const found = all.flatMap(({ result: { finding } }) => (finding === undefined ? [] : [finding]));
  const failed = found.map(({ rule }) => `   FAILED: ${rule}`).join('');
  console.log(`  ${what.padEnd(13)}${figures(all)}${failed}`);
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
