/**
 * Stamps: when a shared value was written, in an order that every member agrees on.
 *
 * A stamp is a reading of a hybrid logical clock (Kulkarni and others, "Logical Physical Clocks",
 * 2014): the writer's wall clock, a counter for what happened within one millisecond or while the
 * wall clock stood still or ran backwards, and the writer's name. A member's clock never falls
 * behind a stamp that it has seen, so whoever overwrites a value that he has read gets a greater
 * stamp, however wrong his wall clock is.
 *
 * Invariants: {@link compareStamps} is a total order; a clock's stamps strictly increase; a clock
 * takes in no stamp further ahead of its wall clock than the drift that is allowed, so that one
 * member with a clock in the next century cannot push the others there.
 */
import { assert } from '../../base/assert.ts';

/** The greatest wall time a stamp can carry: 48 bits of milliseconds, the year 10889. */
export const wallMsMax = 2 ** 48 - 1;

/** The greatest counter a stamp can carry. */
export const counterMax = 2 ** 32 - 1;

/** One reading of a hybrid logical clock. */
export interface Stamp {
  /** Milliseconds since 1970 on the writer's clock, or later; in 0 … 2^48 − 1. */
  readonly wallMs: number;
  /** Tells apart what was written within one `wallMs`; in 0 … 2^32 − 1. */
  readonly counter: number;
  /** The writer's name; makes the order total between members. */
  readonly writer: string;
}

/** Negative if `a` is older than `b`, positive if it is newer, 0 only if they are the same. */
export function compareStamps(a: Stamp, b: Stamp): number {
  if (a.wallMs !== b.wallMs) return a.wallMs - b.wallMs;
  if (a.counter !== b.counter) return a.counter - b.counter;
  // By UTF-16 units: the same on every machine, unlike an order by locale.
  return a.writer < b.writer ? -1 : a.writer > b.writer ? 1 : 0;
}

/** What a {@link HybridClock} needs. */
export interface HybridClockOptions {
  /** The name put into this clock's stamps. */
  readonly writer: string;
  /** The wall clock, in milliseconds since 1970; it may jump. */
  readonly wallMs: () => number;
  /** How far ahead of the wall clock a stamp may be, in milliseconds. */
  readonly driftMaxMs: number;
}

/** A hybrid logical clock: gives out stamps, and takes in those of others. */
export class HybridClock {
  readonly #writer: string;
  readonly #wallMs: () => number;
  readonly #driftMaxMs: number;
  /** The greatest time given out or taken in; it never decreases. */
  #lastWallMs = 0;
  #lastCounter = 0;

  constructor(options: HybridClockOptions) {
    this.#writer = options.writer;
    this.#wallMs = options.wallMs;
    this.#driftMaxMs = options.driftMaxMs;
  }

  /** The wall clock's reading, as a whole number within a stamp's range. */
  nowMs(): number {
    return Math.min(wallMsMax, Math.max(0, Math.floor(this.#wallMs())));
  }

  /** A stamp greater than every one that this clock has given out or taken in. */
  next(): Stamp {
    const nowMs = this.nowMs();
    if (nowMs > this.#lastWallMs) {
      this.#lastWallMs = nowMs;
      this.#lastCounter = 0;
    } else if (this.#lastCounter < counterMax) {
      this.#lastCounter++;
    } else {
      this.#lastWallMs++;
      this.#lastCounter = 0;
    }
    assert(this.#lastWallMs <= wallMsMax, 'the hybrid clock ran past its last stamp');
    return { wallMs: this.#lastWallMs, counter: this.#lastCounter, writer: this.#writer };
  }

  /**
   * Takes in a stamp of another member.
   *
   * @returns false, with nothing changed, if it is further ahead than the drift that is allowed.
   */
  witness(stamp: Stamp): boolean {
    if (stamp.wallMs > this.nowMs() + this.#driftMaxMs) return false;
    if (stamp.wallMs > this.#lastWallMs) {
      this.#lastWallMs = stamp.wallMs;
      this.#lastCounter = stamp.counter;
    } else if (stamp.wallMs === this.#lastWallMs && stamp.counter > this.#lastCounter) {
      this.#lastCounter = stamp.counter;
    }
    return true;
  }
}
