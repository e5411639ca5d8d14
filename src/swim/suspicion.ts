/**
 * A suspicion, and how long it lasts before the suspect counts as dead. Lifeguard's "dogpile"
 * (section IV-B): the more members suspect independently, the sooner; a member that is alone with
 * its suspicion, because it is itself cut off or slow, waits up to six times as long.
 *
 *     timeout(c) = max(min, max − (max − min) · ln(c + 1) / ln(k + 1))
 *
 * for c confirmations by others than the first accuser, of which k are expected.
 */

/** ⌈log10⌉-like growth with the cluster: news needs that many rounds to reach everybody. */
export function suspicionMinMs(mult: number, members: number, probeIntervalMs: number): number {
  return mult * Math.max(1, Math.log10(Math.max(1, members))) * probeIntervalMs;
}

/** How long after its start a suspicion with `confirmations` ends. */
export function suspicionTimeoutMs(limits: {
  confirmations: number;
  confirmationsExpected: number;
  minMs: number;
  maxMs: number;
}): number {
  const { confirmations, confirmationsExpected, minMs, maxMs } = limits;
  if (confirmationsExpected < 1) return minMs;
  const share = Math.log(confirmations + 1) / Math.log(confirmationsExpected + 1);
  return Math.max(minMs, maxMs - (maxMs - minMs) * share);
}

export class Suspicion {
  readonly startMs: number;
  readonly #accusers = new Set<string>();
  readonly #confirmationsExpected: number;
  readonly #minMs: number;
  readonly #maxMs: number;
  #hastened = false;

  constructor(options: {
    startMs: number;
    firstAccuser: string;
    confirmationsExpected: number;
    minMs: number;
    maxMs: number;
  }) {
    this.startMs = options.startMs;
    this.#accusers.add(options.firstAccuser);
    this.#confirmationsExpected = options.confirmationsExpected;
    this.#minMs = options.minMs;
    this.#maxMs = options.maxMs;
  }

  get confirmations(): number {
    return this.#accusers.size - 1;
  }

  /** Whether others could have confirmed it, and none did. */
  get isLonely(): boolean {
    return this.#confirmationsExpected > 0 && this.confirmations === 0 && !this.#hastened;
  }

  /** Somebody has declared the suspect dead: then the shortest time is enough. */
  hasten(): void {
    this.#hastened = true;
  }

  /** When the suspect counts as dead, unless something happens. */
  get endMs(): number {
    if (this.#hastened) return this.startMs + this.#minMs;
    const confirmationsExpected = this.#confirmationsExpected;
    const limits = { confirmationsExpected, minMs: this.#minMs, maxMs: this.#maxMs };
    return this.startMs + suspicionTimeoutMs({ ...limits, confirmations: this.confirmations });
  }

  /** Takes an accusation into account; false if it tells nothing new. */
  confirm(accuser: string): boolean {
    if (this.confirmations >= this.#confirmationsExpected) return false;
    if (this.#accusers.has(accuser)) return false;
    this.#accusers.add(accuser);
    return true;
  }
}
