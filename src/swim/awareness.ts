/**
 * Lifeguard's local health (section IV-A of the paper): a member whose own probes fail without
 * its helpers' nacks, or who has to refute, is probably slow itself, and should give the others
 * more time rather than accuse them.
 *
 * Invariant: 0 ≤ score < max; 0 means healthy.
 */
export class Awareness {
  readonly #scoreMax: number;
  #score = 0;

  /** @param max the number of scores; 1 switches local health off. */
  constructor(max: number) {
    this.#scoreMax = max - 1;
  }

  get score(): number {
    return this.#score;
  }

  /** Counts evidence of being slow (positive) or well (negative). */
  adjust(delta: number): void {
    this.#score = Math.min(this.#scoreMax, Math.max(0, this.#score + delta));
  }

  /** How long is allowed for what a healthy member would allow `durationMs`. */
  scaled(durationMs: number): number {
    return durationMs * (this.#score + 1);
  }
}
