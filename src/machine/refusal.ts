/** How a command says no: an error with a code of the application's own. */

/** What a {@link Refusal} may say beside its code and message. */
export interface RefusalFacts {
  /** Facts for programs; they travel to the caller, so they must have a wire form. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * A command that throws changes nothing, and its caller gets this, wherever it is: what was thrown
 * if that was a refusal, else one with the code of what was thrown, or `command-failed`.
 *
 * @example
 * ```ts
 * import { Refusal } from 'quorate';
 *
 * export function withdraw(balance: bigint, amount: bigint): bigint {
 *   if (amount > balance) throw new Refusal('insufficient-funds', `there are only ${balance}`);
 *   return balance - amount;
 * }
 * ```
 */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  /** Stable, for programs. */
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, facts: RefusalFacts = {}) {
    super(message);
    this.code = code;
    this.details = facts.details ?? {};
  }
}
