/**
 * One member of a script: a core, its log, its state machine, and the work that waits for them.
 *
 * The state machine appends the data of every entry to what it has; each of its states is kept.
 * With asynchronous writes the two tasks of a Ready wait here until the script lets them run.
 */
import { assert } from '../../src/base/assert.ts';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import type { Entry, HardState, Snapshot } from '../../src/raft/entry.ts';
import type { AppendTask, ApplyTask } from '../../src/raft/input.ts';
import type { RaftOptions } from '../../src/raft/options.ts';
import { Raft } from '../../src/raft/raft.ts';
import type { Ready } from '../../src/raft/ready.ts';
import { decodeProposedChange } from './change-notation.ts';
import { APPEND_THREAD, APPLY_THREAD, type Detail, type Drawn } from './describe.ts';
import { type Parcel, parcelOf } from './network.ts';
import { ScriptStorage, StorageError } from './storage.ts';

/** What a script may choose for a member; the rest is the same for all. */
export type MemberOptions = Omit<RaftOptions, 'id' | 'storage' | 'random' | 'applied'>;

/** Work for the log or the state machine, as it is drawn, and what is said when it is done. */
export interface Work<Task> {
  readonly task: Task;
  readonly drawn: Drawn;
  readonly replies: readonly Parcel[];
}

/** Steps of a Ready, in the order in which the simple mode takes them. */
export const readySteps = ['persist', 'send', 'apply', 'advance'] as const;
export type ReadyStep = (typeof readySteps)[number];

export class Member {
  readonly id: number;
  readonly storage: ScriptStorage;
  readonly #options: MemberOptions;
  readonly #detail: Detail;
  /** The states of the state machine. */
  readonly #history: Snapshot[];
  appendWork: Work<AppendTask>[] = [];
  applyWork: Work<ApplyTask>[] = [];
  /** Undefined while the member is down. */
  #raft: Raft | undefined;
  #lives = 0;

  constructor(id: number, options: MemberOptions, initial: Snapshot, detail: Detail) {
    this.id = id;
    this.#options = options;
    this.#detail = detail;
    this.#history = [initial];
    this.storage = new ScriptStorage(() => this.#history);
    if (initial.index > 0) this.storage.install(initial);
    this.start();
  }

  get down(): boolean {
    return this.#raft === undefined;
  }

  get raft(): Raft {
    if (this.#raft === undefined) throw new StorageError(`member ${this.id} is down`);
    return this.#raft;
  }

  get asynchronous(): boolean {
    return this.#options.asyncStorageWrites === true;
  }

  /** The latest state of the state machine. */
  get state(): Snapshot {
    return this.#history.at(-1)!;
  }

  start(): void {
    this.#lives++;
    this.#raft = new Raft({
      ...this.#options,
      id: this.id,
      storage: this.storage,
      random: new SeededRandom(this.id * 1000 + this.#lives),
      applied: this.state.index,
    });
  }

  /**
   * All that is not on disk is gone. The state machine's own disk may lag: then `applied` says how
   * far it got, at least to its first state.
   */
  crash(loss: { readonly unsynced: boolean; readonly applied: number | undefined }): void {
    this.#raft = undefined;
    this.appendWork = [];
    this.applyWork = [];
    if (loss.unsynced) this.storage.losePower();
    const { applied } = loss;
    while (applied !== undefined && this.#history.length > 1 && this.state.index > applied) {
      this.#history.pop();
    }
  }

  /** Its messages and, with asynchronous writes, its two tasks. */
  parcelsOf(ready: Ready): {
    readonly messages: readonly Parcel[];
    readonly append: Work<AppendTask> | undefined;
    readonly apply: Work<ApplyTask> | undefined;
  } {
    return {
      messages: ready.messages.map((message) => parcelOf(message, this.#detail)),
      append: ready.append && this.#appendWork(ready.append),
      apply: ready.apply && this.#applyWork(ready.apply),
    };
  }

  #appendWork(task: AppendTask): Work<AppendTask> {
    const { entries, snapshot, hardState, done } = task;
    const replies = task.replies.map((message) => parcelOf(message, this.#detail));
    if (done !== undefined) {
      const drawn: Drawn = {
        from: APPEND_THREAD,
        to: this.id.toString(16),
        type: 'MsgStorageAppendResp',
        term: done.term,
        logTerm: done.last?.term ?? 0,
        logIndex: done.last?.index ?? 0,
        snapshot,
      };
      replies.push({ to: this.id, drawn, input: done });
    }
    const drawn: Drawn = {
      from: this.id.toString(16),
      to: APPEND_THREAD,
      type: 'MsgStorageAppend',
      term: hardState?.term ?? 0,
      commit: hardState?.commit ?? 0,
      vote: hardState?.vote ?? 0,
      entries,
      snapshot,
    };
    return { task, drawn, replies };
  }

  #applyWork(task: ApplyTask): Work<ApplyTask> {
    const { entries } = task;
    const self = this.id.toString(16);
    const reply: Drawn = {
      from: APPLY_THREAD,
      to: self,
      type: 'MsgStorageApplyResp',
      term: 0,
      entries,
    };
    return {
      task,
      drawn: { from: self, to: APPLY_THREAD, type: 'MsgStorageApply', term: 0, entries },
      replies: [{ to: this.id, drawn: reply, input: task.done }],
    };
  }

  /** @throws StorageError */
  persist(work: {
    readonly hardState: HardState | undefined;
    readonly entries: readonly Entry[];
    readonly snapshot: Snapshot | undefined;
    readonly mustSync: boolean;
  }): void {
    if (work.hardState !== undefined) this.storage.setHardState(work.hardState);
    if (work.mustSync) this.storage.sync();
    if (work.snapshot === undefined) {
      this.storage.append(work.entries);
      return;
    }
    if (work.entries.length > 0) {
      throw new StorageError("can't apply snapshot and entries at the same time");
    }
    this.storage.install(work.snapshot);
    this.#history.push(work.snapshot);
  }

  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const before = this.state;
      assert(entry.index === before.index + 1, `entry ${entry.index} applied out of order`);
      let { configuration } = before;
      let data = entry.data;
      if (entry.type === 'configuration') {
        const { change, singleStep } = decodeProposedChange(entry.data);
        configuration = this.raft.applyChange(change);
        data = singleStep ? new Uint8Array(0) : change.context;
      }
      const { term, index } = entry;
      this.#history.push({ term, index, configuration, data: joined(before.data, data) });
    }
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
