/**
 * The log of `quorate serve`, which programs read that know etcd's: one JSON object a line, with
 * zap's names, as etcd's loggers have them since 3.4.
 */
import type { Logger } from '../ports/logger.ts';
import { jsonLine, type LineLoggerOptions, lineLogger } from './line-logger.ts';

/** Makes a logger. */
export function zapLogger(options: LineLoggerOptions = {}): Logger {
  return lineLogger(options, (level, { err: error, ...facts }, msg, wallMs) =>
    jsonLine({
      level,
      // Microseconds, of which the clock here knows none.
      ts: new Date(wallMs).toISOString().replace('Z', '000Z'),
      caller: callerOf(new Error()),
      msg,
      ...facts,
      ...(error === undefined ? {} : { error: textOf(error) }),
    }),
  );
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

/** Whose line it is: folder, file and line, as zap has it. The stack's fifth line names them. */
function callerOf({ stack = '' }: Error): string {
  const match = /([^/\\]+[/\\][^/\\]+:\d+):\d+\)?$/.exec(stack.split('\n')[4] ?? '');
  return match?.[1] ?? 'quorate';
}
