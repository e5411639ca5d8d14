/**
 * The types that a definition is made of, apart from the definition itself, so that those who run
 * one need not know how it is made.
 */
import type { MachineContext } from './context.ts';
import type { Part } from './parts.ts';
import type { StandardSchema } from './standard-schema.ts';

/** What a state is made of: collections, and plain values that together stay small. */
export type StateShape = Readonly<Record<string, unknown>>;

/** A state as commands and queries see it. */
export type StateOf<Shape> = {
  [Name in keyof Shape]: Shape[Name] extends Part<infer Collection> ? Collection : Shape[Name];
};

/** What runs a command: it changes the state and answers, or throws and has changed nothing. */
export type CommandFunction<State = never, Input = never, Output = unknown> = (
  state: State,
  input: Input,
  context: MachineContext,
) => Output;

/** Schemas of commands' inputs, by the commands' names. */
export type SchemaTable = Readonly<Record<string, StandardSchema<unknown, unknown>>>;

/** What a schema makes of an input. */
export type SchemaOutput<Schema> =
  Schema extends StandardSchema<infer _Given, infer Output> ? Output : never;

/** Commands by name; those that have a schema take what it makes of their input. */
export type CommandTable<State = never, Schemas = Record<never, never>> = {
  readonly [Name in keyof Schemas]?: CommandFunction<State, SchemaOutput<Schemas[Name]>>;
} & { readonly [Name in string]: CommandFunction<State> | undefined };

/** What answers a query: it reads the state, and cannot change it. */
export type QueryFunction<State = never> = (state: State, input: never) => unknown;

/** Queries by name. */
export type QueryTable<State = never> = Readonly<Record<string, QueryFunction<State>>>;

/** A command as the library keeps it. */
export interface DefinedCommand {
  readonly name: string;
  /** The version in which it came to be as it is. */
  readonly since: number;
  readonly schema: StandardSchema<unknown, unknown> | undefined;
  readonly run: (state: unknown, input: unknown, context: MachineContext) => unknown;
}

/** What those who run a definition know of it. */
export interface DefinitionFacts {
  readonly version: number;
  /** The oldest version that this definition still knows. */
  readonly base: number;
  readonly state: StateShape;
  readonly commands: ReadonlyMap<string, DefinedCommand>;
  readonly queries: ReadonlyMap<string, (state: unknown, input: unknown) => unknown>;
  readonly migrate: ((before: unknown, state: unknown) => void) | undefined;
  readonly changesKeptMax: number;
  /** Whether the state lives in a store. */
  readonly onDisk: boolean;
  /** This definition, the one before it, and so on. */
  readonly chain: readonly DefinitionFacts[];
}
