/** How the runner reads programs that count their own tests, above all those that lie. */
import { describe, expect, it } from 'vitest';
import { readSumLine, resultOfProgram } from '../../scripts/test-runner/sum-line.mjs';

describe('readSumLine', () => {
  it('reads the last line', () => {
    expect(readSumLine('hello\n12 passed, 0 failed\n')).toEqual({
      passed: 12,
      failed: 0,
      skipped: 0,
    });
    expect(readSumLine('1 passed, 2 failed, 3 skipped\r\n')).toEqual({
      passed: 1,
      failed: 2,
      skipped: 3,
    });
  });

  it.each(['', '12 passed', 'all 12 passed, 0 failed', '12 passed, 0 failed\nSegmentation fault'])(
    'finds no sum in %j',
    (output) => expect(readSumLine(output)).toBeUndefined(),
  );
});

describe('resultOfProgram', () => {
  const clean = { exitCode: 0, ending: 'ended with exit code 0' };
  const failed = { exitCode: 1, ending: 'ended with exit code 1' };
  const killed = { exitCode: undefined, ending: 'was ended by SIGKILL' };

  it('takes over the counts', () => {
    const result = resultOfProgram('raft', { output: '2 passed, 1 failed, 1 skipped', ...failed });
    expect(result).toMatchObject({ suite: 'raft', passed: 2 });
    expect([result.failures.length, result.skips.length]).toEqual([1, 1]);
    expect(result.crash).toBeUndefined();
  });

  it.each([
    ['no sum, though it ended well', 'done', clean],
    ['a sum without failures, but a bad end', '2 passed, 0 failed', failed],
    ['a sum without failures, but a signal', '2 passed, 0 failed', killed],
    ['failures, but a good end', '2 passed, 1 failed', clean],
  ])('is a crash: %s', (_, output, run) => {
    expect(resultOfProgram('raft', { output, ...run }).crash).toBeDefined();
  });
});
