/**
 * The changes of the last commands, for readers that come back: bounded, the oldest go first.
 *
 * They lie in a ring whose slots are used again, and a command's only change lies there as the
 * journal had it: what is kept for readers that mostly never come makes no objects, which the
 * collector would have to move about until the ring has gone around.
 */
import { QuorateError } from '../base/errors.ts';
import type { CommandContext } from '../engine/machine.ts';
import {
  type Change,
  everything,
  type Journal,
  type Recorded,
  type Recorder,
  told,
} from './journal.ts';
import type { Key } from './key.ts';

/** What one command has changed. */
export interface Changes {
  /** The command's place in the log: to go on behind it, ask for `changes({ after: index })`. */
  readonly index: number;
  readonly term: number;
  readonly timeMs: number;
  /** The command's name; `migrate` where a version became active. */
  readonly command: string;
  /** In the order in which they were made; the last one of each key. */
  readonly changes: readonly Change[];
}

/** What is kept of a command: its only change as it was recorded, or else all of them as told. */
class Slot implements Recorded {
  index = 0;
  term = 0;
  timeMs = 0;
  command = '';
  table: Recorder | undefined = undefined;
  key: Key | typeof everything = everything;
  after: unknown = undefined;
  changes: readonly Change[] = none;
}

const none: readonly Change[] = [];

export class ChangeHistory {
  readonly #max: number;
  /** In order, from `#first` around to the one before it. */
  #slots: Slot[] = [];
  #first = 0;
  /** All changes after this index are known. */
  #completeAfter = 0;
  readonly #listeners = new Set<() => void>();

  constructor(max: number) {
    this.#max = max;
  }

  /** The oldest index that may be asked for. */
  get completeAfter(): number {
    return this.#completeAfter;
  }

  /** A command has run; `plain` are changes that the journal does not know of. */
  add(context: CommandContext, command: string, journal: Journal, plain: readonly Change[]): void {
    const { index, term, timeMs } = context;
    if (this.#max === 0) this.#completeAfter = index;
    else {
      const slot = this.#slot();
      slot.index = index;
      slot.term = term;
      slot.timeMs = timeMs;
      slot.command = command;
      const isOne = plain.length === 0 && journal.copyOnly(slot);
      slot.changes = isOne ? none : [...journal.changes(), ...plain];
    }
    for (const listener of this.#listeners) listener();
  }

  /** A snapshot was restored: how its state came to be is not known here. */
  restart(index: number): void {
    this.#slots = [];
    this.#first = 0;
    this.#completeAfter = index;
    for (const listener of this.#listeners) listener();
  }

  /**
   * The first known changes after an index.
   * @throws QuorateError `changes-compacted` if some after it are not known any more
   */
  after(index: number): Changes | undefined {
    if (index < this.#completeAfter) {
      throw new QuorateError(
        'changes-compacted',
        `changes are known behind index ${this.#completeAfter}, not ${index}`,
        { details: { completeAfter: this.#completeAfter } },
      );
    }
    let low = 0;
    let high = this.#slots.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#at(middle)!.index <= index) low = middle + 1;
      else high = middle;
    }
    const slot = this.#at(low);
    return slot === undefined ? undefined : changesOf(slot);
  }

  /** Calls `listener` after each change; returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The slot of the next command: a new one, or that of the oldest, which is forgotten. */
  #slot(): Slot {
    const slots = this.#slots;
    if (slots.length < this.#max) {
      const slot = new Slot();
      slots.push(slot);
      return slot;
    }
    const oldest = slots[this.#first]!;
    this.#completeAfter = oldest.index;
    this.#first = (this.#first + 1) % this.#max;
    return oldest;
  }

  /** So many behind the oldest. */
  #at(offset: number): Slot | undefined {
    const { length } = this.#slots;
    return offset < length ? this.#slots[(this.#first + offset) % length] : undefined;
  }
}

function changesOf(slot: Slot): Changes {
  const { index, term, timeMs, command, changes } = slot;
  return { index, term, timeMs, command, changes: changes === none ? [told(slot)] : changes };
}
