/**
 * A host for one Raft instance, as small as an honest one can be: a disk that survives crashes, a
 * state machine that does not unless told to, and the duties that `Ready` lists.
 *
 * The disk loses on a crash what was not synced: all append tasks still in the queue, and commit
 * indexes written without an fsync.
 */
import { assert } from '../../src/base/assert.ts';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import { type ConfigurationState, emptyConfiguration } from '../../src/raft/configuration.ts';
import type { Entry, HardState, MemberId } from '../../src/raft/entry.ts';
import type { AppendTask, ApplyTask, Input } from '../../src/raft/input.ts';
import { MemoryStorage } from '../../src/raft/memory-storage.ts';
import type { Message } from '../../src/raft/message.ts';
import type { RaftOptions } from '../../src/raft/options.ts';
import type { Proposed } from '../../src/raft/proposals.ts';
import { Raft } from '../../src/raft/raft.ts';
import type { ReadState, Ready } from '../../src/raft/ready.ts';
import { decodeChange } from '../../src/raft/wire/change.ts';
import { bytes, words } from './messages.ts';

export type Settings = Partial<Omit<RaftOptions, 'id' | 'storage' | 'random'>>;

/** What a state machine holds: the commands that it has applied, and as part of what group. */
interface Machine {
  readonly applied: number;
  readonly commands: readonly string[];
  readonly configuration: ConfigurationState;
}

export class Member {
  readonly id: MemberId;
  storage: MemoryStorage;
  settings: Settings;
  /** Absent while the member is down. */
  raft: Raft | undefined;
  /** The machine's state is synced with each entry, and survives a crash (trap 27). */
  durableMachine = false;
  /** Asynchronous mode: the disk, or the applier, does nothing until released. */
  diskHeld = false;
  applierHeld = false;
  appends: AppendTask[] = [];
  applies: ApplyTask[] = [];
  /** Everything that the instance gave out in this life. */
  readonly readies: Ready[] = [];
  reads: ReadState[] = [];
  droppedReads: number[] = [];
  machine: Machine;
  /** Called for each entry applied, before the machine takes it. */
  onApply: (entry: Entry) => void = () => {};

  #synced: HardState = { term: 0, vote: 0, commit: 0 };
  #life = 0;
  readonly #seed: number;
  #outbox: Message[] = [];

  constructor(init: {
    readonly id: MemberId;
    readonly configuration: ConfigurationState;
    readonly settings: Settings;
    readonly seed: number;
  }) {
    this.id = init.id;
    this.settings = init.settings;
    this.#seed = init.seed;
    this.storage = new MemoryStorage();
    this.storage.setConfiguration(init.configuration);
    this.machine = { applied: 0, commands: [], configuration: init.configuration };
  }

