/**
 * A log in memory: for tests, for simulations, and as the example of what a host must keep.
 */
import { assert } from '../base/assert.ts';
import { type ConfigurationState, emptyConfiguration } from './configuration.ts';
import {
  ENTRY_OVERHEAD_BYTES,
  type Entry,
  type HardState,
  NOBODY,
  type Snapshot,
} from './entry.ts';
import type { LogStorage } from './storage.ts';

/** A log in memory. What is set or appended counts as stored at once. */
export class MemoryStorage implements LogStorage {
  #hardState: HardState = { term: 0, vote: NOBODY, commit: 0 };
  #configuration: ConfigurationState = emptyConfiguration;
  #snapshot: Snapshot | undefined;
  /** The term of the entry before the first, and its index. */
  #compacted = { term: 0, index: 0 };
  #entries: Entry[] = [];

  initialState(): { hardState: HardState; configuration: ConfigurationState } {
    return { hardState: this.#hardState, configuration: this.#configuration };
  }

  firstIndex(): number {
    return this.#compacted.index + 1;
  }

  lastIndex(): number {
    return this.#compacted.index + this.#entries.length;
  }

  term(index: number): number {
    if (index === this.#compacted.index) return this.#compacted.term;
    const entry = this.#entries[index - this.firstIndex()];
    assert(entry !== undefined, () => `entry ${index} is not stored`);
    return entry.term;
  }

  entries(from: number, to: number, bytesMax: number): readonly Entry[] {
    const start = from - this.firstIndex();
    const limit = to - this.firstIndex();
    assert(
      0 <= start && limit <= this.#entries.length,
      () => `entries [${from}, ${to}) are not stored`,
    );
    let end = start;
    let bytes = 0;
    while (end < limit) {
      bytes += ENTRY_OVERHEAD_BYTES + this.#entries[end]!.data.length;
      if (bytes > bytesMax && end > start) break;
      end++;
    }
    return this.#entries.slice(start, end);
  }

  snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  /** Keeps the configuration that was applied last, for a restart without a snapshot. */
  setConfiguration(configuration: ConfigurationState): void {
    this.#configuration = configuration;
  }

  /** Writes entries; what stands at the first one's index and behind it is replaced. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    assert(first.index > this.#compacted.index, () => `entry ${first.index} is compacted away`);
    assert(first.index <= this.lastIndex() + 1, () => `entry ${first.index} leaves a gap`);
    this.#entries.length = first.index - this.firstIndex();
    for (const entry of entries) this.#entries.push(entry);
  }

  /** A snapshot from the leader replaces everything. */
  install(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#configuration = snapshot.configuration;
    this.#compacted = { term: snapshot.term, index: snapshot.index };
    this.#entries = [];
  }

  /** Keeps a snapshot that the host made of its own state at `index`. */
  createSnapshot(index: number, configuration: ConfigurationState, data: Uint8Array): Snapshot {
    this.#snapshot = { term: this.term(index), index, configuration, data };
    return this.#snapshot;
  }

  /** Forgets entries up to `index`; whoever needs them gets the snapshot. */
  compact(index: number): void {
    const term = this.term(index);
    this.#entries.splice(0, index - this.#compacted.index);
    this.#compacted = { term, index };
  }
}
