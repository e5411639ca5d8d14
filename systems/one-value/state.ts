/**
 * What the members of one-value share: a value of 64 bits and its generation, in a total order by
 * (generation, value), so that all who have heard the same announcements hold the same state.
 */

/** The value with its generation. */
export interface State {
  readonly value: bigint;
  readonly generation: bigint;
}

export const firstState: State = { value: 42n, generation: 0n };

/** Whether `a` wins over `b`. */
export function isGreater(a: State, b: State): boolean {
  return a.generation === b.generation ? a.value > b.value : a.generation > b.generation;
}

/** A 64-bit integer. Throws a sentence that says why the text is none. */
export function parseInteger(text: string): bigint {
  if (!/^[+-]?\d{1,20}$/.test(text)) throw new Error(`"${text}" is not an integer`);
  const integer = BigInt(text.replace('+', ''));
  if (BigInt.asIntN(64, integer) !== integer) throw new Error(`${text} does not fit into 64 bits`);
  return integer;
}
