/**
 * The part of the Standard Schema specification (standardschema.dev, version 1) that checking an
 * input needs, as a structural type: schemas of valibot, zod, arktype and others fit it.
 */
import { QuorateError } from '../base/errors.ts';

/** A schema that turns an `Input` into an `Output`, or says what is wrong with it. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a schema answers. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** What is wrong with an input, and where in it. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/**
 * What the schema makes of an input; a promise only if the schema answers with one.
 * @throws QuorateError `invalid-input`, with the `issues` in its details
 */
export function checked<Output>(
  schema: StandardSchema<unknown, Output> | undefined,
  input: unknown,
): Output | Promise<Output> {
  if (schema === undefined) return input as Output;
  const result = schema['~standard'].validate(input);
  return result instanceof Promise ? result.then(accepted) : accepted(result);
}

function accepted<Output>(result: SchemaResult<Output>): Output {
  if (result.issues === undefined) return result.value;
  const issues = result.issues.map(({ message, path = [] }) => ({
    message,
    path: path.map((step) => String(typeof step === 'object' ? step.key : step)),
  }));
  const text = issues.map(({ message, path }) => `${path.join('.') || 'input'}: ${message}`);
  throw new QuorateError('invalid-input', text.join('; '), { details: { issues } });
}
