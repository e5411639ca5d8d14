/**
 * What a caller of a typed machine sends: all that a definition knows without a replica, so that a
 * client that holds no state checks and writes its calls as a member does.
 */
import { QuorateError } from '../base/errors.ts';
import { encodeEntry } from './command-wire.ts';
import type { DefinitionFacts } from './shape.ts';
import { checked } from './standard-schema.ts';
import { encodeValue } from './value-writer.ts';

/**
 * A command's wire form, once its input is checked: a promise only if its schema is asynchronous.
 * @throws QuorateError `unknown-command`, `invalid-input`, `unsupported-value`, `value-too-large`
 */
export function encodeCommand(
  { commands, version }: Pick<DefinitionFacts, 'commands' | 'version'>,
  name: string,
  input: unknown,
): Uint8Array | Promise<Uint8Array> {
  const command = commands.get(name);
  if (command === undefined) throw unknown('command', name);
  const needs = command.since;
  const encoded = (value: unknown): Uint8Array =>
    encodeEntry({ type: 'command', version, needs, name, input: value });
  const value = checked(command.schema, input);
  return value instanceof Promise ? value.then(encoded) : encoded(value);
}

/**
 * A question's wire form, for `TypedMachine.query`.
 * @throws QuorateError `unknown-command`, `unsupported-value`, `value-too-large`
 */
export function encodeQuery(
  { queries }: Pick<DefinitionFacts, 'queries'>,
  name: string,
  input: unknown,
): Uint8Array {
  if (!queries.has(name)) throw unknown('query', name);
  return encodeValue([name, input]);
}

export function unknown(what: 'command' | 'query', name: string): QuorateError {
  return new QuorateError('unknown-command', `the machine has no ${what} ${name}`);
}

type AnyCall = (input?: unknown, options?: unknown) => Promise<unknown>;

/** A function for each name; `__proto__` is a name like any other. */
export function callsFor(
  names: Iterable<string>,
  call: (name: string, input: unknown, options: unknown) => Promise<unknown>,
): object {
  const calls: Record<string, AnyCall> = Object.create(null);
  for (const name of names) calls[name] = (input, options) => call(name, input, options);
  return Object.freeze(calls);
}
