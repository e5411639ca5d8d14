/** The types of the calls that a definition gives: on a group, on a client, in a simulation. */
import type { AnyDefinition } from './definition.ts';

/** What the caller of a command or query gives. */
export type InputOf<Function_> = Function_ extends {
  readonly schema: {
    readonly '~standard': { readonly types?: { readonly input: infer Given } | undefined };
  };
}
  ? Given
  : Function_ extends (state: never, input: infer Input, ...rest: never[]) => unknown
    ? Input
    : never;

/** What the caller gets. */
export type OutputOf<Function_> = Function_ extends {
  readonly run: (...args: never[]) => infer Output;
}
  ? Output
  : Function_ extends (...args: never[]) => infer Output
    ? Output
    : never;

/** A call: its input may be left out where undefined would do. */
export type Call<Function_, Options> =
  undefined extends InputOf<Function_>
    ? (input?: InputOf<Function_>, options?: Options) => Promise<OutputOf<Function_>>
    : (input: InputOf<Function_>, options?: Options) => Promise<OutputOf<Function_>>;

/** A call for each of a definition's commands. */
export type CommandCalls<Definition extends AnyDefinition, Options> = {
  readonly [Name in keyof Definition['types']['commands']]: Call<
    Definition['types']['commands'][Name],
    Options
  >;
};

/** A call for each of a definition's queries. */
export type QueryCalls<Definition extends AnyDefinition, Options> = {
  readonly [Name in keyof Definition['types']['queries']]: Call<
    Definition['types']['queries'][Name],
    Options
  >;
};
