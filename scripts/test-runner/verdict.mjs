/**
 * From what the suites report to one verdict. Pure, so that its rules are tested by themselves:
 *
 * - a suite that crashed counts as one failure, whatever it reported before;
 * - a suite in which nothing ran counts as one failure, unless only some tests were asked for;
 *   that nothing at all ran is always a failure;
 * - a skipped test must say why, everywhere; on a continuous-integration machine (`strictSkips`) it
 *   must moreover be expected there by name, or it counts as a failure.
 *
 * A runner that may say "0 failed" for any other reason than success is worse than none.
 */

/**
 * @typedef {{ test: string, reason?: string | undefined }} Skip
 * @typedef {{ test: string, text: string }} Failure `text` may be empty where it was printed before
 * @typedef {object} SuiteResult
 * @property {string} suite
 * @property {number} passed
 * @property {Failure[]} failures
 * @property {Skip[]} skips
 * @property {string} [crash] why the suite did not come to its end
 *
 * @typedef {{ test: string, why: string }} ExpectedSkip `test` is a part of the test's name
 * @typedef {object} VerdictRules
 * @property {boolean} strictSkips
 * @property {boolean} selection whether only some tests were asked for
 * @property {readonly ExpectedSkip[]} expectedSkips
 */

/**
 * @param {readonly SuiteResult[]} results
 * @param {VerdictRules} rules
 * @returns {{ lines: string[], exitCode: 0 | 1 }} what to print, the sum last
 */
export function verdict(results, rules) {
  const failures = results.flatMap((result) => [
    ...result.failures.map((failure) => ({ ...failure, test: `${result.suite}: ${failure.test}` })),
    ...suiteFailures(result, rules),
  ]);
  const skips = [];
  for (const result of results) {
    for (const skip of result.skips) {
      const named = { test: `${result.suite}: ${skip.test}`, reason: skip.reason };
      const problem = skipProblem(named, rules);
      if (problem === undefined) skips.push(named);
      else failures.push({ test: named.test, text: problem });
    }
  }
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  if (passed + failures.length + skips.length === 0) {
    failures.push({ test: 'all suites', text: 'No test ran.' });
  }

  const lines = [];
  for (const skip of skips) lines.push(`skipped ${skip.test} (${skip.reason})`);
  for (const failure of failures) {
    lines.push(`FAILED ${failure.test}`);
    for (const line of failure.text.split('\n')) if (line !== '') lines.push(`       ${line}`);
  }
  const skipped = skips.length > 0 ? `, ${skips.length} skipped` : '';
  lines.push(`${passed} passed, ${failures.length} failed${skipped}`);
  return { lines, exitCode: failures.length === 0 ? 0 : 1 };
}

/**
 * @param {SuiteResult} result
 * @param {VerdictRules} rules
 * @returns {Failure[]}
 */
function suiteFailures(result, rules) {
  if (result.crash !== undefined) {
    return [{ test: result.suite, text: `The suite did not end properly: ${result.crash}` }];
  }
  const count = result.passed + result.failures.length + result.skips.length;
  if (count === 0 && !rules.selection) {
    return [{ test: result.suite, text: 'The suite ran no test.' }];
  }
  return [];
}

/**
 * @param {Skip} skip
 * @param {VerdictRules} rules
 * @returns {string | undefined}
 */
function skipProblem(skip, rules) {
  if (skip.reason === undefined || skip.reason.trim() === '') {
    return 'Skipped without a reason. Give one: context.skip(condition, reason).';
  }
  if (!rules.strictSkips) return undefined;
  if (rules.expectedSkips.some((expected) => skip.test.includes(expected.test))) return undefined;
  return `Skipped (${skip.reason}), which nobody expects here; see test/expected-skips.json.`;
}
