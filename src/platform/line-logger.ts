/**
 * A logger of lines, whose form is another's matter. A line that cannot be written is dropped:
 * logging must never take a member down.
 */
import { type LineLevel, type LogLevel, levelledLogger } from '../ports/levelled-logger.ts';
import type { LogFacts, Logger } from '../ports/logger.ts';

/** How a logger of lines writes. */
export interface LineLoggerOptions {
  /** `info` by default. */
  readonly level?: LogLevel;
  /** Takes a line with its line feed; the standard error output by default. */
  readonly write?: (line: string) => void;
  /** The wall clock; the system's by default. */
  readonly wallMs?: () => number;
}

/** Makes a line, without its line feed. */
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
  return levelledLogger(options.level ?? 'info', (level, facts, message) => {
    try {
      write(`${form(level, facts, message, wallMs())}\n`);
    } catch {
      // Facts that have no JSON, or a pipe that is closed.
    }
  });
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
