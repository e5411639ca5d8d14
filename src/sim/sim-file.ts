/** An open file of a simulated disk: the port's operations, each an event with the disk's faults. */
import { assert } from '../base/assert.ts';
import { QuorateError } from '../base/errors.ts';
import type { Answer, Done } from '../ports/callbacks.ts';
import { type DiskFile, fileBytesMax, type OpenMode, transferBytesMax } from '../ports/disk.ts';
import type { Random } from '../ports/random.ts';
import { pageBytes } from './paged-bytes.ts';
import { type BegunChange, type SimFileNode, sectorBytes, type Write } from './sim-inode.ts';
import type { SimProcess } from './sim-process.ts';
import type { SimVolume } from './sim-volume.ts';

/** What a file of one process stands on. */
export interface FileGround {
  readonly volume: SimVolume;
  readonly process: SimProcess;
  readonly random: Random;
  /** Tells the world's log what was written. */
  readonly wrote: (path: string, position: number, bytes: Uint8Array) => void;
}

/** See {@link DiskFile}. */
export class SimFile implements DiskFile {
  readonly path: string;
  readonly #node: SimFileNode;
  readonly #mode: OpenMode;
  readonly #ground: FileGround;
  #pending = 0;
  #closed = false;

  constructor(path: string, node: SimFileNode, mode: OpenMode, ground: FileGround) {
    this.path = path;
    this.#node = node;
    this.#mode = mode;
    this.#ground = ground;
    node.handles++;
  }

  write(buffers: readonly Uint8Array[], position: number, done: Done): void {
    this.#begin(position);
    this.#write(buffers, position, 'write', done);
  }

  writeAndSync(buffers: readonly Uint8Array[], position: number, done: Done): void {
    this.#begin(position);
    this.#write(buffers, position, 'sync', done);
  }

  sync(done: Done): void {
    this.#begin(0);
    if (!this.#ground.process.calls()) return;
    const { mark } = this.#node;
    this.#plan('sync', 'disk: sync', () => {
      const failed = this.#ground.volume.failureOf('sync', this.path);
      if (failed !== null) {
        this.#node.failSync(mark, this.#ground.random);
        done(this.#error('disk-sync-failed', 'syncing'));
        return;
      }
      this.#node.syncUpTo(mark);
      this.#ground.volume.fileSynced();
      done(null);
    });
  }

