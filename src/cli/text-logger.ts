/** A logger for people: a line of time, level, message and facts, as Serf's agent prints it. */
import { type LineLoggerOptions, lineLogger } from '../platform/line-logger.ts';
import type { Logger } from '../ports/logger.ts';

const labels = { debug: 'DEBUG', info: 'INFO', warn: 'WARN', error: 'ERR' } as const;

/** Makes a logger. */
export function textLogger(options: LineLoggerOptions): Logger {
  return lineLogger(options, (level, facts, message, wallMs) => {
    const time = new Date(wallMs).toISOString().slice(0, 19).replaceAll('-', '/').replace('T', ' ');
    const rest = Object.entries(facts)
      .map(([fact, value]) => ` ${fact}=${value instanceof Error ? value.message : value}`)
      .join('');
    return `${time} [${labels[level]}] ${message}${rest}`;
  });
}
