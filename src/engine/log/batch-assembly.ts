/**
 * Puts the next batch together: what waits in the queue; where groups' logs begin now; groups that
 * are gone; entries that are moved out of the oldest segment; and, as the first batch of a segment,
 * how every group stands. Chooses the segment, and says which older ones are not needed any more.
 */
import type { HardState } from '../../raft/entry.ts';
import { BatchEncoder } from './batch-encoder.ts';
import { recordBytesMax } from './batch-table.ts';
import type { DiskTask } from './disk-operation.ts';
import type { GroupLog } from './group-log.ts';
import type { Identity } from './identity.ts';
import type { LogHost } from './log-host.ts';
import type { GroupId, Ticket } from './log-write.ts';
import { Mover } from './mover.ts';
import {
  batchOverheadBytes,
  segmentHeaderBytes,
  segmentPath,
  segmentSeed,
} from './segment-format.ts';
import type { Segments } from './segments.ts';
import type { LogSettings } from './settings.ts';
import type { Taken } from './write-queue.ts';

/** What a batch is put together from. */
export interface AssemblyParts {
  readonly identity: Identity;
  readonly settings: LogSettings;
  readonly segments: Segments;
  readonly host: LogHost;
  readonly groups: ReadonlyMap<GroupId, GroupLog>;
}

/** A batch that is ready to be written. */
export interface AssembledBatch {
  readonly task: DiskTask;
  readonly bytes: number;
  readonly entries: number;
  /** Writes up to this one are durable with it; undefined where none is. */
  readonly ticket: Ticket | undefined;
  /** Segments before this one are not needed once it is durable. */
  readonly oldestSegment: number;
  /** False where there was room for the log's own marks only. */
  readonly tookParts: boolean;
}

export class BatchAssembly {
  readonly #parts: AssemblyParts;
  readonly #segments: Segments;
  readonly #encoder: BatchEncoder;
  readonly #mover: Mover;
  /** Groups that are gone, but not yet in a batch. */
  #removed: GroupLog[] = [];
  /** Seed and path of the segment being written, which are the same for many batches. */
  #seed = { sequence: -1, value: 0, path: '' };

  constructor(parts: AssemblyParts) {
    this.#parts = parts;
    this.#segments = parts.segments;
    this.#encoder = new BatchEncoder(parts.segments);
    this.#mover = new Mover(parts.segments, parts.settings);
  }

  /** Whether a batch is worth writing even if no write waits. */
  get hasOwnWork(): boolean {
    const { host, groups } = this.#parts;
    return host.rebased.size > 0 || this.#removed.length > 0 || this.#mover.ready(groups);
  }

  /** The group is gone; the next batch says so. */
  remove(group: GroupLog): void {
    this.#parts.host.rebased.delete(group);
    this.#removed.push(group);
  }

  /** The next batch; undefined where there is no room for it yet. */
  assemble(
    taken: Taken,
    facts: { readonly number: number; readonly voteSequence: number },
  ): AssembledBatch | undefined {
    const { groups, host } = this.#parts;
    const segments = this.#segments;
    const encoder = this.#encoder;
    const moves = this.#mover.take(groups);
    const marks = (host.rebased.size + this.#removed.length) * recordBytesMax;
    const bytes = taken.bytes + marks + moves.bytes;
    if (!segments.fits(bytes)) {
      if (!segments.nextReady) return this.#marksOnly(marks, facts);
      segments.advance();
    }
    const fresh = segments.position === segmentHeaderBytes;
    encoder.begin();
    // Segments before this one may go only if it says how every group stands.
    if (fresh) encoder.checkpoint(groups.values());
    // Where there is no room after all, they are moved some other time.
    if (segments.fits(bytes + (fresh ? groups.size * recordBytesMax : 0))) {
      for (const { group, entries } of moves.groups) encoder.moved(group, entries);
    }
    const ticket = this.#encodeParts(taken);
    this.#encodeMarks();
    return this.#finish(facts, { ticket, tookParts: true });
  }

  /**
   * There is no segment. What says that others are not needed can often still be written, which is
   * how a full disk gets out of it.
   */
  #marksOnly(
    marks: number,
    facts: { readonly number: number; readonly voteSequence: number },
  ): AssembledBatch | undefined {
    if (!this.#segments.full) this.#segments.prepare();
    const room = marks > 0 && this.#segments.fits(marks + batchOverheadBytes);
    if (!this.#segments.full || !room) return undefined;
    this.#encoder.begin();
    this.#encodeMarks();
    return this.#finish(facts, { ticket: undefined, tookParts: false });
  }

  #encodeParts({ parts }: Taken): Ticket | undefined {
    const encoder = this.#encoder;
    let durable: Ticket | undefined;
    for (const { group, write, from, to, ticket } of parts) {
      if (ticket !== undefined) {
        durable = ticket;
        group.queued--;
      }
      // Removed in the meantime.
      if (this.#parts.groups.get(group.id) !== group) continue;
      if (write.snapshot !== undefined && from === 0) encoder.reset(group, write.snapshot);
      if (to > from) encoder.entries(group, write.entries, from, to);
      const state = stateToWrite(group, write.hardState);
      if (state !== undefined) encoder.state(group, state);
    }
    return durable;
  }

  #encodeMarks(): void {
    const { rebased } = this.#parts.host;
    for (const group of rebased) {
      this.#encoder.base(group);
      if (group.written.base.index >= group.base.index) rebased.delete(group);
    }
    for (const group of this.#removed) this.#encoder.removed(group);
    this.#removed = [];
  }

  #finish(
    facts: { readonly number: number; readonly voteSequence: number },
    about: Pick<AssembledBatch, 'ticket' | 'tookParts'>,
  ): AssembledBatch {
    const { sequence } = this.#segments.current;
    const { position } = this.#segments;
    if (this.#seed.sequence !== sequence) {
      const value = segmentSeed(this.#parts.identity, sequence);
      this.#seed = { sequence, value, path: segmentPath(sequence) };
    }
    const oldestSegment = this.#segments.oldestNeeded(this.#parts.groups);
    // Only one batch is under way at any time, so the one before is synced.
    const { number, voteSequence } = facts;
    const head = { number, voteSequence, syncedThrough: number - 1, oldestSegment };
    const { value: seed, path } = this.#seed;
    const { buffers, bytes, entries } = this.#encoder.finish(head, seed);
    const task: DiskTask = { type: 'write', path, position, buffers, sync: true };
    const { ticket, tookParts } = about;
    return { task, bytes, entries, oldestSegment, ticket, tookParts };
  }
}

/** Term and vote as the write has them, and the newest commit index that it can carry. */
function stateToWrite(group: GroupLog, hardState: HardState | undefined): HardState | undefined {
  const { written } = group;
  const commit = Math.max(
    written.hardState.commit,
    Math.min(group.hardState.commit, written.last.index),
  );
  const { term, vote } = hardState ?? written.hardState;
  const same = hardState === undefined && commit === written.hardState.commit;
  return same ? undefined : { term, vote, commit };
}
