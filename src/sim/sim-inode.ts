/**
 * A file or directory of a simulated volume, with what is on disk apart from what running processes
 * see. Between the two stand the changes that were made and not yet synced, one by one, because a
 * power loss may keep any of them, any part of them, and lose those before (reliability.md, "any
 * subset of unsynced writes lost").
 */
import { assert } from '../base/assert.ts';
import type { Random } from '../ports/random.ts';
import { PagedBytes, pageBytes } from './paged-bytes.ts';

/** What a disk writes as a whole or not at all. */
export const sectorBytes = 512;

/** How many changes of one file may wait for a sync. */
export const unsyncedMax = 1_000_000;

/** A change of a file's content: bytes at a position, or a new size. */
export type Change =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: 'size'; readonly sizeBytes: number }
  | { readonly kind: 'allocate'; readonly sizeBytes: number };

/** A change that writes. */
export type Write = Extract<Change, { readonly kind: 'write' }>;

/** A change that was begun: what it would write if it happened now. */
export interface BegunChange {
  change(): Change;
}

/** A change that is done and not synced, by its place among all changes of the file. */
interface Unsynced {
  readonly number: number;
  change: Change;
}

/** A file's content. */
export class SimFileNode {
  readonly kind = 'file';
  /** What processes read. */
  seen = new PagedBytes();
  /** What is there after a power loss, but for the fate of the unsynced. */
  durable = new PagedBytes();
  /** Changes that are done, in order, and not synced. */
  #unsynced: Unsynced[] = [];
  /** How many of them set a size. */
  #resizes = 0;
  /** No unsynced write lies before this, or from `#unsyncedEnd` on. */
  #unsyncedFrom = Number.POSITIVE_INFINITY;
  #unsyncedEnd = 0;
  /** Changes that were begun and are not done. */
  readonly underWay = new Set<BegunChange>();
  /** Pages that differ between `seen` and `durable` on account of what is unsynced. */
  readonly #dirty = new Set<number>();
  /** Pages that `seen` and `durable` share with each other and with nobody else. */
  readonly #paired = new Map<number, Uint8Array>();
  /** How many handles are open. */
  handles = 0;

  /** How many changes were done since the file was made, but for durable writes. */
  #done = 0;

  /** Names the changes done so far, for a sync that begins now. */
  get mark(): number {
    return this.#done;
  }

