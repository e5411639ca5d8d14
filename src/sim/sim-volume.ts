/**
 * A simulated volume: files and directories that outlive the processes of a node, and what can
 * happen to them. Names are synced apart from content: each change of a directory waits in a
 * journal until the directory is synced. At a power loss some first part of what waits for each
 * directory survives, since file systems keep the order within one (on the Windows profile, where
 * directories cannot be synced: some first part of all, and syncing any file makes all durable).
 */
import { assert } from '../base/assert.ts';
import { QuorateError } from '../base/errors.ts';
import type { Random } from '../ports/random.ts';
import { SortedTable } from '../store/sorted-table.ts';
import {
  type DiskFaults,
  type DiskOperation,
  healthyDisk,
  type PlannedFailure,
} from './disk-faults.ts';
import { pageBytes } from './paged-bytes.ts';
import { SimDirectoryNode, type SimFileNode, type SimNodeOnDisk } from './sim-inode.ts';

/** Which system's rules a volume has. */
export type VolumeProfile = 'posix' | 'windows';

/** What a name is to stand for from now on; nothing if `null`. */
interface NameChange {
  readonly directory: SimDirectoryNode;
  readonly names: readonly (readonly [name: string, node: SimNodeOnDisk | null])[];
}

/** See above. */
export class SimVolume {
  readonly profile: VolumeProfile;
  /** Faults that come by chance; may be changed at any time. */
  faults: DiskFaults;
  /** How much fits, in pages of 4 KiB; may be changed at any time. */
  capacityBytes: number;
  /** How many times longer operations take than `faults` says: how slow the disk is made. */
  readonly slowness: number;
  /** The stores on it, by path. */
  stores = new Map<string, SortedTable<Uint8Array>>();
  readonly #random: Random;
  #root = new SimDirectoryNode();
  #journal: NameChange[] = [];
  #failures: PlannedFailure[] = [];
  #usedPages = 0;

  constructor(
    random: Random,
    options: {
      profile?: VolumeProfile;
      faults?: DiskFaults;
      capacityBytes?: number;
      slowness?: number | undefined;
    } = {},
  ) {
    this.#random = random;
    this.profile = options.profile ?? 'posix';
    this.faults = options.faults ?? healthyDisk;
    this.capacityBytes = options.capacityBytes ?? 2 ** 30;
    this.slowness = options.slowness ?? 1;
  }

  get usedBytes(): number {
    return this.#usedPages * pageBytes;
  }