  /** Gives a stopped member a log and a hard state, as from an earlier life. */
  preload(log: readonly Entry[], hardState: Partial<HardState>): void {
    assert(this.raft === undefined, `member ${this.id} is running`);
    this.storage.append(log);
    const term = log.at(-1)?.term ?? 0;
    this.#synced = { term, vote: 0, commit: 0, ...hardState };
    this.storage.setHardState(this.#synced);
  }

  /** The disk loses the end of the log, and perhaps the vote; the member is down. */
  lose(keep: number, hardState: HardState = this.#synced): void {
    assert(this.raft === undefined, `member ${this.id} is running`);
    const kept = this.storage.entries(1, Math.min(keep, this.storage.lastIndex()) + 1, Infinity);
    this.storage = new MemoryStorage();
    this.storage.setConfiguration(this.machine.configuration);
    this.storage.append(kept);
    this.#synced = { ...hardState, commit: Math.min(hardState.commit, kept.length) };
    this.storage.setHardState(this.#synced);
  }

  start(settings: Settings = {}): void {
    assert(this.raft === undefined, `member ${this.id} is running`);
    this.settings = { ...this.settings, ...settings };
    this.#life++;
    if (!this.durableMachine) this.#recoverMachine();
    this.storage.setConfiguration(this.machine.configuration);
    this.raft = new Raft({
      applied: this.machine.applied,
      ...this.settings,
      id: this.id,
      storage: this.storage,
      random: new SeededRandom(this.#seed * 1_000_003 + this.id * 1009 + this.#life),
    });
  }

  /** From the snapshot, as a machine in memory comes back; the log replays the rest. */
  #recoverMachine(): void {
    const snapshot = this.storage.snapshot();
    if (snapshot !== undefined && snapshot.index >= this.storage.firstIndex() - 1) {
      this.machine = fromSnapshot(snapshot);
    } else if (this.#life > 1) {
      this.machine = { ...this.machine, applied: 0, commands: [], configuration: this.#first };
    } else {
      this.#first = this.machine.configuration;
    }
  }
  #first: ConfigurationState = emptyConfiguration;

  crash(): void {
    this.raft = undefined;
    this.appends = [];
    this.applies = [];
    this.#outbox = [];
    this.reads = [];
    this.droppedReads = [];
    this.readies.length = 0;
    this.storage.setHardState(this.#synced);
  }

  get running(): Raft {
    assert(this.raft !== undefined, `member ${this.id} is down`);
    return this.raft;
  }

  step(input: Input): Proposed | undefined {
    return this.running.step(input);
  }

  get isAsync(): boolean {
    return this.settings.asyncStorageWrites === true;
  }

  /** Whether there is anything that this member can do by itself. */
  get busy(): boolean {
    if (this.raft === undefined) return false;
    const disk = !this.diskHeld && this.appends.length > 0;
    const applier = !this.applierHeld && this.applies.length > 0;
    return disk || applier || this.raft.hasReady();
  }

  /** Does what the instance asks for until nothing is left, and returns what is to be sent. */
  work(): Message[] {
    while (this.busy) {
      if (this.running.hasReady()) this.takeReady();
      if (!this.diskHeld) this.write();
      if (!this.applierHeld) this.apply();
    }
    return this.collect();
  }

  collect(): Message[] {
    const out = this.#outbox;
    this.#outbox = [];
    return out;
  }

  takeReady(): Ready {
    const ready = this.running.ready();
    this.readies.push(ready);
    this.reads.push(...ready.reads);
    this.droppedReads.push(...ready.droppedReads);
    if (this.isAsync) {
      this.#outbox.push(...ready.messages);
      if (ready.append !== undefined) this.appends.push(ready.append);
      if (ready.apply !== undefined) this.applies.push(ready.apply);
      return ready;
    }
    this.#persist(ready);
    this.#outbox.push(...ready.messages);
    this.#applyEntries(ready.committed);
    this.running.advance();
    return ready;
  }

  /** Asynchronous mode: the disk finishes the oldest `count` tasks. */
  write(count = this.appends.length): void {
    for (const task of this.appends.splice(0, count)) {
      this.#persist(task);
      for (const reply of task.replies) {
        if (reply.to === this.id) this.running.step(reply);
        else this.#outbox.push(reply);
      }
      if (task.done !== undefined) this.running.step(task.done);
    }
  }

  /** Asynchronous mode: the applier finishes the oldest `count` tasks. */
  apply(count = this.applies.length): void {
    for (const task of this.applies.splice(0, count)) {
      this.#applyEntries(task.entries);
      this.running.step(task.done);
    }
  }

  #persist({
    snapshot,
    entries,
    hardState,
    mustSync,
  }: Pick<AppendTask, 'snapshot' | 'entries' | 'hardState' | 'mustSync'>): void {
    if (snapshot !== undefined) {
      this.storage.install(snapshot);
      this.machine = fromSnapshot(snapshot);
    }
    this.storage.append(entries);
    if (hardState !== undefined) this.storage.setHardState(hardState);
    if (mustSync) this.#synced = this.storage.initialState().hardState;
  }

  #applyEntries(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const { machine } = this;
      assert(entry.index === machine.applied + 1, `${this.id} applies ${entry.index} out of order`);
      this.onApply(entry);
      const isCommand = entry.type === 'normal' && entry.data.length > 0;
      this.machine = {
        applied: entry.index,
        commands: isCommand ? [...machine.commands, words(entry.data)] : machine.commands,
        configuration:
          entry.type === 'configuration'
            ? this.running.applyChange(decodeChange(entry.data))
            : machine.configuration,
      };
    }
  }

  /** Snapshots the machine as it stands, and drops the log but for `trailing` entries. */
  compact(trailing = 0): void {
    const { applied, configuration } = this.machine;
    this.storage.createSnapshot(applied, configuration, toSnapshot(this.machine));
    const index = applied - trailing;
    if (index >= this.storage.firstIndex()) this.storage.compact(index);
  }
}

function toSnapshot({ commands }: Machine): Uint8Array {
  return bytes(commands.join('\n'));
}

function fromSnapshot({
  index,
  configuration,
  data,
}: {
  index: number;
  configuration: ConfigurationState;
  data: Uint8Array;
}): Machine {
  const all = words(data);
  return { applied: index, configuration, commands: all === '' ? [] : all.split('\n') };
}