  preallocate(sizeBytes: number, done: Done): void {
    this.#begin(sizeBytes);
    if (!this.#ground.process.calls()) return;
    const { volume } = this.#ground;
    this.#plan('write', 'disk: preallocate', () => {
      const failed = this.#writable() ?? volume.failureOf('write', this.path);
      if (failed !== null) {
        done(this.#error(failed, 'preallocating'));
        return;
      }
      const { seen } = this.#node;
      const size = Math.max(sizeBytes, seen.sizeBytes);
      const needed = Math.ceil(size / pageBytes) - seen.allocatedWithin(0, size);
      if (needed > volume.freePages) {
        done(this.#error('disk-full', 'preallocating'));
        return;
      }
      volume.allocated(needed);
      if (size > seen.sizeBytes || needed > 0) {
        this.#node.apply({ kind: 'allocate', sizeBytes: size });
      }
      this.sync(done);
    });
  }

  read(into: Uint8Array, position: number, answer: Answer<number>): void {
    this.#begin(position);
    assert(into.length <= transferBytesMax, () => `a read of ${into.length} bytes is too long`);
    if (!this.#ground.process.calls()) return;
    this.#plan('read', 'disk: read', () => {
      const { volume, random } = this.#ground;
      const failed = volume.failureOf('read', this.path);
      if (failed !== null) {
        answer(this.#error(failed, 'reading'));
        return;
      }
      const { rotChance } = volume.faults;
      if (rotChance > 0 && random.fraction() < rotChance) this.#rot(position, into.length);
      answer(this.#node.seen.read(into, position));
    });
  }

  truncate(sizeBytes: number, done: Done): void {
    this.#begin(sizeBytes);
    if (!this.#ground.process.calls()) return;
    this.#plan('write', 'disk: truncate', () => {
      const failed = this.#writable() ?? this.#ground.volume.failureOf('names', this.path);
      if (failed === null) {
        this.#node.apply({ kind: 'size', sizeBytes });
        this.#ground.volume.recount();
      }
      done(failed === null ? null : this.#error(failed, 'truncating'));
    });
  }

  size(answer: Answer<number>): void {
    this.#begin(0);
    if (!this.#ground.process.calls()) return;
    this.#plan('read', 'disk: size', () => answer(this.#node.seen.sizeBytes));
  }

  close(done: Done): void {
    assert(!this.#closed, () => `${this.path} is closed`);
    assert(this.#pending === 0, () => `${this.path} is closed while operations are under way`);
    this.#closed = true;
    if (!this.#ground.process.calls()) return;
    this.#ground.process.plan(this.#ground.volume.latencyMs('names'), 'disk: close', () => {
      this.#node.handles--;
      done(null);
    });
  }

  #write(
    buffers: readonly Uint8Array[],
    position: number,
    operation: 'write' | 'sync',
    done: Done,
  ): void {
    let wanted = 0;
    for (const buffer of buffers) wanted += buffer.length;
    assert(wanted <= transferBytesMax, () => `a write of ${wanted} bytes is too long`);
    if (!this.#ground.process.calls()) return;
    const begun = new BegunWrite(buffers, position, wanted);
    this.#node.underWay.add(begun);
    this.#plan(operation, operation === 'sync' ? 'disk: durable write' : 'disk: write', () => {
      this.#node.underWay.delete(begun);
      done(this.#finish(begun.change(), operation === 'sync'));
    });
  }

  #finish(write: Write, durably: boolean): QuorateError | null {
    const { volume, random, wrote } = this.#ground;
    const failed = this.#writable() ?? volume.failureOf('write', this.path);
    if (failed !== null && failed !== 'short-write') return this.#error(failed, 'writing');
    const wanted = write.bytes.length;
    let count = failed === 'short-write' ? random.below(Math.max(1, wanted)) : wanted;
    const fits = this.#fitting(write.position, count);
    if (fits === 0 && count > 0) return this.#error('disk-full', 'writing');
    count = Math.min(count, fits);
    if (count < wanted) {
      const { position, bytes } = write;
      this.#node.apply({ kind: 'write', position, bytes: bytes.subarray(0, count) });
      return this.#error('short-write', `writing ${count} of ${wanted} bytes of`);
    }
    const { misdirectedWriteChance } = volume.faults;
    const lost = misdirectedWriteChance > 0 && random.fraction() < misdirectedWriteChance;
    const landed: Write = lost
      ? { kind: 'write', position: this.#elsewhere(wanted), bytes: write.bytes }
      : write;
    wrote(this.path, landed.position, landed.bytes);
    if (!durably) {
      this.#node.apply(landed);
      return null;
    }
    if (volume.failureOf('sync', this.path) !== null) {
      this.#node.failDurably(landed, random);
      return this.#error('disk-sync-failed', 'syncing');
    }
    this.#node.applyDurably(landed);
    volume.fileSynced();
    return null;
  }

  /** How many of `count` bytes find space, and takes it for them. */
  #fitting(position: number, count: number): number {
    const { volume } = this.#ground;
    const { seen } = this.#node;
    const pages = Math.ceil((position + count) / pageBytes) - Math.floor(position / pageBytes);
    const needed = count === 0 ? 0 : pages - seen.allocatedWithin(position, position + count);
    if (needed <= volume.freePages) {
      volume.allocated(needed);
      return count;
    }
    let end = Math.floor(position / pageBytes) * pageBytes;
    for (let left = volume.freePages; end < position + count; end += pageBytes) {
      if (seen.allocatedWithin(end, end + 1) > 0) continue;
      if (left-- === 0) break;
      volume.allocated(1);
    }
    return Math.max(0, Math.min(count, end - position));
  }

  /** Where a misdirected write lands: on another sector of the file. */
  #elsewhere(length: number): number {
    const sectors = Math.max(1, Math.ceil((this.#node.seen.sizeBytes - length) / sectorBytes));
    return this.#ground.random.below(sectors) * sectorBytes;
  }

  #rot(position: number, length: number): void {
    const end = Math.min(this.#node.seen.sizeBytes, position + length);
    if (end <= position) return;
    const at = position + this.#ground.random.below(end - position);
    const byte = new Uint8Array(1);
    this.#node.seen.read(byte, at);
    byte[0]! ^= 1 << this.#ground.random.below(8);
    this.#node.damage(at, byte);
  }

  #writable(): 'permission-denied' | null {
    return this.#mode === 'read' ? 'permission-denied' : null;
  }

  #plan(operation: 'read' | 'write' | 'sync', label: string, action: () => void): void {
    this.#pending++;
    this.#ground.process.plan(this.#ground.volume.latencyMs(operation), label, () => {
      this.#pending--;
      action();
    });
  }

  #begin(position: number): void {
    assert(!this.#closed, () => `${this.path} is closed`);
    assert(
      Number.isSafeInteger(position) && position >= 0 && position <= fileBytesMax,
      () => `${position} is no position in a file`,
    );
  }

  #error(code: QuorateError['code'], doing: string): QuorateError {
    return new QuorateError(code, `${doing} ${this.path}: simulated`, {
      details: { path: this.path },
    });
  }
}

/**
 * A write that has not happened yet. Its bytes are looked at when it does, not before: who changes
 * them meanwhile has broken the port's rule, and finds out.
 */
class BegunWrite implements BegunChange {
  readonly #buffers: readonly Uint8Array[];
  readonly #position: number;
  readonly #length: number;

  constructor(buffers: readonly Uint8Array[], position: number, length: number) {
    this.#buffers = buffers;
    this.#position = position;
    this.#length = length;
  }

  change(): Write {
    const bytes = joined(this.#buffers, this.#length);
    return { kind: 'write', position: this.#position, bytes };
  }
}

function joined(buffers: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const buffer of buffers) {
    bytes.set(buffer, at);
    at += buffer.length;
  }
  return bytes;
}
