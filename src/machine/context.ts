/**
 * What a command may know of the world: the same on every replica, for it comes from the log.
 */
import { SeededRandom } from '../base/seeded-random.ts';
import type { CommandContext } from '../engine/machine.ts';

/** Where and when a command takes effect. Commands read no clock and roll no dice but these. */
export interface MachineContext {
  /** The command's place in the log. */
  readonly index: number;
  /** The term of the leader that appended it. */
  readonly term: number;
  /** When it was proposed, by the leader's clock, which never goes back: milliseconds since 1970. */
  readonly timeMs: number;
  /** The same as a date. */
  readonly time: Date;
  /** Numbers that nobody chose; not for secrets, for whoever reads the log can know them. */
  readonly random: MachineRandom;
  /** An id that no other call in this group gives: 26 letters and digits, sorted by time (a ULID). */
  id(): string;
}

/** A generator that every replica draws the same numbers from. */
export interface MachineRandom {
  /** A number in 0 … 1, without 1. */
  fraction(): number;
  /** A whole number in 0 … limit − 1. */
  below(limit: number): number;
  /** A whole number in 0 … 2^32 − 1. */
  uint32(): number;
}

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TIME_LETTERS = 10;
const INDEX_LETTERS = 11;
const COUNT_LETTERS = 5;

/** The context of one command. */
export class CommandScope implements MachineContext {
  readonly index: number;
  readonly term: number;
  readonly timeMs: number;
  readonly #seed: number;
  #random: SeededRandom | undefined;
  #ids = 0;

  /** @param seed of the group, so that groups do not draw the same numbers */
  constructor(seed: number, { index, term, timeMs }: CommandContext) {
    this.#seed = seed;
    this.index = index;
    this.term = term;
    this.timeMs = timeMs;
  }

  get time(): Date {
    return new Date(this.timeMs);
  }

  get random(): MachineRandom {
    this.#random ??= new SeededRandom((this.#seed + this.index * 2 ** 20) % 2 ** 53);
    return this.#random;
  }

  /** Unique by what it is made of: the index is in it, and a count of this command's ids. */
  id(): string {
    const time = letters(this.timeMs, TIME_LETTERS);
    return time + letters(this.index, INDEX_LETTERS) + letters(this.#ids++, COUNT_LETTERS);
  }
}

function letters(value: number, count: number): string {
  let text = '';
  let rest = value;
  for (let i = 0; i < count; i++) {
    text = alphabet[rest % 32]! + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}
