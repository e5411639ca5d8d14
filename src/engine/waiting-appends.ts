/**
 * What has gone to the log and is not settled yet. A replica hears of an append when it is durable,
 * in order; of one with a snapshot when its machine has taken that in as well, and until then what
 * comes behind it waits.
 */
import type { QuorateError } from '../base/errors.ts';
import type { Snapshot } from '../raft/entry.ts';
import type { AppendTask } from '../raft/input.ts';
import type { MemberLog } from './log/member-log.ts';
import type { Replica } from './replica.ts';

/** What this needs of the engine. */
export interface AppendHost {
  readonly log: MemberLog;
  /** Brings the replica's machine to a snapshot behind which the log begins now. */
  install(replica: Replica, snapshot: Snapshot, then: (error: QuorateError | null) => void): void;
  busy(replica: Replica): void;
  stop(error: QuorateError): void;
}

interface WaitingAppend {
  readonly ticket: number;
  readonly replica: Replica;
  readonly task: AppendTask;
  readonly sinceMs: number;
}

export class WaitingAppends {
  readonly #host: AppendHost;
  #waiting: WaitingAppend[] = [];
  /** Tasks that are durable, behind one whose snapshot is being installed: they keep their order. */
  readonly #installing = new Map<Replica, AppendTask[]>();

  constructor(host: AppendHost) {
    this.#host = host;
  }

  add(replica: Replica, task: AppendTask, nowMs: number): void {
    const { entries, hardState, snapshot } = task;
    const ticket = this.#host.log.append({ group: replica.id, entries, hardState, snapshot });
    this.#waiting.push({ ticket, replica, task, sinceMs: nowMs });
  }

  /** Since when the oldest waits for the disk; undefined if none does. */
  get oldestSinceMs(): number | undefined {
    return this.#waiting[0]?.sinceMs;
  }

  /** Whether the replica's machine takes in a snapshot just now: its state is in pieces. */
  isInstalling(replica: Replica): boolean {
    return this.#installing.has(replica);
  }

  /** The replica's group was deleted. */
  removed(replica: Replica): void {
    this.#waiting = this.#waiting.filter((each) => each.replica !== replica);
  }

  /** Goes on with what the log has made durable. */
  settle(): void {
    const { durableTicket } = this.#host.log;
    let settled = 0;
    for (const { ticket, replica, task } of this.#waiting) {
      if (ticket > durableTicket) break;
      settled++;
      this.#settle(replica, task);
      // A mere note of the commit index is durable at once and leads to nothing.
      if (replica.raft.hasReady()) this.#host.busy(replica);
    }
    if (settled > 0) this.#waiting.splice(0, settled);
  }

  #settle(replica: Replica, task: AppendTask): void {
    const earlier = this.#installing.get(replica);
    if (earlier !== undefined) {
      earlier.push(task);
      return;
    }
    if (task.snapshot === undefined) return replica.appended(task);
    const later: AppendTask[] = [];
    this.#installing.set(replica, later);
    this.#host.install(replica, task.snapshot, (error) => {
      if (error !== null) return this.#host.stop(error);
      this.#installing.delete(replica);
      this.#host.busy(replica);
      replica.appended(task);
      for (const next of later) this.#settle(replica, next);
    });
  }
}
