/**
 * What the engine wants of a replicated machine. A machine is deterministic: the same commands in
 * the same order give the same state and the same answers on every member. It does no I/O.
 */

/** Where a command stands. */
export interface CommandContext {
  readonly index: number;
  /** The term of the leader that appended the command. */
  readonly term: number;
}

/** What became of a command: an answer for the proposer, or its coded refusal. */
export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: Error };

/** Takes a snapshot's bytes back, in order; what was there before is gone. */
export interface MachineRestore {
  chunk(bytes: Uint8Array): void;
  /** All chunks were given. Throws if they are not a whole state. */
  finish(): void;
}

/** A replicated machine, as the application writes it. */
export interface Machine {
  /** Applies a command. A refusal is an outcome; to throw is a bug, and halts the group. */
  apply(command: Uint8Array, context: CommandContext): Outcome;
  /**
   * The state as it is now, in chunks of at most 256 KiB that may be taken later, one by one,
   * while further commands are applied: taking a snapshot must not stall.
   */
  snapshot(): Iterator<Uint8Array, void>;
  restore(): MachineRestore;
  /** A number in 0 … 2^53 − 1 that replicas in the same state share; to be had quickly. */
  hash?(): number;
}
