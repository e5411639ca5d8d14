/**
 * What of a member survives a crash, and the log storage that its instance reads.
 *
 * A write is all or nothing, as a log whose batches end in a commit mark makes it; but where it
 * was not asked to be synced, a crash may take it back. Reads of entries and snapshots may say
 * "not at hand" for a while.
 */
import { type ConfigurationState, emptyConfiguration } from '../../src/raft/configuration.ts';
import { type Entry, type HardState, NOBODY, type Snapshot } from '../../src/raft/entry.ts';
import { MemoryStorage } from '../../src/raft/memory-storage.ts';
import type { LogStorage } from '../../src/raft/storage.ts';
import { decodeState, encodeState, type MachineState } from './machine.ts';

export interface Write {
  readonly hardState: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | undefined;
  readonly mustSync: boolean;
}

export class Disk implements LogStorage {
  readonly #memory = new MemoryStorage();
  /** What the hard state falls back to if the power fails now. */
  #synced: HardState = { term: 0, vote: 0, commit: 0 };
  /** The machine's state as it was saved last, beside the log's snapshots. */
  #saved: MachineState = { index: 0, hash: 0, configuration: emptyConfiguration };
  /** Asked before each read that may have to wait; says whether it must. */
  readonly #isAway: () => boolean;

  constructor(foundation: Snapshot | undefined, isAway: () => boolean) {
    this.#isAway = isAway;
    if (foundation === undefined) return;
    const { term, index } = foundation;
    const hardState = { term, vote: NOBODY, commit: index };
    this.write({ hardState, entries: [], snapshot: foundation, mustSync: true });
  }

  // What the instance reads.

  initialState(): { hardState: HardState; configuration: ConfigurationState } {
    const { hardState } = this.#memory.initialState();
    return { hardState, configuration: this.machine().configuration };
  }

  firstIndex(): number {
    return this.#memory.firstIndex();
  }

  lastIndex(): number {
    return this.#memory.lastIndex();
  }

  term(index: number): number {
    return this.#memory.term(index);
  }

  entries(from: number, to: number, bytesMax: number): readonly Entry[] | undefined {
    return this.#isAway() ? undefined : this.#memory.entries(from, to, bytesMax);
  }

  snapshot(): Snapshot | undefined {
    return this.#isAway() ? undefined : this.#memory.snapshot();
  }

  // What the host does.

  write({ hardState, entries, snapshot, mustSync }: Write): void {
    if (snapshot !== undefined) {
      this.#memory.install(snapshot);
      this.save(decodeState(snapshot.data, snapshot.configuration));
    }
    this.#memory.append(entries);
    if (hardState !== undefined) this.#memory.setHardState(hardState);
    if (mustSync || snapshot !== undefined) this.#synced = this.#memory.initialState().hardState;
  }

  /** The power failed in the middle of a write: its term and vote are there, the rest is not. */
  writeTorn({ hardState }: Write): void {
    if (hardState === undefined) return;
    const { commit } = this.#memory.initialState().hardState;
    this.#synced = { ...hardState, commit };
    this.#memory.setHardState(this.#synced);
  }

  /** The power fails; `loses` says whether what was not synced is lost. */
  crash(loses: boolean): void {
    if (loses) this.#memory.setHardState(this.#synced);
    else this.#synced = this.#memory.initialState().hardState;
  }

  /** Where a machine restarts: the later of the state saved and the snapshot. */
  machine(): MachineState {
    const snapshot = this.#memory.snapshot();
    if (snapshot === undefined || snapshot.index <= this.#saved.index) return this.#saved;
    return decodeState(snapshot.data, snapshot.configuration);
  }

  save(machine: MachineState): void {
    this.#saved = machine;
  }

  /** Makes a snapshot of `machine` and forgets the log up to `trailing` entries before it. */
  compact(machine: MachineState, trailing: number): void {
    const { index, configuration } = machine;
    const latest = this.#memory.snapshot()?.index ?? 0;
    if (index > latest && index >= this.#memory.firstIndex()) {
      this.#memory.createSnapshot(index, configuration, encodeState(machine));
    }
    const until = Math.max(latest, index) - trailing;
    if (until >= this.#memory.firstIndex()) this.#memory.compact(until);
  }

  // What the checks look at, without waiting.

  peek(index: number): Entry | undefined {
    if (index < this.firstIndex() || index > this.lastIndex()) return undefined;
    return this.#memory.entries(index, index + 1, Number.POSITIVE_INFINITY)[0];
  }

  /** Whether the entry at `index` is here with `term`, or a state that stands for it. */
  holds(index: number, term: number): boolean {
    if (index < this.firstIndex()) return true;
    return this.peek(index)?.term === term;
  }
}
