/**
 * Fresh entries on their way to the others. Each is sent `retransmitMult · ceil(log10(n + 1))` times
 * in all, to a few members at random each interval, the least often sent first: the same law by
 * which SWIM spreads its news, so that an entry reaches everybody in a handful of intervals. What is
 * lost on the way is repaired by comparing stores.
 *
 * Bound: one broadcast a key, so never more than the store has entries.
 */
import { type Entry, type EntryKey, encodeEntry } from './entry.ts';
import { deltaOverheadBytes } from './message.ts';

/** How many entries one delta may carry, so that its count takes one byte. */
const entriesPerDeltaMax = 127;

interface Broadcast {
  readonly entry: Entry;
  readonly bytes: number;
  sends: number;
}

/** The queue of fresh entries. */
export class Broadcasts {
  readonly #queue = new Map<string, Broadcast>();

  /** How many entries are still being spread. */
  get size(): number {
    return this.#queue.size;
  }

  /** Spreads `entry` in place of an older one under its key. */
  add(entry: Entry): void {
    const id = idOf(entry);
    // Deleted first, so that the newest stands last, where the scan below finds it among equals.
    this.#queue.delete(id);
    this.#queue.set(id, { entry, bytes: encodeEntry(entry).length, sends: 0 });
  }

  /**
   * The entries for one message to one member: those that fit into `bytesMax`, or a single larger
   * one, which then needs a stream. Counts them as sent and drops those sent `sendsMax` times.
   */
  take(bytesMax: number, sendsMax: number): Entry[] {
    const waiting = [...this.#queue].sort(([, a], [, b]) => a.sends - b.sends);
    const taken: Entry[] = [];
    let left = bytesMax - deltaOverheadBytes;
    for (const [id, broadcast] of waiting) {
      const large = broadcast.bytes > bytesMax - deltaOverheadBytes;
      if (large ? taken.length > 0 : broadcast.bytes > left) continue;
      taken.push(broadcast.entry);
      left -= broadcast.bytes;
      broadcast.sends++;
      if (broadcast.sends >= sendsMax) this.#queue.delete(id);
      if (large || taken.length === entriesPerDeltaMax) break;
    }
    return taken;
  }
}

function idOf(key: EntryKey): string {
  return `${key.collection}\u0000${key.key}`;
}
