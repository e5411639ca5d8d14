/**
 * What the core asks of the log that the host keeps: synchronous reads of what is stable. The core
 * itself remembers what it has handed out and not yet been told to be durable.
 */
import type { ConfigurationState } from './configuration.ts';
import type { Entry, HardState, Snapshot } from './entry.ts';

/** What is stable of one group's log. Every read answers at once, from memory or a cache. */
export interface LogStorage {
  /** What was stored before a restart; for a new member zeros and an empty configuration. */
  initialState(): { readonly hardState: HardState; readonly configuration: ConfigurationState };
  /** The index of the first entry that can still be read; the one before it has a known term. */
  firstIndex(): number;
  /** The index of the last entry, or `firstIndex() − 1`. */
  lastIndex(): number;
  /** The term at `index` in firstIndex() − 1 … lastIndex(). Always at hand. */
  term(index: number): number;
  /**
   * Entries from `from` up to and without `to`, which both lie in firstIndex() … lastIndex() + 1,
   * as many as have at most `bytesMax` by `entryBytes`, but at least one. Undefined where they
   * are not at hand: the host fetches them and then steps `storage-ready`.
   */
  entries(from: number, to: number, bytesMax: number): readonly Entry[] | undefined;
  /** The latest snapshot, its index at least firstIndex() − 1; undefined where none is at hand. */
  snapshot(): Snapshot | undefined;
}