  /** Makes a change visible, not durable. */
  apply(change: Change): void {
    assert(this.#unsynced.length < unsyncedMax, 'a simulated file is never synced');
    applyTo(this.seen, change);
    this.#unsynced.push({ number: this.#done++, change });
    this.#markUnsynced(change);
  }

  /** Makes a write visible and durable, whatever is unsynced beside it. */
  applyDurably(change: Write): void {
    const { position, bytes } = change;
    if (bytes.length === 0) return;
    if (position < this.#unsyncedEnd && position + bytes.length > this.#unsyncedFrom) {
      this.#supersede(change);
    } else if (this.#resizes > 0) this.#settleSizes();
    const page = Math.floor(position / pageBytes);
    const from = position - page * pageBytes;
    const paired = this.#paired.get(page);
    if (
      paired !== undefined &&
      from + bytes.length <= pageBytes &&
      position + bytes.length <= this.durable.sizeBytes &&
      this.seen.page(page) === paired &&
      this.durable.page(page) === paired
    ) {
      // What a log does all the time: both views at once, without a copy.
      paired.set(bytes, from);
      return;
    }
    applyTo(this.seen, change);
    applyTo(this.durable, change);
    for (const each of pagesOf(change)) {
      if (this.#dirty.has(each)) continue;
      this.durable.sharePage(this.seen, each);
      const content = this.seen.page(each);
      // Just written to, and so a copy of its own: never the page of zeros that all files share.
      if (content !== undefined) this.#paired.set(each, content);
    }
  }

  /** Another file with what is durable of this one. */
  copyDurable(): SimFileNode {
    const copy = new SimFileNode();
    this.#paired.clear();
    copy.durable = this.durable.clone();
    copy.seen = this.durable.clone();
    return copy;
  }

  /** Makes the changes durable that were done when the sync began. */
  syncUpTo(mark: number): void {
    const synced = this.#settle(mark);
    if (this.#unsynced.length === 0) {
      for (const page of this.#dirty) this.durable.sharePage(this.seen, page);
      this.durable.sizeBytes = this.seen.sizeBytes;
    } else {
      for (const change of synced) applyTo(this.durable, change);
    }
    this.#markAllDirty();
  }

  /**
   * A sync that failed: any part of what it was to write may have reached the disk, and the system
   * takes all of it for written, so that a later sync does not try again, though processes go on
   * reading it (Rebello et al., ATC 2020).
   */
  failSync(mark: number, random: Random): void {
    for (const change of this.#settle(mark)) decide(this.durable, change, random);
    this.#markAllDirty();
  }

  /** A durable write whose sync failed. */
  failDurably(change: Write, random: Random): void {
    applyTo(this.seen, change);
    decide(this.durable, change, random);
  }

  /** The power goes: each unsynced change is kept, lost or torn. */
  losePower(random: Random): void {
    for (const { change } of this.#unsynced) decide(this.durable, change, random);
    for (const begun of this.underWay) decide(this.durable, begun.change(), random);
    this.#unsynced = [];
    this.underWay.clear();
    this.#markAllDirty();
    this.seen = this.durable.clone();
    this.handles = 0;
  }

  /** The process dies, the system lives: what was under way happened, or did not. */
  loseProcess(random: Random): void {
    for (const begun of this.underWay) {
      if (random.fraction() < 0.5) this.apply(begun.change());
    }
    this.underWay.clear();
    this.handles = 0;
  }

  /** Changes bytes on disk and in memory alike, behind everybody's back. */
  damage(position: number, bytes: Uint8Array): void {
    this.applyDurably({ kind: 'write', position, bytes });
  }

  /**
   * What is durable cannot be undone by what came before it: where they overlap, an unsynced
   * earlier write now has these bytes, as the page that holds both has; one that lies within them
   * cannot be told from them any more, and is forgotten.
   */
  #supersede({ position, bytes }: Write): void {
    if (this.#resizes > 0) this.#settleSizes();
    const end = position + bytes.length;
    let covered = false;
    for (const each of this.#unsynced) {
      const { change } = each;
      if (change.kind !== 'write') continue;
      const earlierEnd = change.position + change.bytes.length;
      const from = Math.max(position, change.position);
      const to = Math.min(end, earlierEnd);
      if (from >= to) continue;
      if (position <= change.position && earlierEnd <= end) covered = true;
      const patched = change.bytes.slice();
      patched.set(bytes.subarray(from - position, to - position), from - change.position);
      each.change = { kind: 'write', position: change.position, bytes: patched };
    }
    if (!covered) return;
    this.#unsynced = this.#unsynced.filter(({ change }) => {
      if (change.kind !== 'write') return true;
      return change.position < position || change.position + change.bytes.length > end;
    });
    this.#markAllDirty();
  }

  /** New sizes, since a durable write makes the size durable too. */
  #settleSizes(): void {
    const last = this.#unsynced.findLast(({ change }) => change.kind === 'size');
    if (last !== undefined) this.syncUpTo(last.number + 1);
  }

  #settle(mark: number): Change[] {
    let count = 0;
    while (count < this.#unsynced.length && this.#unsynced[count]!.number < mark) count++;
    return this.#unsynced.splice(0, count).map(({ change }) => change);
  }

  #markAllDirty(): void {
    this.#dirty.clear();
    this.#resizes = 0;
    this.#unsyncedFrom = Number.POSITIVE_INFINITY;
    this.#unsyncedEnd = 0;
    for (const { change } of this.#unsynced) this.#markUnsynced(change);
  }

  #markUnsynced(change: Change): void {
    for (const page of pagesOf(change)) this.#dirty.add(page);
    if (change.kind === 'write') {
      this.#unsyncedFrom = Math.min(this.#unsyncedFrom, change.position);
      this.#unsyncedEnd = Math.max(this.#unsyncedEnd, change.position + change.bytes.length);
    }
    if (change.kind !== 'size') return;
    this.#resizes++;
    // Everything from the new end on may differ.
    const end = Math.max(this.seen.sizeBytes, this.durable.sizeBytes);
    const first = Math.floor(change.sizeBytes / pageBytes);
    for (let page = first; page * pageBytes < end; page++) this.#dirty.add(page);
  }
}

/** A directory: its names as processes see them, and as they are on disk. */
export class SimDirectoryNode {
  readonly kind = 'directory';
  seen = new Map<string, SimNodeOnDisk>();
  durable = new Map<string, SimNodeOnDisk>();
  /** Who has locked it: anything that tells whether it still lives. */
  lockedBy: { readonly alive: boolean } | null = null;
}

/** What a name stands for. */
export type SimNodeOnDisk = SimFileNode | SimDirectoryNode;

function pagesOf(change: Change): number[] {
  const pages: number[] = [];
  if (change.kind === 'size') return pages;
  const from = change.kind === 'write' ? change.position : 0;
  const end = change.kind === 'write' ? from + change.bytes.length : change.sizeBytes;
  for (let page = Math.floor(from / pageBytes); page * pageBytes < end; page++) pages.push(page);
  return pages;
}

function applyTo(content: PagedBytes, change: Change): void {
  if (change.kind === 'write') content.write(change.bytes, change.position);
  else if (change.kind === 'size') content.truncate(change.sizeBytes);
  else content.allocate(change.sizeBytes);
}

/** Keeps a change, loses it, or keeps any of its sectors. */
function decide(content: PagedBytes, change: Change, random: Random): void {
  const fate = random.below(3);
  if (fate === 0) return;
  if (fate === 1 || change.kind !== 'write') {
    applyTo(content, change);
    return;
  }
  const { bytes, position } = change;
  for (let at = 0; at < bytes.length; ) {
    const untilNext = sectorBytes - ((position + at) % sectorBytes);
    const end = Math.min(bytes.length, at + untilNext);
    if (random.fraction() < 0.5) content.write(bytes.subarray(at, end), position + at);
    at = end;
  }
}
