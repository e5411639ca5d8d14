/**
 * The chain of segments: the one being written, those before it that somebody still needs, the next
 * one, prepared ahead, and files that wait to be used again.
 *
 * A segment is prepared under another name and gets its own only when it is whole and its header
 * durable; the directory is synced before it is used. A segment goes only when a durable batch
 * says that it is not needed. So, whatever a power loss undoes, the segments from the oldest
 * needed to the newest used are there, without gaps.
 */
import { assert } from '../../base/assert.ts';
import type { QuorateError } from '../../base/errors.ts';
import type { DiskTask } from './disk-operation.ts';
import type { DiskRequests } from './disk-requests.ts';
import type { GroupLog } from './group-log.ts';
import type { Identity } from './identity.ts';
import type { GroupId } from './log-write.ts';
import { isFull, type Reserve } from './reserve.ts';
import {
  blockBytes,
  encodeSegmentHeader,
  logDirectory,
  newSegmentPath,
  segmentHeaderBytes,
  segmentPath,
  sparePath,
} from './segment-format.ts';
import type { LogSettings } from './settings.ts';

/** A segment in use. */
export interface Segment {
  readonly sequence: number;
  readonly sizeBytes: number;
  /** The last index of each group that lies in it and was not replaced since. */
  readonly lastOf: Map<GroupId, number>;
}

/** How the chain stands when the log is opened. */
export interface ChainStart {
  /** Ascending, at least one. The last one is written on. */
  readonly live: Segment[];
  /** Where the next batch begins in the last one. */
  readonly position: number;
  /** Whether the segment behind the last one is prepared. */
  readonly nextReady: boolean;
  /** Paths of files that may be used again. */
  readonly spares: string[];
}

export interface ChainEvents {
  /** The next segment is ready, or some of the spare ones are. */
  ready(): void;
  failed(error: QuorateError): void;
}

export class Segments {
  readonly #disk: DiskRequests;
  readonly #identity: Identity;
  readonly #settings: LogSettings;
  readonly #reserve: Reserve;
  readonly #events: ChainEvents;
  readonly #live: Segment[];
  #position: number;
  #next: 'none' | 'preparing' | 'ready';
  readonly #spares: string[];
  #retiring = false;
  #retireBelow = 0;
  /** The last attempt to prepare failed for want of space. */
  full = false;

  constructor(
    parts: { disk: DiskRequests; identity: Identity; settings: LogSettings; reserve: Reserve },
    start: ChainStart,
    events: ChainEvents,
  ) {
    this.#disk = parts.disk;
    this.#identity = parts.identity;
    this.#settings = parts.settings;
    this.#reserve = parts.reserve;
    this.#events = events;
    this.#live = start.live;
    this.#position = start.position;
    this.#next = start.nextReady ? 'ready' : 'none';
    this.#spares = start.spares;
  }

  get current(): Segment {
    return this.#live[this.#live.length - 1]!;
  }

  get position(): number {
    return this.#position;
  }

  get count(): number {
    return this.#live.length;
  }

  get nextReady(): boolean {
    return this.#next === 'ready';
  }

  get busy(): boolean {
    return this.#next === 'preparing' || this.#retiring;
  }

  get oldest(): Segment {
    return this.#live[0]!;
  }

  /** Whether `bytes` fit behind the last batch, with room left for a seal and its twin. */
  fits(bytes: number): boolean {
    return this.#position + bytes + 2 * blockBytes <= this.current.sizeBytes;
  }

