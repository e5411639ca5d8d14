/**
 * What a history is checked against: a sequential object, and its operations as clients saw them.
 * The hints of a model (`distance`, `reads`, `partOf`) make the search short; none is needed.
 */

/** What is checked: a sequential object. States are values that never change. */
export interface Model<State, Input, Output> {
  readonly initial: State;
  /**
   * The state after an operation, or `undefined` if it cannot answer so in this state. An `output`
   * that is undefined is not known, and anything goes.
   */
  step(state: State, input: Input, output: Output | undefined): State | undefined;
  /** The same text for the same states, and for no others. */
  key(state: State): string;
  /**
   * How many operations at least must take effect between this state and one that allows the
   * operation; Infinity if no later state does. It only saves time, much where outcomes are unknown:
   * 0 is always right.
   */
  distance?(state: State, input: Input, output: Output): number;
  /**
   * Whether the operation leaves every state as it is. It only saves time: false is always right. (A
   * write of what is there already is no such operation: another state may need it.)
   */
  reads?(input: Input): boolean;
  /** Operations of different parts are checked apart, as if on objects of their own. */
  partOf?(input: Input): string;
}

/** One operation as its client saw it. */
export interface Observed<Input, Output> {
  readonly client: number;
  readonly call: number;
  /** Infinity where no answer came. */
  readonly return: number;
  readonly input: Input;
  /** Undefined where the outcome is unknown. */
  readonly output: Output | undefined;
}
