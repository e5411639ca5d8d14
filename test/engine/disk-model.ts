/**
 * A disk in memory that carries out the engine's operations and can fail as disks do: power lost
 * with any part of what was not synced, torn writes, names that come back, errors at the Nth
 * operation. For tests of what lies on disk; the world in src/sim is for everything above.
 */
import { type ErrorCode, QuorateError } from '../../src/base/errors.ts';
import type { DiskOperation, DiskResult, DiskTask } from '../../src/engine/log/disk-operation.ts';
import type { DiskRequests } from '../../src/engine/log/disk-requests.ts';
import { PagedBytes } from './paged-bytes.ts';

/** A file's content as programs see it, and as the disk holds it. */
interface File {
  seen: PagedBytes;
  /** What is on the disk for certain. */
  durable: PagedBytes;
  /** What was written since, in order. */
  unsynced: { position: number; bytes: Uint8Array }[];
}

type NameChange =
  | { readonly type: 'create'; readonly path: string; readonly file: File }
  | { readonly type: 'rename'; readonly from: string; readonly to: string }
  | { readonly type: 'remove'; readonly path: string };

/** Draws 0 ≤ n < bound. */
export type Draw = (bound: number) => number;

const sectorBytes = 512;

export class DiskModel {
  names = new Map<string, File>();
  #durableNames = new Map<string, File>();
  #changes: NameChange[] = [];
  /** Writes that are on their way when the power goes. */
  #underWay: DiskOperation[] = [];
  operations = 0;
  /** Asked before each operation. */
  fault: (task: DiskTask, count: number) => ErrorCode | undefined = () => undefined;
  freeBytes = Number.POSITIVE_INFINITY;

