/**
 * When leases end. Only a leader keeps this time, from the moment it is sure that it leads: it then
 * gives every lease the whole of its time, or what was last noted of it, and an election timeout
 * more, so that no lease ends early because the leader changed. Keeping a lease alive costs no entry
 * in the log.
 *
 * Leases lie in slots of a second by when they end at the earliest; one that was kept alive is only
 * moved when its old slot comes up.
 */

interface Term {
  ttlSeconds: number;
  endsMs: number;
}

const SLOT_MS = 1000;

export class LeaseClock {
  readonly #leases = new Map<bigint, Term>();
  readonly #slots = new Map<number, Set<bigint>>();
  /** All slots before this one have been looked at. */
  #nextSlot = 0;

  get size(): number {
    return this.#leases.size;
  }

  /** Forgets all: this member does not lead any more, or begins to. */
  clear(nowMs: number): void {
    this.#leases.clear();
    this.#slots.clear();
    this.#nextSlot = Math.floor(nowMs / SLOT_MS);
  }

  /** @param secondsLeft from now on; `ttlSeconds` from each renewal on */
  set(id: bigint, ttlSeconds: number, endsMs: number): void {
    this.#leases.set(id, { ttlSeconds, endsMs });
    this.#place(id, endsMs);
  }

  remove(id: bigint): void {
    this.#leases.delete(id);
  }

  /** The lease has its whole time again; returns that, or undefined where there is no such lease. */
  renew(id: bigint, nowMs: number): number | undefined {
    const lease = this.#leases.get(id);
    // One whose time is up is as good as revoked, though the log does not say so yet.
    if (lease === undefined || lease.endsMs <= nowMs) return undefined;
    lease.endsMs = nowMs + lease.ttlSeconds * 1000;
    return lease.ttlSeconds;
  }

  /** Seconds left, rounded up; at least 0. */
  secondsLeft(id: bigint, nowMs: number): number | undefined {
    const lease = this.#leases.get(id);
    return lease === undefined ? undefined : Math.max(0, Math.ceil((lease.endsMs - nowMs) / 1000));
  }

  /** Leases whose time is up, at most so many; each is given again a second later if it remains. */
  expired(nowMs: number, countMax: number): readonly bigint[] {
    // One that was set anew may lie in two slots.
    const ended = new Set<bigint>();
    const current = Math.floor(nowMs / SLOT_MS);
    while (this.#nextSlot <= current) {
      const slot = this.#slots.get(this.#nextSlot);
      for (const id of [...(slot ?? [])]) {
        if (ended.size >= countMax) return [...ended];
        slot!.delete(id);
        const lease = this.#leases.get(id);
        if (lease === undefined || ended.has(id)) continue;
        if (lease.endsMs <= nowMs) {
          ended.add(id);
          this.#place(id, nowMs + SLOT_MS);
        } else this.#place(id, lease.endsMs);
      }
      // The slot of this second may still get some.
      if (this.#nextSlot === current) break;
      this.#slots.delete(this.#nextSlot++);
    }
    return [...ended];
  }

  /** Leases that have long to go: how much of it is left, to be noted for the next leader. */
  *longTerms(nowMs: number, atLeastSeconds: number): Generator<{ id: bigint; seconds: number }> {
    for (const [id, { ttlSeconds, endsMs }] of this.#leases) {
      if (ttlSeconds < atLeastSeconds) continue;
      yield { id, seconds: Math.max(1, Math.ceil((endsMs - nowMs) / 1000)) };
    }
  }

  #place(id: bigint, endsMs: number): void {
    const at = Math.max(Math.floor(endsMs / SLOT_MS), this.#nextSlot);
    const slot = this.#slots.get(at);
    if (slot === undefined) this.#slots.set(at, new Set([id]));
    else slot.add(id);
  }
}
