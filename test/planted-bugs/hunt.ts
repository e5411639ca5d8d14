/** Plants the bug that is named, and runs seeds until it is found: prints what came of it as JSON. */
import { register } from 'node:module';
import { plantedBugs } from './catalogue.ts';

/** What a hunt came to. */
export interface Hunt {
  /** The seed that has found it. */
  readonly seed: number | undefined;
  readonly rule: string | undefined;
}

const bug = plantedBugs.find(({ name }) => name === process.argv[2]);
if (bug === undefined) throw new Error(`there is no bug "${process.argv[2]}"`);
register('./hook.js', import.meta.url, { data: bug.name });

// Only what is loaded from now on passes the hook.
const { house } = await import('../../src/sim/house/house.ts');
const { drawPlan, quickHardware } = await import('../../src/sim/run/plan.ts');
const { run } = await import('../../src/sim/run/run.ts');

const { ledgerSubject, Told } = await import('../member-world/ledger.ts');

const { firstSeed = 1, seedsMax, faults, wishes, subject } = bug;
let found: Hunt = { seed: undefined, rule: undefined };
for (let seed = firstSeed; seed < firstSeed + seedsMax && found.seed === undefined; seed++) {
  // Quick machines: more happens in a virtual second, and the seeds that find a bug stay the same.
  const hardware = quickHardware;
  const plan = drawPlan(seed, { faultyMs: 8_000, thinkMs: 30, hardware, ...wishes, faults });
  const { finding } =
    subject === 'sessions'
      ? await run(plan, ledgerSubject(new Told()))
      : await run(plan, house().subject);
  if (finding !== undefined) found = { seed, rule: finding.rule };
}
process.stdout.write(`${JSON.stringify(found)}\n`, () => process.exit(0));