  /** Carries out everything that is asked for until nothing is, or `stop` says so. */
  settle(requests: DiskRequests, options: { draw?: Draw; stop?: () => boolean } = {}): void {
    for (;;) {
      this.#underWay.push(...requests.take());
      if (this.#underWay.length === 0 || options.stop?.()) return;
      // Any order, but for what concerns the same path.
      const at = options.draw?.(this.#underWay.length) ?? 0;
      const chosen = this.#underWay[at]!;
      const first = this.#underWay.findIndex((other) => conflicts(other.task, chosen.task));
      const [operation] = this.#underWay.splice(first, 1);
      requests.complete(operation!.id, this.perform(operation!.task));
    }
  }

  perform(task: DiskTask): DiskResult {
    this.operations++;
    const code = this.fault(task, this.operations);
    if (code !== undefined) return new QuorateError(code, `the model fails ${task.type}`);
    try {
      return this.#perform(task);
    } catch (error) {
      if (error instanceof QuorateError) return error;
      throw error;
    }
  }

  /** A copy of a file's content. */
  content(path: string): Uint8Array {
    return this.#file(path).seen.slice();
  }

  /** Changes what the disk holds, behind everybody's back; what was not synced is so now. */
  damage(path: string, change: (content: Uint8Array) => Uint8Array | undefined): void {
    const file = this.#file(path);
    file.unsynced = [];
    const content = file.seen.slice();
    file.seen = PagedBytes.from(change(content) ?? content);
    file.durable = file.seen;
  }

  /** The same disk, to do something else to. What is not synced counts as synced. */
  copy(): DiskModel {
    const copy = new DiskModel();
    for (const [path, { seen }] of this.names) {
      const file = { seen, durable: seen, unsynced: [] };
      copy.names.set(path, file);
      copy.#durableNames.set(path, file);
    }
    copy.freeBytes = this.freeBytes;
    return copy;
  }

  /**
   * The power goes: of what is not synced, any sectors stay, and any changes of names; a write on
   * its way may have got anywhere.
   */
  loosePower(draw: Draw): void {
    for (const { task } of this.#underWay) {
      if (task.type === 'write' && this.names.has(task.path)) {
        // A torn write ends anywhere, and of what is there any sectors may still be lost.
        let budget = draw(3) === 0 ? Number.POSITIVE_INFINITY : draw(2048);
        let { position } = task;
        const file = this.#file(task.path);
        for (const buffer of task.buffers) {
          const bytes = buffer.slice(0, Math.min(buffer.length, budget));
          budget -= bytes.length;
          this.#write(file, position, bytes);
          position += bytes.length;
        }
      }
    }
    this.#underWay = [];
    const mode = draw(4);
    const keeps = (): boolean => (mode === 0 ? false : mode === 1 ? true : draw(2) === 0);
    for (const change of this.#changes) if (keeps()) applyChange(this.#durableNames, change);
    this.#changes = [];
    this.names = new Map(this.#durableNames);
    for (const file of new Set(this.names.values())) {
      for (const { position, bytes } of file.unsynced) keepSectors(file, position, bytes, keeps);
      file.unsynced = [];
      file.seen = file.durable;
    }
  }

  /** The process dies, the system lives: what was written is there, what was on its way may be. */
  killProcess(requests: DiskRequests, draw: Draw): void {
    for (const { task } of [...this.#underWay, ...requests.take()]) {
      if (task.type === 'write' && draw(2) === 0) this.perform(task);
    }
    this.#underWay = [];
  }

  #perform(task: DiskTask): DiskResult {
    switch (task.type) {
      case 'make-directory':
      case 'close':
        return null;
      case 'list':
        return [...this.names.keys()]
          .filter((path) => path.startsWith(`${task.path}/`))
          .map((path) => path.slice(task.path.length + 1))
          .sort();
      case 'stat':
        return { kind: 'file', sizeBytes: this.#file(task.path).seen.length };
      case 'read-whole':
        return this.#file(task.path).seen.slice();
      case 'read': {
        const { seen } = this.#file(task.path);
        return seen.slice(task.position, task.position + task.lengthBytes);
      }
      case 'write-atomically': {
        const content = PagedBytes.from(task.content);
        const file = { seen: content, durable: content, unsynced: [] };
        this.names.set(task.path, file);
        this.#durableNames.set(task.path, file);
        return null;
      }
      case 'create': {
        if (task.sizeBytes > this.freeBytes) throw new QuorateError('disk-full', 'full');
        this.freeBytes -= task.sizeBytes;
        if (this.names.has(task.path)) this.#change({ type: 'remove', path: task.path });
        const zeros = new PagedBytes(task.sizeBytes);
        const file = { seen: zeros, durable: zeros, unsynced: [] };
        this.#change({ type: 'create', path: task.path, file });
        return null;
      }
      case 'write': {
        let { position } = task;
        const file = this.#file(task.path);
        for (const buffer of task.buffers) {
          this.#write(file, position, buffer.slice());
          position += buffer.length;
        }
        if (task.sync) this.#sync(file, task.position, position);
        return null;
      }
      case 'truncate': {
        const file = this.#file(task.path);
        file.seen = file.seen.resized(task.sizeBytes);
        file.durable = file.durable.resized(task.sizeBytes);
        return null;
      }
      case 'sync':
        this.#sync(this.#file(task.path), 0, Number.POSITIVE_INFINITY);
        return null;
      case 'rename':
        this.#file(task.from);
        this.#change({ type: 'rename', from: task.from, to: task.to });
        return null;
      case 'remove': {
        const file = this.names.get(task.path);
        if (file !== undefined) {
          this.freeBytes += file.seen.length;
          this.#change({ type: 'remove', path: task.path });
        }
        return null;
      }
      case 'sync-directory': {
        const inside = (path: string): boolean =>
          path.slice(0, Math.max(0, path.lastIndexOf('/'))) === task.path;
        const later: NameChange[] = [];
        for (const change of this.#changes) {
          const path = change.type === 'rename' ? change.to : change.path;
          if (inside(path)) applyChange(this.#durableNames, change);
          else later.push(change);
        }
        this.#changes = later;
        return null;
      }
      case 'space':
        return { freeBytes: this.freeBytes, totalBytes: Number.POSITIVE_INFINITY };
    }
  }

  #change(change: NameChange): void {
    applyChange(this.names, change);
    this.#changes.push(change);
  }

  #write(file: File, position: number, bytes: Uint8Array): void {
    file.seen = file.seen.with(position, bytes);
    file.unsynced.push({ position, bytes });
  }

  /** What was written from `from` to `to` becomes durable, and nothing else. */
  #sync(file: File, from: number, to: number): void {
    const end = Math.min(to, file.seen.length);
    file.durable = file.durable.with(from, file.seen.slice(from, end));
    file.unsynced = file.unsynced.filter(
      ({ position, bytes }) => position < from || position + bytes.length > end,
    );
  }

  #file(path: string): File {
    const file = this.names.get(path);
    if (file === undefined) throw new QuorateError('file-not-found', `there is no ${path}`);
    return file;
  }
}

/** Each sector of a write reaches the disk or does not. */
function keepSectors(file: File, position: number, bytes: Uint8Array, keeps: () => boolean): void {
  const end = position + bytes.length;
  for (let at = position; at < end; ) {
    const next = Math.min(end, (Math.floor(at / sectorBytes) + 1) * sectorBytes);
    if (keeps()) {
      file.durable = file.durable.with(at, bytes.subarray(at - position, next - position));
    }
    at = next;
  }
}

function applyChange(names: Map<string, File>, change: NameChange): void {
  if (change.type === 'create') names.set(change.path, change.file);
  if (change.type === 'remove') names.delete(change.path);
  if (change.type === 'rename') {
    const file = names.get(change.from);
    if (file === undefined) return;
    names.delete(change.from);
    names.set(change.to, file);
  }
}

/** Whether two operations must keep their order: one changes names, and they share a path. */
function conflicts(a: DiskTask, b: DiskTask): boolean {
  const shared = pathsOf(a).some((path) => pathsOf(b).includes(path));
  const names = ['rename', 'remove', 'create', 'close'];
  return a === b || (shared && (names.includes(a.type) || names.includes(b.type)));
}

function pathsOf(task: DiskTask): readonly string[] {
  if (task.type === 'rename') return [task.from, task.to];
  return 'path' in task ? [task.path] : [];
}
