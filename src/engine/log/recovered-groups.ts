/**
 * The groups as the log's batches tell them, while it is read from the oldest segment on. That
 * segment begins with a checkpoint: how each group stood when the segments before it were left.
 * What lay there must since have been compacted or written again; whether it was is known at the
 * end.
 */
import type { HardState, Position } from '../../raft/entry.ts';
import type { Checkpoint, EntryHead, TableVisitor } from './batch-table.ts';
import { damaged } from './damage.ts';
import { GroupLog } from './group-log.ts';
import type { LogHost } from './log-host.ts';
import type { GroupId } from './log-write.ts';
import type { Segment } from './segments.ts';

const start: Position = { index: 0, term: 0 };

/** Where the batch being read stands. */
interface Place {
  readonly path: string;
  readonly position: number;
  /** Where its data begins in the segment. */
  readonly dataPosition: number;
}

export class RecoveredGroups implements TableVisitor {
  readonly groups = new Map<GroupId, GroupLog>();
  readonly #host: LogHost;
  /** Where each group's log begins, as far as it was said. What is held may begin later. */
  readonly #bases = new Map<GroupId, Position>();
  readonly #segments: Segment[] = [];
  #place: Place = { path: '', position: 0, dataPosition: 0 };
  #group: GroupLog | undefined;
  entriesRead = 0;

  constructor(host: LogHost) {
    this.#host = host;
  }

  /** The segments, each with the last index of each group in it. */
  get segments(): Segment[] {
    return this.#segments;
  }

  beginSegment(segment: Segment): void {
    this.#segments.push(segment);
  }

  beginBatch(place: Place): void {
    this.#place = place;
  }

  /** The group, made if it was never heard of. */
  open(id: GroupId): GroupLog {
    const known = this.groups.get(id);
    if (known !== undefined) return known;
    const group = new GroupLog(id, this.#host);
    this.groups.set(id, group);
    this.#bases.set(id, start);
    return group;
  }

  checkpoint({ group: id, base, last, hardState }: Checkpoint): void {
    const known = this.groups.get(id);
    if (known !== undefined) {
      const { index, term } = known.last();
      const same = index === last.index && term === last.term;
      if (!same) throw this.#damaged(`group ${id} ends at ${index}, not at ${last.index}`);
      return;
    }
    const group = this.open(id);
    group.reset(last);
    group.hardState = hardState;
    this.#bases.set(id, base);
  }

  entries(id: GroupId, firstIndex: number, count: number): void {
    const group = this.open(id);
    this.#group = group;
    const held = group.firstIndex();
    if (firstIndex > group.lastIndex() + 1) {
      throw this.#damaged(`group ${id}: entries from ${group.lastIndex() + 1} are missing`);
    }
    if (firstIndex <= group.lastIndex()) this.#cut(id, firstIndex);
    if (firstIndex < held) {
      // Written again, or replaced, from before what is held: the term before it is not known here.
      const base = this.#bases.get(id)!;
      const term = base.index === firstIndex - 1 ? base.term : 0;
      group.reset({ index: firstIndex - 1, term });
    } else if (firstIndex <= group.lastIndex()) {
      group.cutFrom(firstIndex);
    }
    const { lastOf } = this.#segments[this.#segments.length - 1]!;
    if (count > 0) lastOf.set(id, firstIndex + count - 1);
    this.entriesRead += count;
  }

  entry(head: EntryHead): void {
    const group = this.#group!;
    const { index, term, lengthBytes, isConfiguration, checksum } = head;
    group.recovered(index, term);
    const position = this.#place.dataPosition + head.dataOffset;
    group.places.set(index, { position, lengthBytes, isConfiguration, checksum });
    group.segments.set(index, this.#segments[this.#segments.length - 1]!.sequence);
  }

  state(id: GroupId, hardState: HardState): void {
    this.open(id).hardState = hardState;
  }

  base(id: GroupId, base: Position): void {
    const group = this.open(id);
    if (base.index > group.lastIndex()) throw this.#damaged(`group ${id} ends before its base`);
    this.#bases.set(id, base);
    if (base.index >= group.base.index) group.rebase(base);
  }

  reset(id: GroupId, position: Position): void {
    this.open(id).reset(position);
    this.#bases.set(id, position);
    for (const { lastOf } of this.#segments) lastOf.delete(id);
  }

  removed(id: GroupId): void {
    this.groups.delete(id);
    this.#bases.delete(id);
    for (const { lastOf } of this.#segments) lastOf.delete(id);
  }

  /**
   * All batches are read. Groups that lack entries between their base and what is held: none,
   * where nothing is damaged. They are left empty, at their base.
   */
  finish(): readonly GroupLog[] {
    const lacking: GroupLog[] = [];
    for (const [id, group] of this.groups) {
      const base = this.#bases.get(id)!;
      if (base.index < group.base.index) {
        lacking.push(group);
        group.reset(base);
        for (const { lastOf } of this.#segments) lastOf.delete(id);
      } else if (base.index === group.base.index) {
        group.rebase(base);
      }
      const { term, vote, commit } = group.hardState;
      const known = Math.max(base.index, Math.min(commit, group.lastIndex()));
      group.hardState = { term, vote, commit: known };
      group.written = { base: group.base, last: group.last(), hardState: group.hardState };
    }
    return lacking;
  }

  /** Nothing that was read can be used: groups are left empty, at their base. */
  startOver(): void {
    for (const group of this.groups.values()) {
      group.reset(group.base);
      group.written = { base: group.base, last: group.base, hardState: group.hardState };
    }
  }

  #cut(id: GroupId, first: number): void {
    for (const { lastOf } of this.#segments) {
      if ((lastOf.get(id) ?? 0) >= first) lastOf.set(id, first - 1);
    }
  }

  #damaged(what: string): Error {
    return damaged(this.#place.path, this.#place.position, what);
  }
}
