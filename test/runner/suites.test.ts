/** Which suites a command line asks for. */
import { expect, it } from 'vitest';
import { type RunOptions, suites } from '../../scripts/test-runner/suites.mjs';

const everything: RunOptions = {
  tier: 'test',
  patterns: [],
  coverage: false,
  minutes: 10,
  format: false,
};

const names = (options: Partial<RunOptions>) =>
  suites({ ...everything, ...options }).map(({ name }) => name);

it('runs types and tests by default, and the format too where that is asked for', () => {
  expect(names({})).toEqual(expect.arrayContaining(['types', 'tests']));
  expect(names({})).not.toContain('format');
  expect(names({ format: true })).toContain('format');
});

it('takes a pattern for a suite if it names one, and else for test files', () => {
  expect(names({ patterns: ['types'] })).toEqual(['types']);
  expect(names({ patterns: ['tests'] })).toEqual(['tests']);
  expect(names({ patterns: ['raft/log'] })).toEqual(['tests']);
  expect(names({ patterns: ['types', 'raft/log'] })).toEqual(['types', 'tests']);
});

it('runs nothing but the soak in a soak', () => {
  expect(names({ tier: 'soak' })).toEqual(['soak']);
});
