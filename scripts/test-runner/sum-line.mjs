/**
 * The line that every program with tests in it ends with: `N passed, N failed`, and `, N skipped`
 * where something was.
 */

/**
 * Reads a program's last line.
 * @param {string} output
 * @returns {{ passed: number, failed: number, skipped: number } | undefined}
 */
export function readSumLine(output) {
  const last = output.trimEnd().split(/\r?\n/).at(-1) ?? '';
  const match = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/.exec(last.trim());
  if (match === null) return undefined;
  const [, passed, failed, skipped = '0'] = match;
  return { passed: Number(passed), failed: Number(failed), skipped: Number(skipped) };
}

/**
 * What a program that ends in a sum line has to say for itself. Its exit code must agree with
 * its count: a program that fails after counting, or counts failures and exits with 0, is broken.
 * @param {string} suite
 * @param {{ output: string, exitCode: number | undefined, ending: string }} run `exitCode` is
 *   undefined if a signal or the time limit ended it; `ending` says how, in words
 * @returns {import('./verdict.mjs').SuiteResult}
 */
export function resultOfProgram(suite, run) {
  const sum = readSumLine(run.output);
  /** @type {import('./verdict.mjs').SuiteResult} */
  const result = { suite, passed: sum?.passed ?? 0, failures: [], skips: [] };
  if (sum === undefined) return { ...result, crash: `no count of its tests; ${run.ending}` };
  for (let number = 1; number <= sum.failed; number++) {
    result.failures.push({ test: `failure ${number} of ${sum.failed}`, text: 'Printed above.' });
  }
  for (let number = 1; number <= sum.skipped; number++) {
    result.skips.push({ test: `skip ${number} of ${sum.skipped}`, reason: 'printed above' });
  }
  const succeeded = run.exitCode === 0;
  if (succeeded !== (sum.failed === 0)) {
    return { ...result, crash: `it counted ${sum.failed} failed, but ${run.ending}` };
  }
  return result;
}