  /** How many more pages may be allocated. */
  get freePages(): number {
    return Math.max(0, Math.floor(this.capacityBytes / pageBytes) - this.#usedPages);
  }

  /** Counts pages that were allocated; the count is made anew when some are freed. */
  allocated(pages: number): void {
    this.#usedPages += pages;
  }

  recount(): void {
    this.#usedPages = 0;
    for (const [, file] of this.#walk(this.#root, '')) this.#usedPages += file.seen.pageCount;
  }

  // What tests and fault schedules do to a volume.

  /** Lets a coming operation fail. */
  failNext(failure: PlannedFailure): void {
    this.#failures.push({ ...failure });
  }

  /** Forgets what {@link failNext} has planned. */
  clearFailures(): void {
    this.#failures = [];
  }

  /** The paths of all files. */
  files(): string[] {
    return [...this.#walk(this.#root, '')].map(([path]) => path).sort();
  }

  /** A file's content as processes read it. */
  content(path: string): Uint8Array {
    const { seen } = this.#file(path);
    const bytes = new Uint8Array(seen.sizeBytes);
    seen.read(bytes, 0);
    return bytes;
  }

  /** Flips a bit on disk, 0 … 8 · size − 1. */
  flipBit(path: string, bit: number): void {
    const file = this.#file(path);
    const byte = new Uint8Array(1);
    const position = Math.floor(bit / 8);
    assert(file.seen.read(byte, position) === 1, `${path} has no bit ${bit}`);
    byte[0]! ^= 1 << (bit % 8);
    file.damage(position, byte);
  }

  /** Puts other bytes in a file's place, on disk. */
  overwrite(path: string, position: number, bytes: Uint8Array): void {
    this.#file(path).damage(position, bytes);
  }

  /** Cuts a file's end off, on disk. */
  cut(path: string, sizeBytes: number): void {
    const file = this.#file(path);
    file.seen.truncate(sizeBytes);
    file.durable.truncate(sizeBytes);
  }

  /** The power goes: what was not synced has the fate that chance gives it. */
  losePower(): void {
    const keep = new Map<SimDirectoryNode, number>();
    if (this.profile === 'windows') {
      this.#makeDurable(this.#journal.slice(0, this.#random.below(this.#journal.length + 1)));
    } else {
      const waiting = new Map<SimDirectoryNode, number>();
      for (const { directory } of this.#journal) {
        waiting.set(directory, (waiting.get(directory) ?? 0) + 1);
      }
      for (const [directory, count] of waiting) keep.set(directory, this.#random.below(count + 1));
      for (const change of this.#journal) {
        const left = keep.get(change.directory)!;
        if (left === 0) continue;
        keep.set(change.directory, left - 1);
        this.#makeDurable([change]);
      }
    }
    this.#journal = [];
    this.#losePowerIn(this.#root);
    this.recount();
  }

  /** The process is killed: the system still writes what it was given. */
  loseProcess(): void {
    for (const [, file] of this.#walk(this.#root, '')) file.loseProcess(this.#random);
    this.recount();
  }

  /** Empties the volume. */
  wipe(): void {
    this.#root = new SimDirectoryNode();
    this.#journal = [];
    this.stores = new Map();
    this.#usedPages = 0;
  }

  /** A copy of all that is durable, as a backup takes it; see {@link restore}. */
  backup(): VolumeBackup {
    return { root: copyDurable(this.#root), stores: copyStores(this.stores) };
  }

  /** Puts a backup in place of everything. */
  restore(backup: VolumeBackup): void {
    this.wipe();
    this.#root = copyDurable(backup.root);
    this.stores = copyStores(backup.stores);
    this.recount();
  }

  // What the disk port does with a volume.

  find(parts: readonly string[]): SimNodeOnDisk | undefined {
    let node: SimNodeOnDisk | undefined = this.#root;
    for (const name of parts) {
      if (node?.kind !== 'directory') return undefined;
      node = node.seen.get(name);
    }
    return node;
  }

  /** Changes names in a directory: seen at once, durable after a sync. */
  changeNames(
    directory: SimDirectoryNode,
    names: readonly (readonly [string, SimNodeOnDisk | null])[],
  ): void {
    setNames(directory.seen, names);
    this.#journal.push({ directory, names });
  }

  /** Makes the names of a directory durable, where the profile can. */
  syncNames(directory: SimDirectoryNode): void {
    if (this.profile === 'windows') return;
    this.#makeDurable(this.#journal.filter((change) => change.directory === directory));
    this.#journal = this.#journal.filter((change) => change.directory !== directory);
  }

  /** What a sync of any file does beside. */
  fileSynced(): void {
    if (this.profile === 'posix' || this.#journal.length === 0) return;
    this.#makeDurable(this.#journal);
    this.#journal = [];
  }

  /** The error that an operation is to end with, if any: a planned one, or by chance. */
  failureOf(operation: DiskOperation, path: string): PlannedFailure['code'] | null {
    for (const [at, failure] of this.#failures.entries()) {
      if (failure.operation !== operation || (failure.path ?? path) !== path) continue;
      if ((failure.after ?? 0) > 0) {
        failure.after!--;
        continue;
      }
      failure.times = (failure.times ?? 1) - 1;
      if (failure.times === 0) this.#failures.splice(at, 1);
      return failure.code;
    }
    if (operation === 'read') return this.#chance(this.faults.readErrorChance, 'disk-failed');
    if (operation === 'sync') return this.#chance(this.faults.syncErrorChance, 'disk-sync-failed');
    if (operation !== 'write') return null;
    return (
      this.#chance(this.faults.writeErrorChance, 'disk-failed') ??
      this.#chance(this.faults.shortWriteChance, 'short-write')
    );
  }

  /** How long an operation takes. */
  latencyMs(operation: DiskOperation): number {
    const { operationMs, syncMs, stallChance, stallMs } = this.faults;
    const [from, to] = operation === 'sync' ? syncMs : operationMs;
    const usual = (from + (to - from) * this.#random.fraction()) * this.slowness;
    if (stallChance === 0 || this.#random.fraction() >= stallChance) return usual;
    return usual + stallMs[0] + (stallMs[1] - stallMs[0]) * this.#random.fraction();
  }

  #chance<T>(chance: number, outcome: T): T | null {
    return chance > 0 && this.#random.fraction() < chance ? outcome : null;
  }

  #file(path: string): SimFileNode {
    const node = this.find(path.split('/'));
    if (node?.kind === 'file') return node;
    throw new QuorateError('file-not-found', `the volume has no file ${path}`);
  }

  #makeDurable(changes: readonly NameChange[]): void {
    for (const { directory, names } of changes) setNames(directory.durable, names);
  }

  #losePowerIn(directory: SimDirectoryNode): void {
    directory.seen = new Map(directory.durable);
    directory.lockedBy = null;
    for (const node of directory.seen.values()) {
      if (node.kind === 'file') node.losePower(this.#random);
      else this.#losePowerIn(node);
    }
  }

  *#walk(directory: SimDirectoryNode, path: string): Generator<[string, SimFileNode]> {
    for (const [name, node] of directory.seen) {
      const at = path === '' ? name : `${path}/${name}`;
      if (node.kind === 'file') yield [at, node];
      else yield* this.#walk(node, at);
    }
  }
}

/** What {@link SimVolume.backup} gives. */
export interface VolumeBackup {
  readonly root: SimDirectoryNode;
  readonly stores: ReadonlyMap<string, SortedTable<Uint8Array>>;
}

function setNames(
  of: Map<string, SimNodeOnDisk>,
  names: readonly (readonly [string, SimNodeOnDisk | null])[],
): void {
  for (const [name, node] of names) {
    if (node === null) of.delete(name);
    else of.set(name, node);
  }
}

function copyStores(
  stores: ReadonlyMap<string, SortedTable<Uint8Array>>,
): Map<string, SortedTable<Uint8Array>> {
  return new Map(
    [...stores].map(([path, content]) => {
      const copy = new SortedTable<Uint8Array>();
      for (const cursor = content.snapshot().cursor(); cursor.valid; cursor.advance()) {
        copy.set(cursor.key, cursor.value);
      }
      return [path, copy];
    }),
  );
}

function copyDurable(directory: SimDirectoryNode): SimDirectoryNode {
  const copy = new SimDirectoryNode();
  for (const [name, node] of directory.durable) {
    if (node.kind === 'directory') {
      copy.durable.set(name, copyDurable(node));
    } else {
      copy.durable.set(name, node.copyDurable());
    }
  }
  copy.seen = new Map(copy.durable);
  return copy;
}
