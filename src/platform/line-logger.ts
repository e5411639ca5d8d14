/**
 * A logger of lines, whose form is another's matter. A line that cannot be written is dropped:
 * logging must never take a member down.
 */
import type { LogFacts, Logger } from '../ports/logger.ts';

const ranks = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 } as const;

/** The least important level that is written. */
export type LogLevel = keyof typeof ranks;

/** What a line can be of. */
export type LineLevel = Exclude<LogLevel, 'silent'>;

/** How a logger of lines writes. */
export interface LineLoggerOptions {
  /** `info` by default. */
  readonly level?: LogLevel;
  /** Takes a line with its line feed; the standard error output by default. */
  readonly write?: (line: string) => void;
  /** The wall clock; the system's by default. */
  readonly wallMs?: () => number;
}

/** Makes a line, without its line feed; it is called by what is called to log. */
export type LineForm = (
  level: LineLevel,
  facts: LogFacts,
  message: string,
  wallMs: number,
) => string;

/** Makes a logger. */
export function lineLogger(options: LineLoggerOptions, form: LineForm): Logger {
  const write = options.write ?? ((line) => void process.stderr.write(line));
  const wallMs = options.wallMs ?? Date.now;
  const least = ranks[options.level ?? 'info'];
  const withFacts = (bound: LogFacts): Logger => {
    const writer =
      (level: LineLevel) =>
      (facts: LogFacts, message: string): void => {
        if (ranks[level] < least) return;
        try {
          write(`${form(level, { ...bound, ...facts }, message, wallMs())}\n`);
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

/** The facts as one JSON object, with words for what JSON has no form for. */
export function jsonLine(facts: LogFacts): string {
  return JSON.stringify(facts, factOf);
}

function factOf(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (!(value instanceof Error)) return value;
  const { name, message, stack, cause } = value;
  const more: object = value;
  return { ...more, type: name, message, stack, ...(cause === undefined ? {} : { cause }) };
}
