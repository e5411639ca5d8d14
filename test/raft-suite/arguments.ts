/** Reading the arguments of a command; what does not fit is a broken script. */
import type { Argument, Command } from './script.ts';

/** A command whose arguments do not fit. The script is wrong, not what it tests. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** A whole number of at least 0. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new CommandError(`not a whole number: ${text}`);
  }
  return value;
}

export function truth(text: string): boolean {
  if (text === 'true') return true;
  if (text === 'false') return false;
  throw new CommandError(`neither true nor false: ${text}`);
}

/** All arguments without a value, as numbers. */
export function plainNumbers(command: Command): number[] {
  return command.arguments.filter(isPlain).map((argument) => wholeNumber(argument.key));
}

/** The plain argument at `position`, counted over all arguments. */
export function plainAt(command: Command, position: number): string {
  const argument = command.arguments[position];
  if (argument === undefined || !isPlain(argument)) {
    throw new CommandError(`${command.name} needs a plain argument at position ${position + 1}`);
  }
  return argument.key;
}

/** The member that the command begins with. */
export function firstMember(command: Command): number {
  return wholeNumber(plainAt(command, 0));
}

/** The one value of `key`, or undefined where it is not given. */
export function optionOf(command: Command, key: string): string | undefined {
  const argument = command.arguments.find((candidate) => candidate.key === key);
  if (argument === undefined) return undefined;
  return singleValue(argument);
}

export function singleValue(argument: Argument): string {
  if (argument.values.length !== 1) {
    throw new CommandError(`${argument.key} takes one value, was given ${argument.values.length}`);
  }
  return argument.values[0]!;
}

/** Refuses keys that the command does not know: a misspelt one must not pass unseen. */
export function allowKeys(command: Command, ...known: readonly string[]): void {
  for (const argument of command.arguments) {
    if (!isPlain(argument) && !known.includes(argument.key)) {
      throw new CommandError(`${command.name} does not know ${argument.key}=`);
    }
  }
}

function isPlain(argument: Argument): boolean {
  return argument.values.length === 0;
}
