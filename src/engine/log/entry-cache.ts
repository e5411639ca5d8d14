/**
 * How much memory the entries of all groups take, and who must give some up: the oldest first,
 * whosever they are. Each group keeps its own entries, always the end of its log; here is only the
 * order in which they came.
 *
 * Invariant: an entry that is not durable yet is never given up, since it could not be read back.
 */
import type { Entry } from '../../raft/entry.ts';
import type { Ticket } from './log-write.ts';

/** What an entry takes in memory beside its data, roughly: two objects and their places. */
const overheadBytes = 200;

/** Groups of entries that came together, remembered at most. */
const arrivalsMax = 65_536;

/** What the cache needs of a group. */
export interface CachedEntries {
  /** The index of the first entry that it holds in memory, or the one after the last. */
  cacheFirst(): number;
  /** Gives up its cached entries up to `index`, as far as they are durable. */
  uncacheDurable(index: number, durableTicket: Ticket): void;
}

interface Arrival {
  readonly owner: CachedEntries;
  readonly through: number;
  readonly ticket: Ticket;
  readonly bytes: number;
}

export function cachedBytes(entry: Entry): number {
  return overheadBytes + entry.data.length;
}

export class EntryCache {
  readonly #bytesMax: number;
  #arrivals: Arrival[] = [];
  #head = 0;
  /** What the groups hold at present. */
  bytes = 0;
  /** All writes up to this ticket are durable. */
  durableTicket: Ticket = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Notes that `owner` has cached `bytes` more, up to index `through`, written with `ticket`. */
  added(owner: CachedEntries, through: number, ticket: Ticket, bytes: number): void {
    this.bytes += bytes;
    this.#arrivals.push({ owner, through, ticket, bytes });
  }

  /** Notes that `bytes` were given up or cut off. */
  dropped(bytes: number): void {
    this.bytes -= bytes;
  }

  /** Gives up the oldest until the rest fits, as far as it is durable. */
  trim(durableTicket: Ticket): void {
    this.durableTicket = durableTicket;
    while (this.#head < this.#arrivals.length) {
      const tooMany = this.#arrivals.length - this.#head > arrivalsMax;
      const { owner, through, ticket } = this.#arrivals[this.#head]!;
      const isGone = owner.cacheFirst() > through;
      if (!isGone) {
        if (this.bytes <= this.#bytesMax && !tooMany) break;
        if (ticket > durableTicket) break;
        owner.uncacheDurable(through, durableTicket);
      }
      this.#head++;
    }
    if (this.#head > 1024 && this.#head * 2 > this.#arrivals.length) {
      this.#arrivals = this.#arrivals.slice(this.#head);
      this.#head = 0;
    }
  }
}
