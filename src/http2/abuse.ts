/**
 * What a client may do that costs us more than it, and how much of it: streams that end by an error or
 * are broken off at once (CVE-2023-44487, CVE-2025-8671), pings (grpc/proposal, A8), and frames that
 * ask for nothing.
 */

/** Streams that may end so: as many at once, and as many a second from then on. */
const brokenMax = 800;
const brokenPerSecond = 30;
/** Strikes before a client that pings too often is sent away; what gRPC's servers grant. */
const pingStrikesMax = 2;
/** Without any call under way, a ping in so long is enough. */
const idlePingIntervalMs = 7_200_000;
/** Frames that bring nothing, since anything was sent or came last; and as many a second besides. */
const idleFramesMax = 10_000;
const idleFramesPerSecond = 100;

/** So many at once, and so many a second from then on. */
class Allowance {
  readonly #max: number;
  readonly #perSecond: number;
  #left: number;
  #lastMs = 0;

  constructor(max: number, perSecond: number) {
    this.#max = max;
    this.#perSecond = perSecond;
    this.#left = max;
  }

  /** Whether one more is too many. */
  exceeded(nowMs: number): boolean {
    const gained = ((nowMs - this.#lastMs) / 1_000) * this.#perSecond;
    this.#lastMs = nowMs;
    this.#left = Math.min(this.#max, this.#left + gained) - 1;
    return this.#left < 0;
  }

  renew(): void {
    this.#left = this.#max;
  }
}

export class Abuse {
  readonly #pingIntervalMsMin: number;
  readonly #broken = new Allowance(brokenMax, brokenPerSecond);
  readonly #idle = new Allowance(idleFramesMax, idleFramesPerSecond);
  #strikes = 0;
  #lastPingMs = Number.NEGATIVE_INFINITY;

  constructor(pingIntervalMsMin: number) {
    this.#pingIntervalMsMin = pingIntervalMsMin;
  }

  /** Whoever gets answers may measure the round trip by pings. */
  answered(): void {
    this.#strikes = 0;
    this.#lastPingMs = Number.NEGATIVE_INFINITY;
  }

  /** Something of a request has come, or of an answer has left. */
  useful(): void {
    this.#idle.renew();
  }

  /** Whether one more frame that brings nothing is too many. */
  idle(nowMs: number): boolean {
    return this.#idle.exceeded(nowMs);
  }

  /** Whether a ping is one too many. */
  pinged(nowMs: number, streams: number): boolean {
    const apartMs = streams === 0 ? idlePingIntervalMs : this.#pingIntervalMsMin;
    if (nowMs - this.#lastPingMs < apartMs) this.#strikes++;
    this.#lastPingMs = nowMs;
    return this.#strikes > pingStrikesMax;
  }

  /** Whether a stream that the client broke off, or had broken off, is one too many. */
  broken(nowMs: number): boolean {
    return this.#broken.exceeded(nowMs);
  }
}
