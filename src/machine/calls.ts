/** The types of the calls that a definition gives: on a group, on a client, in a simulation. */
import type { AnyDefinition } from './definition.ts';
import type { StandardSchema } from './standard-schema.ts';

/** What a command or query takes. */
export type InputOf<Function_> = Function_ extends (
  state: never,
  input: infer Input,
  ...rest: never[]
) => unknown
  ? Input
  : never;

/** What a command or query answers. */
export type OutputOf<Function_> = Function_ extends (...args: never[]) => infer Output
  ? Output
  : never;

/** What a command's caller gives: what its schema takes, or else what the command takes. */
export type GivenOf<Schemas, Name, Function_> = Name extends keyof Schemas
  ? Schemas[Name] extends StandardSchema<infer Given, infer _Output>
    ? Given
    : never
  : InputOf<Function_>;

/** A call: its input may be left out where undefined would do. */
export type Call<Input, Output, Options> = undefined extends Input
  ? (input?: Input, options?: Options) => Promise<Output>
  : (input: Input, options?: Options) => Promise<Output>;

/** A call for each of a definition's commands. */
export type CommandCalls<Definition extends AnyDefinition, Options> = {
  readonly [Name in keyof Definition['types']['commands']]: Call<
    GivenOf<Definition['types']['inputs'], Name, Definition['types']['commands'][Name]>,
    OutputOf<Definition['types']['commands'][Name]>,
    Options
  >;
};

/** A call for each of a definition's queries. */
export type QueryCalls<Definition extends AnyDefinition, Options> = {
  readonly [Name in keyof Definition['types']['queries']]: Call<
    InputOf<Definition['types']['queries'][Name]>,
    OutputOf<Definition['types']['queries'][Name]>,
    Options
  >;
};
