/**
 * The rules by which the runner judges. Each is shown on results made up for it, because a runner
 * that misses a crash looks exactly like success.
 */
import { describe, expect, it } from 'vitest';
import { type SuiteResult, verdict } from '../../scripts/test-runner/verdict.mjs';

const lenient = { strictSkips: false, selection: false, expectedSkips: [] };
const strict = { ...lenient, strictSkips: true };

function suite(name: string, facts: Partial<SuiteResult> = {}): SuiteResult {
  return { suite: name, passed: 0, failures: [], skips: [], ...facts };
}

function sumOf(results: SuiteResult[], rules = lenient): string {
  const { lines, exitCode } = verdict(results, rules);
  return `${lines.at(-1)}; exit ${exitCode}`;
}

describe('verdict', () => {
  it('adds up the suites', () => {
    expect(sumOf([suite('types', { passed: 1 }), suite('tests', { passed: 41 })])).toBe(
      '42 passed, 0 failed; exit 0',
    );
  });

  it('counts failures and shows what they say under their names', () => {
    const failing = suite('tests', {
      passed: 3,
      failures: [{ test: 'a.test.ts > adds', text: 'expected 2\nto be 3' }],
    });
    const { lines, exitCode } = verdict([failing], lenient);
    expect(lines).toEqual([
      'FAILED tests: a.test.ts > adds',
      '       expected 2',
      '       to be 3',
      '3 passed, 1 failed',
    ]);
    expect(exitCode).toBe(1);
  });

  it('prints exactly one sum, and prints it last', () => {
    const { lines } = verdict([suite('a', { passed: 1 }), suite('b', { passed: 1 })], lenient);
    expect(lines.filter((line) => /^\d+ passed/.test(line))).toEqual([lines.at(-1)]);
  });

  it('fails on a crash, even of a suite that had only passed until then', () => {
    const crashed = suite('tests', { passed: 10, crash: 'vitest was ended by SIGSEGV' });
    expect(sumOf([crashed])).toBe('10 passed, 1 failed; exit 1');
    expect(verdict([crashed], lenient).lines.join('\n')).toContain('SIGSEGV');
  });

  it('fails on a suite that ran nothing while others passed', () => {
    expect(sumOf([suite('types', { passed: 1 }), suite('tests')])).toBe(
      '1 passed, 1 failed; exit 1',
    );
  });

  it('fails if there was nothing to run at all', () => {
    expect(sumOf([])).toBe('0 passed, 1 failed; exit 1');
  });

  it('lets a selection leave a suite empty, but not every suite', () => {
    const selection = { ...lenient, selection: true };
    expect(sumOf([suite('raft-suite', { passed: 2 }), suite('tests')], selection)).toBe(
      '2 passed, 0 failed; exit 0',
    );
    expect(sumOf([suite('tests')], selection)).toBe('0 passed, 1 failed; exit 1');
  });

  describe('a skipped test', () => {
    const skip = { test: 'disk.ci.test.ts > loop device', reason: 'no loop devices here' };

    it('is counted and named with its reason', () => {
      const result = suite('tests', { passed: 1, skips: [skip] });
      expect(sumOf([result])).toBe('1 passed, 0 failed, 1 skipped; exit 0');
      expect(verdict([result], lenient).lines[0]).toBe(
        'skipped tests: disk.ci.test.ts > loop device (no loop devices here)',
      );
    });

    it.each([undefined, '', '  '])('fails everywhere without a reason (%j)', (reason) => {
      const result = suite('tests', { passed: 1, skips: [{ test: 'x', reason }] });
      expect(sumOf([result])).toBe('1 passed, 1 failed; exit 1');
    });

    it('fails in CI if nobody expects it there', () => {
      const result = suite('tests', { passed: 1, skips: [skip] });
      expect(sumOf([result], strict)).toBe('1 passed, 1 failed; exit 1');
    });

    it('passes in CI if it is expected by name', () => {
      const result = suite('tests', { passed: 1, skips: [skip] });
      const expectedSkips = [{ test: 'tests: disk.ci.test.ts > loop', why: 'containers' }];
      expect(sumOf([result], { ...strict, expectedSkips } as typeof strict)).toBe(
        '1 passed, 0 failed, 1 skipped; exit 0',
      );
    });
  });
});
