/**
 * Makes a failing run short: runs it again and again with less, and keeps what still fails by the
 * same rule. First half of all faults are left out, then a quarter, and so on (delta debugging,
 * Zeller and Hildebrandt, 2002); then clients and time.
 */
import type { Finding } from '../checkers/findings.ts';
import type { Plan, PlannedFault } from './plan.ts';

/** Runs a plan and says what it found. */
export type Attempt = (plan: Plan) => Promise<Finding | undefined>;

/** What came of it. */
export interface Shrunk {
  readonly plan: Plan;
  readonly finding: Finding;
  readonly runs: number;
}

/** Shrinks a plan that failed, in at most `runsMax` runs. */
export async function shrink(
  failed: { readonly plan: Plan; readonly finding: Finding; readonly atMs: number },
  attempt: Attempt,
  runsMax: number,
): Promise<Shrunk> {
  let { plan, finding } = failed;
  let runs = 0;
  const tryWith = async (smaller: Plan): Promise<boolean> => {
    if (runs >= runsMax) return false;
    runs++;
    const found = await attempt(smaller);
    if (found?.rule !== finding.rule) return false;
    plan = smaller;
    finding = found;
    return true;
  };
  // What came after the failure had no part in it; if the failure came in the end, all had.
  const endMs = Math.min(plan.faultyMs, Math.ceil(failed.atMs / 500) * 500);
  const began = plan.faults.filter(({ atMs }) => atMs <= failed.atMs);
  await tryWith({ ...plan, faults: began, faultyMs: endMs });
  for (let parts = 2; plan.faults.length > 0; ) {
    const size = Math.ceil(plan.faults.length / parts);
    let smaller = false;
    for (let from = 0; from < plan.faults.length && !smaller; from += size) {
      smaller = await tryWith({ ...plan, faults: without(plan.faults, from, size) });
    }
    if (runs >= runsMax || (!smaller && size === 1)) break;
    parts = smaller ? Math.max(2, parts - 1) : Math.min(plan.faults.length, 2 * parts);
  }
  for (let clients = 1; clients < plan.clientsPerMember; clients++) {
    if (await tryWith({ ...plan, clientsPerMember: clients })) break;
  }
  while (plan.faultyMs > 1_000) {
    const lastMs = plan.faults.at(-1)?.atMs ?? 0;
    const shorter = Math.max(lastMs + 100, Math.floor((plan.faultyMs * 3) / 4));
    if (shorter >= plan.faultyMs || !(await tryWith({ ...plan, faultyMs: shorter }))) break;
  }
  return { plan, finding, runs };
}

function without(faults: readonly PlannedFault[], from: number, count: number): PlannedFault[] {
  return faults.filter((_, at) => at < from || at >= from + count);
}
