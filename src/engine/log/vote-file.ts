/**
 * The votes as they stand in memory, and how they get to disk.
 *
 * A version is written and synced first, then the batch that rests on it, which carries the
 * version's number; only when both are durable may anybody hear of the vote. So a version that
 * mattered is always vouched for by a batch: should its slot be lost later, the log says so, and
 * the member refuses to start rather than vote twice from the older slot. A version that no batch
 * speaks of was never acted upon, torn or not.
 */
import { assert } from '../../base/assert.ts';
import type { QuorateError } from '../../base/errors.ts';
import type { HardState } from '../../raft/entry.ts';
import type { DiskRequests } from './disk-requests.ts';
import type { Identity } from './identity.ts';
import type { GroupId } from './log-write.ts';
import {
  encodeVotes,
  slotBytes,
  slotOf,
  type VoteRow,
  type VoteTable,
  votePath,
} from './vote-format.ts';

export class VoteFile {
  readonly #disk: DiskRequests;
  readonly #identity: Identity;
  readonly #rows: Map<GroupId, VoteRow>;
  /** Groups that are not in the table are suspect too. */
  readonly unknownSuspect: boolean;
  /** The newest version that is durable. */
  sequence: number;
  /** Whether the rows differ from what is durable. */
  dirty = false;

  constructor(disk: DiskRequests, identity: Identity, table: Omit<VoteTable, 'logSyncedThrough'>) {
    this.#disk = disk;
    this.#identity = identity;
    this.#rows = new Map(table.rows);
    this.unknownSuspect = table.unknownSuspect;
    this.sequence = table.sequence;
  }

  row(group: GroupId): VoteRow | undefined {
    return this.#rows.get(group);
  }

  /** Notes a group's term and vote for the next version, if they are news. */
  set(group: GroupId, { term, vote }: Pick<HardState, 'term' | 'vote'>): void {
    const row = this.#rows.get(group);
    if (row?.term === term && row.vote === vote) return;
    assert(row === undefined || term >= row.term, () => `group ${group}: the term goes back`);
    const marks = row ?? { suspect: this.unknownSuspect, voteLost: this.unknownSuspect };
    this.#put(group, { ...marks, term, vote });
  }

  /** A part of the group's log is lost: it must neither vote nor count. */
  markSuspect(group: GroupId): void {
    const row = this.#rows.get(group) ?? { term: 0, vote: 0, voteLost: this.unknownSuspect };
    this.#put(group, { ...row, suspect: true });
  }

  /** The group has caught up: it may vote and count again. */
  clearSuspect(group: GroupId): void {
    const { term, vote } = this.#rows.get(group) ?? { term: 0, vote: 0 };
    this.#put(group, { term, vote, suspect: false, voteLost: false });
  }

  remove(group: GroupId): void {
    if (this.#rows.delete(group)) this.dirty = true;
  }

  /** Writes the next version and syncs it. Only one may be under way. */
  write(logSyncedThrough: number, then: (error: QuorateError | null) => void): void {
    const { unknownSuspect } = this;
    const sequence = this.sequence + 1;
    const rows = this.#rows;
    const table = { sequence, logSyncedThrough, unknownSuspect, rows };
    const buffers = [encodeVotes(table, this.#identity)];
    assert(buffers[0]!.length <= slotBytes, 'the votes do not fit into their slot');
    this.dirty = false;
    const position = slotOf(sequence) * slotBytes;
    this.#disk.run({ type: 'write', path: votePath, position, buffers, sync: true }, (error) => {
      if (error === null) this.sequence = sequence;
      then(error);
    });
  }

  #put(group: GroupId, row: VoteRow): void {
    this.#rows.set(group, row);
    this.dirty = true;
  }
}