  /** Where a seal stands: behind the last batch, and once more at the end of the segment. */
  sealPositions(): readonly [number, number] {
    return [this.#position, this.current.sizeBytes - blockBytes];
  }

  /** Goes on to the prepared segment. */
  advance(): void {
    assert(this.#next === 'ready', 'the next segment is not ready');
    const sequence = this.current.sequence + 1;
    this.#live.push({ sequence, sizeBytes: this.#settings.segmentBytes, lastOf: new Map() });
    this.#position = segmentHeaderBytes;
    this.#next = 'none';
    this.prepare();
  }

  /** A batch of `bytes` stands behind what was written before. */
  wrote(bytes: number): void {
    this.#position += bytes;
  }

  /** Notes that a record of `group` from `first` to `last` is being written now. */
  note(group: GroupLog, first: number, last: number): void {
    if (first <= group.written.last.index) this.cut(group.id, first);
    this.current.lastOf.set(group.id, last);
  }

  /** What was written of a group from `first` on does not count any more. */
  cut(group: GroupId, first: number): void {
    for (const { lastOf } of this.#live) {
      if ((lastOf.get(group) ?? 0) >= first) lastOf.set(group, first - 1);
    }
  }

  /** Nothing that was written of a group is needed any more. */
  forget(group: GroupId): void {
    for (const { lastOf } of this.#live) lastOf.delete(group);
  }

  /** Groups that need something in the oldest segment, as far as it was written. */
  *holdersOfOldest(groups: ReadonlyMap<GroupId, GroupLog>): Generator<GroupLog> {
    for (const [id, last] of this.oldest.lastOf) {
      const group = groups.get(id);
      if (group !== undefined && last > group.written.base.index) yield group;
    }
  }

  /** The sequence of the oldest segment that is needed, once what is written now is durable. */
  oldestNeeded(groups: ReadonlyMap<GroupId, GroupLog>): number {
    for (const segment of this.#live) {
      if (segment === this.current) break;
      for (const [id, last] of segment.lastOf) {
        const group = groups.get(id);
        if (group !== undefined && last > group.written.base.index) return segment.sequence;
      }
    }
    return this.current.sequence;
  }

  /** A durable batch says that segments below `sequence` are not needed. */
  retire(sequence: number): void {
    this.#retireBelow = Math.max(this.#retireBelow, sequence);
    if (this.#retiring || this.oldest.sequence >= this.#retireBelow) return;
    this.#retiring = true;
    const tasks: DiskTask[] = [];
    const spares: string[] = [];
    while (this.oldest.sequence < this.#retireBelow) {
      const old = this.#live.shift()!;
      const path = segmentPath(old.sequence);
      const room = this.#spares.length + spares.length < this.#settings.spareSegmentsMax;
      if (room && old.sizeBytes === this.#settings.segmentBytes) {
        const to = sparePath(old.sequence);
        spares.push(to);
        tasks.push({ type: 'rename', from: path, to });
      } else {
        tasks.push({ type: 'remove', path });
      }
    }
    tasks.push({ type: 'sync-directory', path: logDirectory });
    this.#disk.inOrder(tasks, (error) => {
      this.#retiring = false;
      if (error !== null) return this.#events.failed(error);
      this.#spares.push(...spares);
      if (this.#next === 'none') this.prepare();
      this.retire(this.#retireBelow);
      this.#events.ready();
    });
  }

  /** Prepares the next segment unless it is ready or under way. */
  prepare(): void {
    if (this.#next !== 'none') return;
    this.#next = 'preparing';
    const sequence = this.current.sequence + 1;
    const spare = this.#spares.shift();
    const tasks = prepareTasks(this.#identity, this.#settings.segmentBytes, { sequence, spare });
    this.#disk.inOrder(tasks, (error) => {
      if (error === null) {
        this.#next = 'ready';
        this.full = false;
        this.#events.ready();
      } else if (isFull(error)) {
        this.#giveRoom(sequence);
      } else {
        this.#events.failed(error);
      }
    });
  }

  /** Preparing failed for want of space: gives the reserve up and tries once more. */
  #giveRoom(sequence: number): void {
    const path = newSegmentPath(sequence);
    this.#disk.run({ type: 'remove', path }, () => {
      this.#next = 'none';
      if (this.#spares.length > 0) {
        this.prepare();
      } else if (this.#reserve.state === 'kept' && this.#settings.reserveBytes > 0) {
        this.#reserve.giveUp(() => this.prepare());
      } else {
        this.full = true;
        this.#events.ready();
      }
    });
  }
}

/** How a segment is made, from a file used before where there is one. */
export function prepareTasks(
  identity: Identity,
  sizeBytes: number,
  made: { sequence: number; spare?: string | undefined; firstNumber?: number },
): DiskTask[] {
  const { sequence, spare, firstNumber = 0 } = made;
  const path = newSegmentPath(sequence);
  const header = encodeSegmentHeader(identity, { sequence, sizeBytes, firstNumber });
  const buffers = [header];
  const named: DiskTask = { type: 'sync-directory', path: logDirectory };
  const file: DiskTask[] =
    spare === undefined
      ? [{ type: 'create', path, sizeBytes }]
      : // Were the old name to come back, its header must still be the old one.
        [{ type: 'rename', from: spare, to: path }, named];
  return [
    ...file,
    { type: 'write', path, position: 0, buffers, sync: true },
    { type: 'rename', from: path, to: segmentPath(sequence) },
    named,
  ];
}
