/** The way from a real run of vitest to a suite's result, with all that can go wrong in one. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { resultOfVitest } from '../../scripts/test-runner/suites.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cache = join(root, '.cache');
mkdirSync(cache, { recursive: true });
const folder = mkdtempSync(join(cache, 'runner-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(name: string, files: Record<string, string>) {
  const project = join(folder, name);
  mkdirSync(project);
  writeFileSync(join(project, 'vitest.config.mjs'), 'export default { test: { maxWorkers: 1 } };');
  for (const [file, text] of Object.entries(files)) writeFileSync(join(project, file), text);
  const results = join(project, 'results.json');
  const { status } = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      `--reporter=${join(root, 'scripts/test-runner/vitest-reporter.mjs')}`,
    ],
    { cwd: project, env: { ...process.env, QUORATE_TEST_RESULTS: results }, stdio: 'ignore' },
  );
  return resultOfVitest('tests', results, `ended with exit code ${status}`);
}

const opening = "import { beforeAll, describe, expect, it } from 'vitest';\n";

describe('resultOfVitest', () => {
  it('tells passed, failed and skipped apart, and keeps reasons', () => {
    const result = run('mixed', {
      'good.test.mjs': `${opening}
        it('adds', () => expect(1 + 1).toBe(2));
        it('leaves', (context) => context.skip(true, 'no disk here'));
        it.skip('hides', () => {});`,
      'bad.test.mjs': `${opening}
        it('errs', () => expect(1).toBe(2));
        describe('hook', () => { beforeAll(() => { throw new Error('no hook'); }); it('x', () => {}); });`,
      'broken.test.mjs': "import './missing.mjs';",
    });
    expect(result.passed).toBe(1);
    const failures = result.failures.map(({ test }) => test.slice(test.lastIndexOf('/') + 1));
    expect(failures).toContain('bad.test.mjs > errs');
    expect(failures).toContain('bad.test.mjs > hook');
    expect(failures).toContain('broken.test.mjs');
    const skips = result.skips.map(({ test, reason }) => [test.split(' > ').at(-1), reason]);
    expect(skips).toContainEqual(['leaves', 'no disk here']);
    expect(skips).toContainEqual(['hides', undefined]);
    expect(result.crash).toBeUndefined();
  });

  it('does not overlook an error that was thrown outside the tests', () => {
    const result = run('stray', {
      'stray.test.mjs': `${opening}
        it('passes', async () => {
          Promise.reject(new Error('nobody caught this'));
          await new Promise((resolve) => setImmediate(resolve));
        });`,
    });
    expect(result.failures.map(({ text }) => text)).toContain('nobody caught this');
  });

  it('calls it a failure when a worker dies among its tests', () => {
    const result = run('dead', {
      'dead.test.mjs': `${opening} it('dies', () => process.kill(process.pid, 'SIGKILL'));`,
    });
    expect(result.passed).toBe(0);
    expect(result.failures.length > 0 || result.crash !== undefined).toBe(true);
  });

  it('calls it a crash when nothing was reported', () => {
    const result = resultOfVitest('tests', join(folder, 'none.json'), 'was ended by SIGSEGV');
    expect(result).toMatchObject({ passed: 0, crash: 'vitest was ended by SIGSEGV' });
  });

  it('calls it a crash when vitest failed with nothing to show for it', () => {
    const path = join(folder, 'odd.json');
    writeFileSync(path, JSON.stringify({ passed: 3, failures: [], skips: [], interrupted: false }));
    expect(resultOfVitest('tests', path, 'ended with exit code 1').crash).toBeDefined();
    expect(resultOfVitest('tests', path, 'ended with exit code 0').crash).toBeUndefined();
    // An exit code that merely ends in the digit 0 is a failure as well.
    expect(resultOfVitest('tests', path, 'ended with exit code 130').crash).toBeDefined();
  });
});
