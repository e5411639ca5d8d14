import { expect, test } from 'vitest';
import { QuorateError } from '../base/errors.ts';
import { zapLogger } from './zap-logger.ts';

function record(level?: 'debug' | 'warn') {
  const lines: Record<string, unknown>[] = [];
  const logger = zapLogger({
    ...(level === undefined ? {} : { level }),
    write: (line) => {
      expect(line.endsWith('\n')).toBe(true);
      lines.push(JSON.parse(line));
    },
    wallMs: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6),
  });
  return { lines, logger };
}

test("writes lines as etcd's logger does, and who wrote them", () => {
  const { lines, logger } = record();
  logger.debug({ hidden: true }, 'not at this level');
  logger.child({ member: 'a' }).info({ bytes: 12n }, 'elected');
  expect(lines).toEqual([
    {
      level: 'info',
      ts: '2026-01-02T03:04:05.006000Z',
      caller: expect.stringMatching(/^platform\/zap-logger\.test\.ts:\d+$/),
      msg: 'elected',
      member: 'a',
      bytes: '12',
    },
  ]);
});

test('keeps to its level, and tells what an error says', () => {
  const { lines, logger } = record('warn');
  logger.info({}, 'i');
  const cause = new Error('EIO');
  logger.error({ err: new QuorateError('disk-failed', 'reading', { cause }) }, 'trouble');
  expect(lines).toMatchObject([{ level: 'error', msg: 'trouble', error: 'reading: EIO' }]);
});

test('never throws', () => {
  const { lines, logger } = record();
  const round: Record<string, unknown> = {};
  round.itself = round;
  logger.info(round, 'round');
  expect(lines).toEqual([]);
});
