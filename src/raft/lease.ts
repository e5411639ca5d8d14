/**
 * The leader's lease for reads without a round (thesis §6.4.1): while a quorum has heard the leader
 * within the shortest election timeout, none of its members grants a vote, so nobody else leads.
 *
 * The lease starts when the confirming heartbeats were *sent*, on the leader's monotonic clock, so
 * that a pause anywhere counts against it. It lasts one tick less than the election timeout, for a
 * follower's first tick may come right after the heartbeat, and less by the allowed drift. Once
 * the leader has asked another member to campaign, there is no lease for the rest of the term: that
 * member's election ignores who has heard whom.
 */
import type { Settings } from './options.ts';

/** Rounds whose sending time is remembered; answers to older ones prolong nothing. */
const ROUNDS_MAX = 64;

export class Lease {
  readonly #durationMs: number;
  #sent: { readonly round: number; readonly atMs: number }[] = [];
  #untilMs = Number.NEGATIVE_INFINITY;
  #forfeited = false;

  constructor({ reads, lease, electionTicks }: Settings) {
    const usable = reads === 'lease' && lease !== undefined;
    this.#durationMs = usable ? (electionTicks - 1) * lease.tickMs * (1 - lease.driftRatioMax) : 0;
  }

  get inUse(): boolean {
    return this.#durationMs > 0;
  }

  /** Heartbeats of `round` are being made. */
  sent(round: number, atMs: number): void {
    this.#sent.push({ round, atMs });
    if (this.#sent.length > ROUNDS_MAX) this.#sent.shift();
  }

  /** A quorum has answered `round`. */
  confirmed(round: number): void {
    while (this.#sent.length > 0 && this.#sent[0]!.round <= round) {
      this.#untilMs = this.#sent.shift()!.atMs + this.#durationMs;
    }
  }

  holds(nowMs: number): boolean {
    return !this.#forfeited && nowMs < this.#untilMs;
  }

  /** No lease for the rest of the term. */
  forfeit(): void {
    this.#forfeited = true;
  }

  reset(): void {
    this.#sent = [];
    this.#untilMs = Number.NEGATIVE_INFINITY;
    this.#forfeited = false;
  }
}
