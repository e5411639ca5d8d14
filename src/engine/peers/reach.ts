/**
 * What is known of reaching a peer: when to dial it again, and what went wrong last. The wait doubles
 * from one failure to the next, and half of it is drawn, so that members that lost each other do not
 * meet in step. The side whose link would not be kept anyway dials later than the other one.
 */
import type { QuorateError } from '../../base/errors.ts';
import type { Random } from '../../ports/random.ts';

export interface ReachSettings {
  readonly dialBackoffMsMin: number;
  readonly dialBackoffMsMax: number;
}

/** How many of the shortest waits the patient side waits longer. */
const PATIENCE = 10;
/** At first it waits less: the other side may not know yet that this one is back. */
const FIRST_PATIENCE = 2;

export class Reach {
  nextDialMs: number;
  /** Of links that are gone. */
  bytesIn = 0;
  bytesOut = 0;
  lastError: QuorateError | undefined = undefined;
  readonly #settings: ReachSettings;
  readonly #patienceMs: number;
  #backoffMs: number;
  #attempts = 0;

  constructor(nowMs: number, patient: boolean, settings: ReachSettings) {
    this.#settings = settings;
    this.#backoffMs = settings.dialBackoffMsMin;
    this.#patienceMs = patient ? PATIENCE * settings.dialBackoffMsMin : 0;
    this.nextDialMs = nowMs + (patient ? FIRST_PATIENCE * settings.dialBackoffMsMin : 0);
  }

  /**
   * Which address to dial now: every other time the hint, where there is one. Should all members have
   * moved at once, nobody could tell the others through the cluster.
   */
  choose(address: string, hint: string | undefined): string {
    return hint !== undefined && this.#attempts++ % 2 === 1 ? hint : address;
  }

  /** A link, or an attempt, is over. */
  lost(nowMs: number, error: QuorateError, random: Random): void {
    this.lastError = error;
    const waitMs = this.#backoffMs * (0.5 + random.fraction() / 2);
    this.nextDialMs = nowMs + this.#patienceMs + waitMs;
    this.#backoffMs = Math.min(this.#backoffMs * 2, this.#settings.dialBackoffMsMax);
  }

  /** The link held for a while: the next failure is a first one again. */
  held(): void {
    this.#backoffMs = this.#settings.dialBackoffMsMin;
  }

  /** The peer has another address. */
  hopeful(nowMs: number): void {
    this.held();
    this.nextDialMs = Math.min(this.nextDialMs, nowMs + this.#patienceMs);
  }
}
