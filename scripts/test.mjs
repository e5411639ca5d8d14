/**
 * The one runner of all tests. It ends with `N passed, N failed` (`, N skipped` may follow), and
 * with an exit code other than 0 unless everything passed. See HACKING.md for the three tiers.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect, parseArgs } from 'node:util';
import { root } from './set-up/root.mjs';
import { SetUpError, setUp } from './set-up.mjs';
import { suites } from './test-runner/suites.mjs';
import { verdict } from './test-runner/verdict.mjs';

const usage = `npm test [-- [PATTERN…] [--coverage] [--format] [--tier test|ci|soak] [--minutes N]]

  PATTERN     a part of a test file's path, or a suite (types, raft-suite, tests)
  --coverage  measure and print which lines the tests reach
  --format    check format and lint too, as npm run verify does
  --tier      test: the quick ones (default); ci: those and *.ci.test.ts; soak: *.soak.test.ts
  --minutes   how long a soak goes on (default 10)`;

/** @returns {import('./test-runner/suites.mjs').RunOptions} */
function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      coverage: { type: 'boolean', default: false },
      format: { type: 'boolean', default: false },
      tier: { type: 'string', default: 'test' },
      minutes: { type: 'string', default: '10' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const { tier } = values;
  if (tier !== 'test' && tier !== 'ci' && tier !== 'soak') throw new Error(`no tier "${tier}"`);
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes <= 7 * 24 * 60)) throw new Error('--minutes: 0 … 10080, above 0');
  return { tier, minutes, patterns: positionals, coverage: values.coverage, format: values.format };
}

/** @type {import('./test-runner/suites.mjs').RunOptions} */
let options;
try {
  options = readOptions();
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`);
  process.exit(2);
}

/** @type {import('./test-runner/verdict.mjs').SuiteResult[]} */
const results = [];
try {
  await setUp();
  for (const suite of suites(options)) {
    console.log(`── ${suite.name}`);
    results.push(await suite.run());
  }
} catch (error) {
  const crash = error instanceof SetUpError ? error.message : inspect(error);
  results.push({ suite: 'set-up', passed: 0, failures: [], skips: [], crash });
}

const { lines, exitCode } = verdict(results, {
  strictSkips: isTrue(process.env.CI),
  selection: options.patterns.length > 0,
  expectedSkips: JSON.parse(readFileSync(join(root, 'test', 'expected-skips.json'), 'utf8')),
});
console.log(`\n${lines.join('\n')}`);
process.exitCode = exitCode;

/** @param {string | undefined} value of an environment variable */
function isTrue(value) {
  return value !== undefined && value !== '' && value !== '0' && value !== 'false';
}
