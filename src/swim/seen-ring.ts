/**
 * What was heard already, so that gossip, which tells everything several times, is taken once. A
 * ring of 512 Lamport times: the slot of a time is its remainder, and what is more than a ring's
 * length behind the clock counts as old, and is dropped unheard.
 *
 * Invariant: a slot holds entries of one Lamport time only; at most `perTimeMax` of them.
 */

/** Lamport times remembered; the same on all members of a cluster. */
export const ringSlots = 512;
/** Entries of one Lamport time: members that spoke at once. */
const perTimeMax = 1_024;

/** What became of an entry. */
export type Novelty = 'new' | 'seen' | 'old' | 'full';

export class SeenRing<T> {
  readonly #same: (a: T, b: T) => boolean;
  readonly #slots: ({ time: number; entries: T[] } | undefined)[] = new Array(ringSlots);

  constructor(same: (a: T, b: T) => boolean) {
    this.#same = same;
  }

  /** Remembers an entry of `time`, given that the clock stands at `clockTime`. */
  add(time: number, clockTime: number, entry: T): Novelty {
    if (clockTime > ringSlots && time < clockTime - ringSlots) return 'old';
    const slot = this.#slots[time % ringSlots];
    if (slot === undefined || slot.time < time) {
      this.#slots[time % ringSlots] = { time, entries: [entry] };
      return 'new';
    }
    if (slot.time > time) return 'old';
    if (slot.entries.some((other) => this.#same(entry, other))) return 'seen';
    if (slot.entries.length >= perTimeMax) return 'full';
    slot.entries.push(entry);
    return 'new';
  }

  /** Everything that is remembered. */
  *all(): IterableIterator<{ time: number; entry: T }> {
    for (const slot of this.#slots) {
      if (slot === undefined) continue;
      for (const entry of slot.entries) yield { time: slot.time, entry };
    }
  }
}
