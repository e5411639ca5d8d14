/** A logger for people: a line of time, level, message and facts, as Serf's agent prints it. */
import { type LineLevel, levelledLogger } from '../ports/levelled-logger.ts';
import type { Logger } from '../ports/logger.ts';

const labels = { debug: 'DEBUG', info: 'INFO', warn: 'WARN', error: 'ERR' } as const;

/** Prints lines with `write`, which gets them without a line feed. */
export function textLogger(least: LineLevel, write: (line: string) => void): Logger {
  return levelledLogger(least, (level, facts, message) => {
    const time = new Date().toISOString().slice(0, 19).replaceAll('-', '/').replace('T', ' ');
    const rest = Object.entries(facts)
      .map(([fact, value]) => ` ${fact}=${value instanceof Error ? value.message : value}`)
      .join('');
    write(`${time} [${labels[level]}] ${message}${rest}`);
  });
}
