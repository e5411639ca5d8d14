/**
 * What clients asked and were told, and how it is written for checkers outside: a JSON object a
 * line, `{"client":n,"call":t0,"return":t1,"input":…,"output":…}`. Times are places in one sequence
 * of all calls and returns of a world; an outcome that is not known returns at null.
 */
import type { Observed } from './linearizability.ts';

/** An operation that is under way, or has ended. */
export interface Operation<Input, Output> {
  readonly client: number;
  readonly call: number;
  /** Infinity until it is answered, and for ever if that never happens. */
  return: number;
  readonly input: Input;
  output: Output | undefined;
  /** `void`: it is certain that it had no effect. */
  outcome: 'under way' | 'done' | 'void' | 'unknown';
}

/** All operations of a run. */
export class History<Input, Output> {
  readonly operations: Operation<Input, Output>[] = [];
  #time = 0;

  call(client: number, input: Input): Operation<Input, Output> {
    const operation: Operation<Input, Output> = {
      client,
      call: ++this.#time,
      return: Number.POSITIVE_INFINITY,
      input,
      output: undefined,
      outcome: 'under way',
    };
    this.operations.push(operation);
    return operation;
  }

  done(operation: Operation<Input, Output>, output: Output): void {
    operation.return = ++this.#time;
    operation.output = output;
    operation.outcome = 'done';
  }

  /** It has failed; whether it had an effect all the same may be unknown. */
  failed(operation: Operation<Input, Output>, maybeApplied: boolean): void {
    operation.outcome = maybeApplied ? 'unknown' : 'void';
    if (!maybeApplied) operation.return = ++this.#time;
  }

  /** What a checker has to explain: what had no effect is left out, and unknown reads with it. */
  observed(changes: (input: Input) => boolean): Observed<Input, Output>[] {
    return this.operations.filter(
      ({ outcome, input }) => outcome === 'done' || (outcome !== 'void' && changes(input)),
    );
  }
}

/** A history as JSON lines. */
export function toJsonLines(history: readonly Observed<unknown, unknown>[]): string {
  return history
    .map(({ client, call, return: end, input, output }) => {
      const known = end === Number.POSITIVE_INFINITY ? null : end;
      return `${JSON.stringify({ client, call, return: known, input, output: output ?? null })}\n`;
    })
    .join('');
}

/** Reads what {@link toJsonLines} has written. Throws `SyntaxError` for other text. */
export function fromJsonLines(text: string): Observed<unknown, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const {
        client,
        call,
        return: end,
        input,
        output,
      } = JSON.parse(line) as {
        client: number;
        call: number;
        return: number | null;
        input: unknown;
        output: unknown;
      };
      const known = end ?? Number.POSITIVE_INFINITY;
      return { client, call, return: known, input, output: end === null ? undefined : output };
    });
}
