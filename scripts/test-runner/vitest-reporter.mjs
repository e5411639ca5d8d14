/**
 * A reporter for vitest that leaves the outcome of every test in the file named by
 * `QUORATE_TEST_RESULTS`, written only at the end of a run: no file, no proper end.
 */
import { writeFileSync } from 'node:fs';
import { relative, sep } from 'node:path';
import { root } from '../set-up/root.mjs';

/**
 * @typedef {object} VitestOutcome
 * @property {number} passed
 * @property {import('./verdict.mjs').Failure[]} failures
 * @property {import('./verdict.mjs').Skip[]} skips
 * @property {boolean} interrupted
 */

export default class ResultsReporter {
  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly { message?: string }[]} unhandledErrors
   * @param {import('vitest/node').TestRunEndReason} reason
   */
  onTestRunEnd(modules, unhandledErrors, reason) {
    const path = process.env.QUORATE_TEST_RESULTS;
    if (path === undefined) return;
    /** @type {VitestOutcome} */
    const outcome = { passed: 0, failures: [], skips: [], interrupted: reason === 'interrupted' };
    for (const module of modules) collect(module, outcome);
    for (const error of unhandledErrors) {
      outcome.failures.push({ test: 'an error outside any test', text: error.message ?? '' });
    }
    writeFileSync(path, JSON.stringify(outcome));
  }
}

/**
 * @param {import('vitest/node').TestModule} module
 * @param {VitestOutcome} outcome
 */
function collect(module, outcome) {
  const file = relative(root, module.moduleId).split(sep).join('/');
  for (const error of module.errors()) outcome.failures.push({ test: file, text: error.message });
  for (const suite of module.children.allSuites()) {
    // What goes wrong in beforeAll and afterAll belongs to no test.
    for (const error of suite.errors()) {
      outcome.failures.push({ test: `${file} > ${suite.fullName}`, text: error.message });
    }
  }
  for (const test of module.children.allTests()) {
    const name = `${file} > ${test.fullName}`;
    const result = test.result();
    if (result.state === 'passed') outcome.passed++;
    else if (result.state === 'skipped') outcome.skips.push({ test: name, reason: result.note });
    else if (result.state === 'failed') {
      outcome.failures.push({
        test: name,
        text: result.errors.map((each) => each.message).join('\n'),
      });
    } else {
      outcome.failures.push({ test: name, text: 'It never ended.' });
    }
  }
}
