/**
 * Machines whose state lives in a store of their own: a start goes on from what the store holds, the
 * log is compacted only as far as the store is synced, and the store is flushed when enough has been
 * applied or too much of it waits in memory.
 *
 * What the engine keeps (time, sessions, configuration) is synced with the machine's effects, in one
 * batch: so the store stands at one position, whole, and nothing is ever applied to it twice.
 */
import { QuorateError } from '../base/errors.ts';
import type { ConfigurationState } from '../raft/configuration.ts';
import type { Position } from '../raft/entry.ts';
import { decodeKeptState, encodeKeptState } from './group-state.ts';
import type { GroupLog } from './log/group-log.ts';
import type { GroupId } from './log/log-write.ts';
import type { MemberLog } from './log/member-log.ts';
import type { Machine } from './machine.ts';
import type { Replica } from './replica.ts';
import type { RestoreTarget } from './snapshot-restore.ts';

/** What this needs of the work on snapshots. */
export interface KeptHost {
  /** The entry behind which the log is needed for a snapshot on its way, or infinity. */
  neededFrom(group: GroupId): number;
  /** The log begins at `firstIndex` now: a snapshot that does not lead up to it serves nobody. */
  compacted(group: GroupId, firstIndex: number): void;
  failed(error: QuorateError): void;
  /** Applying may go on, if it waited for the store. */
  flushed(group: GroupId): void;
  wake(): void;
}

export class KeptWork {
  readonly #log: MemberLog;
  readonly #host: KeptHost;
  readonly #keptEntries: number;
  /** Flushes under way, and who waits for their end. */
  readonly #flushing = new Map<Machine, (() => void)[]>();

  constructor(log: MemberLog, keptEntries: number, host: KeptHost) {
    this.#log = log;
    this.#keptEntries = keptEntries;
    this.#host = host;
  }

  /** Where the machine's store stands, if the log goes on from there; undefined if it does not. */
  resume(group: GroupLog, { machine, state }: RestoreTarget): Position | QuorateError | undefined {
    const mark = machine.kept?.mark();
    if (mark === undefined || mark.position.index < group.firstIndex() - 1) return undefined;
    try {
      group.setConfiguration(decodeKeptState(group.id, mark.state, state));
    } catch (error) {
      if (error instanceof QuorateError) return error;
      throw error;
    }
    return mark.position;
  }

  /** Calls `then` when no flush is under way: at once for a machine without a store. */
  afterFlush(machine: Machine, then: () => void): void {
    const waiting = this.#flushing.get(machine);
    if (waiting === undefined) then();
    else waiting.push(then);
  }

  /** A snapshot was restored into the machine: its store keeps it, before the log relies on that. */
  settle(
    group: GroupId,
    target: RestoreTarget,
    snapshot: Position & { readonly configuration: ConfigurationState },
    then: (error: QuorateError | null) => void,
  ): void {
    const { index, term, configuration } = snapshot;
    if (target.machine.kept === undefined) then(null);
    else this.#flush(target, { group, index, term, configuration }, then);
  }

  /** A turn has passed: flushes if it is time. False for a machine without a store. */
  endOfTurn(replica: Replica, flushAfterBytes: number): boolean {
    const { machine, bytesSinceSnapshot } = replica;
    const { kept } = machine;
    if (kept === undefined) return false;
    const due =
      bytesSinceSnapshot >= flushAfterBytes ||
      (bytesSinceSnapshot > 0 && this.#log.space !== 'enough') ||
      (kept.pressure?.() ?? 'little') !== 'little';
    if (!due || this.#flushing.has(machine)) return true;
    const { id, appliedIndex: index, appliedTerm: term, configuration } = replica;
    replica.snapshotBegun();
    this.#flush(replica, { group: id, index, term, configuration }, (error) => {
      if (error !== null) return this.#host.failed(error);
      this.#flushed(id, index);
      this.#host.flushed(id);
    });
    return true;
  }

  #flush(
    { machine, state }: RestoreTarget,
    at: Position & { readonly group: GroupId; readonly configuration: ConfigurationState },
    then: (error: QuorateError | null) => void,
  ): void {
    const { group, index, term, configuration } = at;
    this.#log.group(group)?.assertDurable(index);
    const mark = { position: { index, term }, state: encodeKeptState(group, configuration, state) };
    const waiting: (() => void)[] = [];
    this.#flushing.set(machine, waiting);
    machine.kept!.flush(mark, (error) => {
      this.#flushing.delete(machine);
      then(error);
      for (const each of waiting) each();
      this.#host.wake();
    });
  }

  /** Members that are a little behind still find their entries in the log. */
  #flushed(group: GroupId, index: number): void {
    const log = this.#log.group(group);
    // A snapshot from the leader may have taken the log further meanwhile, or the group is gone.
    if (log === undefined || index < log.firstIndex()) return;
    const had = log.ownSnapshot !== undefined;
    const kept = this.#log.space === 'enough' ? index - this.#keptEntries : index;
    log.compactTo(Math.max(0, Math.min(kept, this.#host.neededFrom(group))));
    if (had && log.ownSnapshot === undefined) this.#host.compacted(group, log.firstIndex());
  }
}
