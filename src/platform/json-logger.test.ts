import { expect, test } from 'vitest';
import { QuorateError } from '../base/errors.ts';
import { jsonLogger } from './json-logger.ts';

function record(level?: 'debug' | 'warn' | 'silent') {
  const lines: Record<string, unknown>[] = [];
  const logger = jsonLogger({
    ...(level === undefined ? {} : { level }),
    write: (line) => {
      expect(line.endsWith('\n')).toBe(true);
      expect(line.slice(0, -1)).not.toContain('\n');
      lines.push(JSON.parse(line));
    },
    wallMs: () => 1234,
  });
  return { lines, logger };
}

test('writes lines as pino does', () => {
  const { lines, logger } = record();
  logger.debug({ hidden: true }, 'not at this level');
  logger.info({ term: 3 }, 'elected\nleader');
  logger.child({ member: 'a' }).child({ group: 7 }).error({ bytes: 12n }, 'stopped');
  expect(lines).toEqual([
    { level: 30, time: 1234, term: 3, msg: 'elected\nleader' },
    { level: 50, time: 1234, member: 'a', group: 7, bytes: '12', msg: 'stopped' },
  ]);
});

test('keeps to its level', () => {
  const loud = record('debug');
  const quiet = record('warn');
  const silent = record('silent');
  for (const { logger } of [loud, quiet, silent]) {
    logger.debug({}, 'd');
    logger.info({}, 'i');
    logger.warn({}, 'w');
    logger.error({}, 'e');
  }
  expect([loud.lines.length, quiet.lines.length, silent.lines.length]).toEqual([4, 2, 0]);
});

test('tells what an error says, and its cause', () => {
  const { lines, logger } = record();
  const cause = Object.assign(new Error('EIO'), { errno: -5 });
  logger.warn({ err: new QuorateError('disk-failed', 'reading', { cause }) }, 'trouble');
  expect(lines[0]).toMatchObject({
    err: {
      type: 'QuorateError',
      code: 'disk-failed',
      message: 'reading',
      cause: { type: 'Error', message: 'EIO', errno: -5 },
    },
  });
});

test('never throws', () => {
  const { lines, logger } = record();
  const round: Record<string, unknown> = {};
  round.itself = round;
  logger.info(round, 'round');
  jsonLogger({
    write: () => {
      throw new Error('EPIPE');
    },
  }).error({}, 'broken pipe');
  expect(lines).toEqual([]);
});
