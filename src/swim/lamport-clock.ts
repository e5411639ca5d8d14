/**
 * A Lamport clock ("Time, Clocks, and the Ordering of Events", 1978) as Serf keeps three of: it
 * orders what has been told by what was known to its teller. Times start at 1 and never decrease.
 */
export class LamportClock {
  #time: number;

  constructor(time = 1) {
    this.#time = Math.min(Math.max(1, Math.floor(time)), Number.MAX_SAFE_INTEGER);
  }

  get time(): number {
    return this.#time;
  }

  /** The present time, for something that we tell; the next will be later. */
  tick(): number {
    const time = this.#time;
    this.witness(time);
    return time;
  }

  /** After what we hear, our time is later than its own. */
  witness(time: number): void {
    // At the end of exact numbers the clock stands still rather than go wrong.
    if (time >= this.#time) this.#time = Math.min(time + 1, Number.MAX_SAFE_INTEGER);
  }
}
