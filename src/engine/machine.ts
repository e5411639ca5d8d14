/**
 * What the engine wants of a replicated machine. A machine is deterministic: the same commands in
 * the same order give the same state and the same answers on every member. It does no I/O of its
 * own, asks no clock and draws no lots: time comes with the command.
 *
 * A machine's state lives in memory, and then the engine makes snapshot files of it and replays the
 * log behind the newest at a start; or it is {@link Machine.kept} in a store of the machine's own,
 * and then the engine replays the log behind what the store holds, and makes a snapshot file only
 * where another member needs one.
 */
import type { Done } from '../ports/callbacks.ts';
import type { Position } from '../raft/entry.ts';

export type { Position };

/** Where and when a command stands: the same on every replica. */
export interface CommandContext {
  readonly index: number;
  /** The term of the leader that appended the command. */
  readonly term: number;
  /**
   * The wall clock of the member that took the command from its caller, in ms since 1970: as that
   * member's clock had it, so it may be wrong. Within a group it never goes back: where it would,
   * it stands still. 0 until a command has told a time.
   */
  readonly timeMs: number;
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
  /**
   * For state that is larger than memory: asked after each chunk, and answered when the next one
   * may come, or with why the store failed.
   */
  drain?(done: Done): void;
}

/** What is kept with the state of a machine in a store, atomically. */
export interface KeptMark {
  /** The last entry whose effects the store holds; commands up to there are never applied again. */
  readonly position: Position;
  /** The engine's own state at that position: sessions, time, configuration. Opaque, at most a few MiB. */
  readonly state: Uint8Array;
}

/**
 * State that outlives the process in a store of the machine's own. The machine gathers effects in
 * memory and writes them only when the engine says {@link Kept.flush}, so that the store always
 * holds all effects up to one position, and none beyond.
 */
export interface Kept {
  /** What the last flush that is synced was given; undefined where the store holds no whole state. */
  mark(): KeptMark | undefined;
  /**
   * Writes and syncs all that has been applied until this call, atomically with `mark`. `done` when
   * {@link mark} tells it, or with why the store failed, which stops the member. One at a time;
   * commands are applied meanwhile, and belong to the next flush.
   */
  flush(mark: KeptMark, done: Done): void;
  /**
   * Empties the store and the machine, as they were before the first command: no mark is left, and
   * `done` says when that would survive a loss of power, or why the store failed. Called only before
   * the group is open, where its state is to come from the other members. Without it such a replica
   * cannot be repaired.
   */
  clear?(done: Done): void;
  /**
   * How much waits in memory, asked after each turn: at `much` the engine flushes as soon as it can,
   * at `full` it applies nothing more until a flush is done. By default never.
   */
  pressure?(): 'little' | 'much' | 'full';
}

/** One part of a machine's state, by name. */
export interface PartFacts {
  readonly name: string;
  /** Of a collection its kind, such as `map`; `value` for a plain value. */
  readonly kind: string;
}

/** What a backup says of the machine whose state it holds. */
export interface MachineFacts {
  /** What form its snapshots have: `typed`, `kv`, or a name of the application's. */
  readonly kind: string;
  /** The version that its state has; 0 where it has none yet. */
  readonly version: number;
  /** What the state is made of, where the machine can tell. */
  readonly parts: readonly PartFacts[];
}

/** A replicated state machine; see this file's opening comment for its duties. */
export interface Machine {
  /** Applies a command. A refusal is an outcome; to throw is a bug, and halts the group. */
  apply(command: Uint8Array, context: CommandContext): Outcome;
  /**
   * The state as it is now, in chunks of at most 256 KiB that may be taken later, one by one,
   * while further commands are applied: taking a snapshot must not stall. `return()` is called on a
   * walk that is given up.
   */
  snapshot(): Iterator<Uint8Array, void>;
  /**
   * Replaces the state. A machine that is {@link kept} has no mark from now on until the flush that
   * follows `finish`: if the process ends before, the engine restores the same snapshot again.
   */
  restore(): MachineRestore;
  /** A number in 0 … 2^53 − 1 that replicas in the same state share; to be had quickly. */
  hash?(): number;
  /** What its snapshots are, for backups; by default of kind `custom`, and taken by any such. */
  facts?(): MachineFacts;
  /** Refuses by throwing, before anything of it comes, a state that it could not take. */
  check?(facts: MachineFacts): void;
  /** For a machine whose state lives in a store. It is handed to the engine with the store open. */
  readonly kept?: Kept;
  /**
   * An outcome as bytes, the same on every replica, and back: answers are kept with sessions, and
   * sent to clients that are no members. By default values that JSON has and, anywhere in them,
   * bigint, bytes and undefined; errors keep code, message and details.
   */
  encodeOutcome?(outcome: Outcome): Uint8Array;
  decodeOutcome?(bytes: Uint8Array): Outcome;
  /**
   * Answers a question that a client which is no member asked; called when the state may be read
   * linearizably, or at once where the client says that any state will do. It changes nothing.
   */
  query?(question: Uint8Array): Outcome;
}
