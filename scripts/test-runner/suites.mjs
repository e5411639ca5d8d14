/**
 * The suites and how each is run. A suite is a name, and a function that runs it and says what
 * came of it.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtPath, programs } from '../programs.mjs';
import { root } from '../set-up/root.mjs';
import { runProgram } from './run-program.mjs';
import { resultOfProgram } from './sum-line.mjs';

/**
 * @typedef {'test' | 'ci' | 'soak'} Tier
 * @typedef {object} RunOptions
 * @property {Tier} tier
 * @property {string[]} patterns parts of the paths of the tests asked for; none means all
 * @property {boolean} coverage
 * @property {number} minutes how long each soak test may take
 * @property {boolean} format whether format and lint are checked too
 *
 * @typedef {import('./verdict.mjs').SuiteResult} SuiteResult
 * @typedef {{ name: string, run: () => Promise<SuiteResult> }} Suite
 */

const minuteMs = 60_000;

/** No tier's suite may outlast its tier; a soak is told how long it takes. */
const timeLimitMs = { test: 10 * minuteMs, ci: 25 * minuteMs };

/**
 * Long enough for a score of soak tests one after another. Each has its own limit besides.
 * @param {number} minutes
 */
const soakLimitMs = (minutes) => Math.min((20 * minutes + 10) * minuteMs, 2 ** 31 - 1);

const reporterPath = fileURLToPath(new URL('./vitest-reporter.mjs', import.meta.url));

const raftScripts = join('..', 'shared', 'raft-suite');

/**
 * The suites that `options` asks for, in the order in which they are run: the quick ones first.
 * @param {RunOptions} options
 * @returns {Suite[]}
 */
export function suites(options) {
  if (options.tier === 'soak') {
    return [{ name: 'soak', run: () => runVitest('soak', options, options.patterns) }];
  }
  const checks = [
    ...(options.format ? [{ name: 'format', run: runFormatCheck }] : []),
    { name: 'types', run: runTypeCheck },
    // The folder decides, not the program: where that was not built, the suite shall fail.
    ...(existsSync(join(root, 'test', 'raft-suite'))
      ? [{ name: 'raft-suite', run: runRaftSuite }]
      : []),
  ];
  // A pattern that names a suite asks for that suite; any other is for test files.
  const names = [...checks.map(({ name }) => name), 'tests'];
  const paths = options.patterns.filter((pattern) => !names.includes(pattern));
  const wanted = (/** @type {string} */ name) =>
    options.patterns.length === 0 || options.patterns.includes(name);
  return [
    ...checks.filter(({ name }) => wanted(name)),
    ...(wanted('tests') || paths.length > 0
      ? [{ name: 'tests', run: () => runVitest('tests', options, paths) }]
      : []),
  ];
}

/**
 * @param {string} suite
 * @param {RunOptions} options
 * @param {string[]} paths parts of the paths of the test files to run; none means all of the tier
 * @returns {Promise<SuiteResult>}
 */
async function runVitest(suite, { tier, coverage, minutes }, paths) {
  mkdirSync(join(root, '.cache'), { recursive: true });
  const folder = mkdtempSync(join(root, '.cache', 'test-results-'));
  const resultsPath = join(folder, 'results.json');
  try {
    const { ending } = await runProgram(
      [
        join('node_modules', 'vitest', 'vitest.mjs'),
        'run',
        ...paths,
        '--reporter=default',
        `--reporter=${reporterPath}`,
        ...(coverage ? ['--coverage'] : []),
      ],
      {
        timeLimitMs: tier === 'soak' ? soakLimitMs(minutes) : timeLimitMs[tier],
        environment: {
          QUORATE_TIER: tier,
          QUORATE_SOAK_MINUTES: String(minutes),
          QUORATE_TEST_RESULTS: resultsPath,
        },
      },
    );
    return resultOfVitest(suite, resultsPath, ending);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} suite
 * @param {string} resultsPath
 * @param {string} ending how vitest ended, in words
 * @returns {SuiteResult}
 */
export function resultOfVitest(suite, resultsPath, ending) {
  if (!existsSync(resultsPath)) {
    return { suite, passed: 0, failures: [], skips: [], crash: `vitest ${ending}` };
  }
  /** @type {import('./vitest-reporter.mjs').VitestOutcome} */
  const { passed, failures, skips, interrupted } = JSON.parse(readFileSync(resultsPath, 'utf8'));
  /** @type {SuiteResult} */
  const result = { suite, passed, failures, skips };
  const ran = passed + failures.length + skips.length > 0;
  // Vitest fails by itself where it found no file; the verdict has its own rule for that.
  const agrees = ending.endsWith(' code 0') === (failures.length === 0) || !ran;
  if (interrupted || !agrees) return { ...result, crash: `vitest ${ending}` };
  return result;
}

/** @returns {Promise<SuiteResult>} */
async function runRaftSuite() {
  const suite = 'raft-suite';
  if (!existsSync(join(root, raftScripts))) {
    const skip = { test: 'all scripts', reason: `${raftScripts} is not there` };
    return { suite, passed: 0, failures: [], skips: [skip] };
  }
  const program = builtPath(programs.raftSuite);
  return resultOfProgram(
    suite,
    await runProgram([program, raftScripts], { timeLimitMs: timeLimitMs.test }),
  );
}

/** @returns {Promise<SuiteResult>} */
function runTypeCheck() {
  const tsc = join('node_modules', 'typescript', 'bin', 'tsc');
  return runCheck('types', [tsc, '-p', 'tsconfig.json'], 'every file has sound types');
}

/** @returns {Promise<SuiteResult>} */
function runFormatCheck() {
  const biome = join('node_modules', '@biomejs', 'biome', 'bin', 'biome');
  return runCheck('format', [biome, 'ci', '.'], 'every file is formatted and free of lint');
}

/**
 * A suite of one test: a tool that is content or not.
 * @param {string} suite
 * @param {string[]} args
 * @param {string} test
 * @returns {Promise<SuiteResult>}
 */
async function runCheck(suite, args, test) {
  const { exitCode, ending } = await runProgram(args, { timeLimitMs: timeLimitMs.test });
  if (exitCode === 0) return { suite, passed: 1, failures: [], skips: [] };
  if (exitCode === undefined) return { suite, passed: 0, failures: [], skips: [], crash: ending };
  return { suite, passed: 0, failures: [{ test, text: 'See above.' }], skips: [] };
}
