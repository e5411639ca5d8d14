/**
 * The agent's log: every line goes to the logger that was given, and the last ones are kept in the
 * form that Serf prints, for those who attach later with `serf monitor`.
 */
import type { Cancel } from '../ports/callbacks.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { LogLevel } from '../swim/api.ts';

/** How many lines are kept. */
const linesMax = 512;

const ranks: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
const labels: Readonly<Record<LogLevel, string>> = {
  debug: 'DEBUG',
  info: 'INFO',
  warn: 'WARN',
  error: 'ERR',
};

interface Line {
  readonly level: LogLevel;
  readonly wallMs: number;
  readonly message: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Writes a log and remembers its end. */
export class LogTail {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #lines: Line[] = [];
  readonly #listeners = new Set<(line: Line) => void>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  write(level: LogLevel, message: string, facts: Readonly<Record<string, unknown>> = {}): void {
    this.#logger[level](facts, message);
    const line = { level, wallMs: this.#clock.wallMs(), message, facts };
    this.#lines.push(line);
    if (this.#lines.length > linesMax) this.#lines.shift();
    for (const listener of this.#listeners) listener(line);
  }

  /** Calls `listener` with the lines kept and each later one, of at least `level`. */
  follow(level: LogLevel, listener: (text: string) => void): Cancel {
    const pass = (line: Line): void => {
      if (ranks[line.level] >= ranks[level]) listener(format(line));
    };
    for (const line of this.#lines) pass(line);
    this.#listeners.add(pass);
    return () => {
      this.#listeners.delete(pass);
    };
  }
}

/** Made only when somebody reads it: most lines nobody ever follows. */
function format({ level, wallMs, message, facts }: Line): string {
  const time = new Date(wallMs).toISOString().slice(0, 19);
  const stamp = time.replaceAll('-', '/').replace('T', ' ');
  const rest = Object.entries(facts).map(([name, fact]) => ` ${name}=${String(fact)}`);
  return `${stamp} [${labels[level]}] gossip: ${message}${rest.join('')}`;
}
