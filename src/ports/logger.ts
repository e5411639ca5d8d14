/**
 * Logger: lines for people and for programs, in the shape of pino, so that a pino logger can be
 * given as it is. Facts go into the object, by name; the message is a constant text that can be
 * searched for. Secrets (passwords, tokens, keys, values of users) are never among the facts.
 */

/** Facts of a log line; an `Error` belongs under the name `err`. */
export type LogFacts = Readonly<Record<string, unknown>>;

/** A pino-shaped logger. None of its functions ever throws. */
export interface Logger {
  /** What helps to follow the protocol: many lines a second under load. */
  debug(facts: LogFacts, message: string): void;
  /** What an operator wants to know later: elections, members that come and go. */
  info(facts: LogFacts, message: string): void;
  /** What may need attention: a slow disk, a peer that cannot be reached. */
  warn(facts: LogFacts, message: string): void;
  /** What needs attention: the member stops, or refuses to serve. */
  error(facts: LogFacts, message: string): void;
  /** A logger that adds these facts to every line. */
  child(facts: LogFacts): Logger;
}

/** Says nothing. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};
