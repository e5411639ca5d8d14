/**
 * The log of `quorate serve`, which programs read that know etcd's: one JSON object a line, with
 * zap's names, as etcd's loggers have them since 3.4. A line that cannot be written is dropped.
 */
import type { LogFacts, Logger } from '../ports/logger.ts';
import { factOf } from './json-logger.ts';

const ranks = { debug: 0, info: 1, warn: 2, error: 3 } as const;

/** The least important level that is written. */
export type ZapLevel = keyof typeof ranks;

/** How a {@link zapLogger} writes. */
export interface ZapLoggerOptions {
  /** `info` by default. */
  readonly level?: ZapLevel;
  /** Takes a line with its line feed; the standard error output by default. */
  readonly write?: (line: string) => void;
  /** The wall clock; the system's by default. */
  readonly wallMs?: () => number;
}

/** Makes a logger. */
export function zapLogger(options: ZapLoggerOptions = {}): Logger {
  const write = options.write ?? ((line) => void process.stderr.write(line));
  const wallMs = options.wallMs ?? Date.now;
  const least = ranks[options.level ?? 'info'];
  const withFacts = (bound: LogFacts): Logger => {
    const writer =
      (level: ZapLevel) =>
      (facts: LogFacts, message: string): void => {
        if (ranks[level] < least) return;
        try {
          // Microseconds, of which the clock here knows none.
          const ts = new Date(wallMs()).toISOString().replace('Z', '000Z');
          const { err: error, ...rest } = { ...bound, ...facts };
          const line = {
            level,
            ts,
            caller: callerOf(new Error()),
            msg: message,
            ...rest,
            ...(error === undefined ? {} : { error: textOf(error) }),
          };
          write(`${JSON.stringify(line, factOf)}\n`);
        } catch {
          // Facts that have no JSON, or a pipe that is closed.
        }
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

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

/** Whose line it is: folder, file and line, as zap has it. The stack's third line names them. */
function callerOf({ stack = '' }: Error): string {
  const match = /([^/\\]+[/\\][^/\\]+:\d+):\d+\)?$/.exec(stack.split('\n')[2] ?? '');
  return match?.[1] ?? 'quorate';
}
