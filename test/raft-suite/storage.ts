/**
 * The log that a member of a script keeps: what is written survives a crash.
 *
 * It is written here once more, and not the one of `src/raft`, so that the scripts also judge what
 * the core asks of *any* storage. The last snapshot that a member can give is its state machine's
 * latest state, whatever the log was compacted to.
 */
import { assert } from '../../src/base/assert.ts';
import { type ConfigurationState, emptyConfiguration } from '../../src/raft/configuration.ts';
import { type Entry, entryBytes, type HardState, type Snapshot } from '../../src/raft/entry.ts';
import type { LogStorage } from '../../src/raft/storage.ts';

/** An error that a script may expect to read. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
}

const nothing: HardState = { term: 0, vote: 0, commit: 0 };

export class ScriptStorage implements LogStorage {
  /** The states that the member's machine has gone through, the latest last; never empty. */
  readonly #history: () => readonly Snapshot[];
  #written = nothing;
  /** What of the hard state would survive a loss of power. */
  #synced = nothing;
  #offset = { term: 0, index: 0 };
  #entries: Entry[] = [];
  #installedIndex = 0;

  constructor(history: () => readonly Snapshot[]) {
    this.#history = history;
  }

  initialState(): { hardState: HardState; configuration: ConfigurationState } {
    const configuration = this.#history().at(-1)?.configuration ?? emptyConfiguration;
    return { hardState: this.#written, configuration };
  }

  firstIndex(): number {
    return this.#offset.index + 1;
  }

  lastIndex(): number {
    return this.#offset.index + this.#entries.length;
  }

  term(index: number): number {
    if (index === this.#offset.index) return this.#offset.term;
    const entry = this.#entries[index - this.firstIndex()];
    assert(entry !== undefined, `the term at ${index} was asked for, which is not stored`);
    return entry.term;
  }

  entries(from: number, to: number, bytesMax: number): readonly Entry[] {
    assert(
      from >= this.firstIndex() && to <= this.lastIndex() + 1 && from <= to,
      `entries ${from} up to ${to} were asked for, which are not all stored`,
    );
    const found = this.#entries.slice(from - this.firstIndex(), to - this.firstIndex());
    let bytes = 0;
    const end = found.findIndex((entry, i) => {
      bytes += entryBytes(entry);
      return i > 0 && bytes > bytesMax;
    });
    return end < 0 ? found : found.slice(0, end);
  }

  snapshot(): Snapshot | undefined {
    const latest = this.#history().at(-1);
    return latest === undefined || latest.index === 0 ? undefined : latest;
  }

  /** All entries that can be read. */
  all(): readonly Entry[] {
    return this.#entries;
  }

  setHardState(state: HardState): void {
    this.#written = state;
  }

  /** All that was written up to now survives a loss of power. */
  sync(): void {
    this.#synced = this.#written;
  }

  /** Power is lost: what was not synced is gone. */
  losePower(): void {
    this.#written = this.#synced;
  }

  append(entries: readonly Entry[]): void {
    const fresh = entries.filter((entry) => entry.index >= this.firstIndex());
    if (fresh.length === 0) return;
    const first = fresh[0]!.index;
    assert(first <= this.lastIndex() + 1, `an append at ${first} would leave a gap in the log`);
    this.#entries = [...this.#entries.slice(0, first - this.firstIndex()), ...fresh];
  }

  install(snapshot: Snapshot): void {
    if (snapshot.index <= this.#installedIndex) {
      throw new StorageError('requested index is older than the existing snapshot');
    }
    this.#installedIndex = snapshot.index;
    this.#offset = { term: snapshot.term, index: snapshot.index };
    this.#entries = [];
  }

  /** Forgets the entries up to `index`; the term there stays known. */
  compact(index: number): void {
    if (index <= this.#offset.index) {
      throw new StorageError('requested index is unavailable due to compaction');
    }
    assert(index <= this.lastIndex(), `compaction at ${index}, beyond the end of the log`);
    const term = this.term(index);
    this.#entries = this.#entries.slice(index - this.#offset.index);
    this.#offset = { term, index };
  }
}
