/**
 * The logger for those who bring none: one JSON object a line, with pino's names and numbers of
 * levels, so that pino's tools read it. A line that cannot be written is dropped: logging must
 * never take a member down.
 */
import type { LogFacts, Logger } from '../ports/logger.ts';

const levels = { debug: 20, info: 30, warn: 40, error: 50, silent: 100 } as const;

/** The least important level that is written. */
export type LogLevel = keyof typeof levels;

/** How a {@link jsonLogger} writes. */
export interface JsonLoggerOptions {
  /** `info` by default. */
  readonly level?: LogLevel;
  /** Takes a line with its line feed; the standard error output by default. */
  readonly write?: (line: string) => void;
  /** The wall clock; the system's by default. */
  readonly wallMs?: () => number;
}

/** Makes a logger. */
export function jsonLogger(options: JsonLoggerOptions = {}): Logger {
  const write = options.write ?? ((line) => void process.stderr.write(line));
  const wallMs = options.wallMs ?? Date.now;
  const least = levels[options.level ?? 'info'];
  const withFacts = (bound: LogFacts): Logger => {
    const writer = (name: LogLevel) => {
      const level = levels[name];
      return (facts: LogFacts, message: string): void => {
        if (level < least) return;
        try {
          const line = { level, time: wallMs(), ...bound, ...facts, msg: message };
          write(`${JSON.stringify(line, factOf)}\n`);
        } catch {
          // Facts that have no JSON, or a pipe that is closed.
        }
      };
    };
    return {
      debug: writer('debug'),
      info: writer('info'),
      warn: writer('warn'),
      error: writer('error'),
      child: (facts) => withFacts({ ...bound, ...facts }),
    };
  };
  return withFacts({});
}

/** What JSON has no form for. */
export function factOf(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (!(value instanceof Error)) return value;
  const { name, message, stack, cause } = value;
  const more: object = value;
  return { ...more, type: name, message, stack, ...(cause === undefined ? {} : { cause }) };
}
