/** What all our own loggers share: levels, and facts that are bound. */
import type { LogFacts, Logger } from './logger.ts';

const ranks = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 } as const;

/** The least important level that is written. */
export type LogLevel = keyof typeof ranks;

/** What can be logged at. */
export type LineLevel = Exclude<LogLevel, 'silent'>;

/** Makes a logger whose lines of `least` and above go to `write`, with all their facts. */
export function levelledLogger(
  least: LogLevel,
  write: (level: LineLevel, facts: LogFacts, message: string) => void,
): Logger {
  const withFacts = (bound: LogFacts): Logger => {
    const writer =
      (level: LineLevel) =>
      (facts: LogFacts, message: string): void => {
        if (ranks[level] >= ranks[least]) write(level, { ...bound, ...facts }, message);
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
