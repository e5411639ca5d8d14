/**
 * The logger for those who bring none: one JSON object a line, with pino's names and numbers of
 * levels, so that pino's tools read it.
 */
import type { Logger } from '../ports/logger.ts';
import { jsonLine, type LineLoggerOptions, lineLogger } from './line-logger.ts';

const numbers = { debug: 20, info: 30, warn: 40, error: 50 } as const;

/** Makes a logger. */
export function jsonLogger(options: LineLoggerOptions = {}): Logger {
  return lineLogger(options, (level, facts, msg, time) =>
    jsonLine({ level: numbers[level], time, ...facts, msg }),
  );
}
