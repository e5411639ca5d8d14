/** A logger for people: a line of time, level, message and facts, as Serf's agent prints it. */
import type { LogFacts, Logger } from '../ports/logger.ts';

const ranks = { debug: 0, info: 1, warn: 2, error: 3 } as const;
const labels = { debug: 'DEBUG', info: 'INFO', warn: 'WARN', error: 'ERR' } as const;

/** The least level that is printed. */
export type TextLogLevel = keyof typeof ranks;

/** Prints lines with `write`, which gets them without a line feed. */
export function textLogger(least: TextLogLevel, write: (line: string) => void): Logger {
  const bind = (bound: LogFacts): Logger => {
    const level =
      (name: TextLogLevel) =>
      (facts: LogFacts, message: string): void => {
        if (ranks[name] < ranks[least]) return;
        const time = new Date().toISOString().slice(0, 19).replaceAll('-', '/').replace('T', ' ');
        const rest = Object.entries({ ...bound, ...facts })
          .map(([fact, value]) => ` ${fact}=${value instanceof Error ? value.message : value}`)
          .join('');
        write(`${time} [${labels[name]}] ${message}${rest}`);
      };
    return {
      debug: level('debug'),
      info: level('info'),
      warn: level('warn'),
      error: level('error'),
      child: (facts) => bind({ ...bound, ...facts }),
    };
  };
  return bind({});
}
