/**
 * Assertions. They state what must hold for the protocol to be safe, and they stay on in
 * production: a member that no longer understands its own state must stop before it persists
 * or sends anything more. Operating errors (bad input, a full disk, no leader) are never
 * assertions; they are {@link file://./errors.ts coded errors}.
 */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/**
 * Throws an {@link AssertionError} saying `message` unless `condition` holds.
 *
 * @param message a function where it names numbers: to make such a text costs more than anything
 *   that is asserted, and it is made only when it is needed
 */
export function assert(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) throw new AssertionError(typeof message === 'string' ? message : message());
}

/** Marks a place that the type checker proves cannot be reached, and guards it at run time. */
export function unreachable(value: never, what: string): never {
  throw new AssertionError(`unexpected ${what}: ${JSON.stringify(value)}`);
}
