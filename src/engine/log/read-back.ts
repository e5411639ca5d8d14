/**
 * Entries that are no longer in memory, read back from the segments: for a follower that lags, or
 * for applying after a restart. What was asked for is read with what follows it, and kept as a
 * window until newer windows need the room.
 *
 * Each entry is checked against the checksum that was kept in memory since it was written or
 * recovered, so a damaged one is noticed here at the latest, and named.
 */

import { QuorateError } from '../../base/errors.ts';
import { viewOf, xxhash32 } from '../../base/xxhash32.ts';
import type { Entry } from '../../raft/entry.ts';
import { damaged } from './damage.ts';
import type { DiskRequests } from './disk-requests.ts';
import { cachedBytes } from './entry-cache.ts';
import type { GroupLog } from './group-log.ts';
import { segmentPath } from './segment-format.ts';

/** What one read fetches at most, if a single entry is not larger. */
const windowBytesMax = 256 * 2 ** 10;

/** Bytes of other groups that one read may pass over to reach the next entry. */
const gapBytesMax = 64 * 2 ** 10;

/** Reads under way at most; who asks beyond that asks again when one is done. */
const readsMax = 16;

interface Window {
  readonly group: GroupLog;
  readonly entries: readonly Entry[];
  readonly bytes: number;
  readonly cuts: number;
}

/** What is to be read: entries `from` … `to − 1` of a group, in one stretch of one segment. */
interface Stretch {
  readonly group: GroupLog;
  readonly from: number;
  readonly to: number;
  readonly segment: number;
  readonly position: number;
  readonly lengthBytes: number;
  readonly cuts: number;
}

export class ReadBack {
  readonly #disk: DiskRequests;
  readonly #bytesMax: number;
  readonly #failed: (error: QuorateError) => void;
  /** Newest last. */
  #windows: Window[] = [];
  #bytes = 0;
  /** By group and first index. */
  readonly #reading = new Map<string, Stretch>();
  /** Groups that were sent away because too much is being read. */
  readonly #refused = new Set<GroupLog>();
  readonly #fetched = new Set<GroupLog>();

  constructor(disk: DiskRequests, bytesMax: number, failed: (error: QuorateError) => void) {
    this.#disk = disk;
    this.#bytesMax = bytesMax;
    this.#failed = failed;
  }

  /** Entries from at most `from` on, that one included, if they are at hand; else reads them. */
  find(group: GroupLog, from: number): readonly Entry[] | undefined {
    const at = this.#windows.findIndex(
      ({ group: owner, entries, cuts }) =>
        owner === group &&
        cuts === group.cuts &&
        entries[0]!.index <= from &&
        from < entries[0]!.index + entries.length,
    );
    if (at === -1) {
      this.#dropUsed(group, from);
      this.#read(group, from);
      return undefined;
    }
    const [window] = this.#windows.splice(at, 1);
    this.#windows.push(window!);
    return window!.entries;
  }

  /** Whoever reads on from here has had what ends before; nobody else is likely to want it. */
  #dropUsed(group: GroupLog, from: number): void {
    this.#windows = this.#windows.filter(({ group: owner, entries, bytes }) => {
      const used = owner === group && entries[0]!.index + entries.length === from;
      if (used) this.#bytes -= bytes;
      return !used;
    });
  }

  /** Groups whose missing entries have come since the last call. */
  takeFetched(): readonly GroupLog[] {
    if (this.#fetched.size === 0) return [];
    const groups = [...this.#fetched];
    this.#fetched.clear();
    return groups;
  }

  #read(group: GroupLog, from: number): void {
    const key = `${group.id}/${from}`;
    if (this.#reading.has(key)) return;
    if (this.#reading.size >= readsMax) {
      this.#refused.add(group);
      return;
    }
    const stretch = stretchFrom(group, from);
    this.#reading.set(key, stretch);
    const { segment, position, lengthBytes } = stretch;
    const path = segmentPath(segment);
    this.#disk.bytes({ type: 'read', path, position, lengthBytes }, (result) => {
      this.#reading.delete(key);
      this.#arrived(stretch, result);
      this.#fetched.add(group);
      for (const refused of this.#refused) this.#fetched.add(refused);
      this.#refused.clear();
    });
  }

  #arrived(stretch: Stretch, result: Uint8Array | QuorateError): void {
    const { group, from, cuts } = stretch;
    // Overwritten or compacted meanwhile: nobody wants it any more, and its segment may be gone.
    if (cuts !== group.cuts || from <= group.base.index) return;
    if (result instanceof QuorateError) return this.#failed(result);
    const entries = decode(stretch, result);
    if (entries instanceof QuorateError) return this.#failed(entries);
    let bytes = 0;
    for (const entry of entries) bytes += cachedBytes(entry);
    this.#windows.push({ group, entries, bytes, cuts });
    this.#bytes += bytes;
    while (this.#bytes > this.#bytesMax && this.#windows.length > 1) {
      this.#bytes -= this.#windows.shift()!.bytes;
    }
  }
}

function stretchFrom(group: GroupLog, from: number): Stretch {
  const { places, segments } = group;
  const position = places.position(from);
  // What is in memory need not be read; the newest of it may not even be written yet.
  const limit = Math.min(group.cacheFirst(), segments.endOfRun(from));
  let to = from + 1;
  let end = position + places.lengthBytes(from);
  while (to < limit) {
    const next = places.position(to);
    const nextEnd = next + places.lengthBytes(to);
    // Entries whose place is not known yet, or lies before, begin another stretch.
    if (next < end || next - end > gapBytesMax || nextEnd - position > windowBytesMax) break;
    end = nextEnd;
    to++;
  }
  const segment = segments.at(from);
  return { group, from, to, segment, position, lengthBytes: end - position, cuts: group.cuts };
}

function decode(stretch: Stretch, bytes: Uint8Array): readonly Entry[] | QuorateError {
  const { group, from, segment, position } = stretch;
  const { places } = group;
  const view = viewOf(bytes);
  const entries: Entry[] = [];
  for (let index = from; index < stretch.to && index <= group.lastIndex(); index++) {
    const at = places.position(index) - position;
    const end = at + places.lengthBytes(index);
    // It was written anew elsewhere while the read was under way: what came before still holds.
    if (at < 0 || group.segments.at(index) !== segment) break;
    if (end > bytes.length || xxhash32(view, at, end) !== places.checksum(index)) {
      return damaged(segmentPath(segment), position + at, `entry ${index} of group ${group.id}`);
    }
    const type = places.isConfiguration(index) ? 'configuration' : 'normal';
    entries.push({ type, term: group.term(index), index, data: bytes.subarray(at, end) });
  }
  return entries;
}
