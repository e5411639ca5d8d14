/**
 * Carries out the engine's disk operations on a Disk port, the real one or the simulated one. It
 * keeps files open between operations, by path, and knows nothing of what is in them.
 *
 * Operations run as they come and side by side, except that a file is closed, renamed or removed
 * only when what was begun on it before is done. Whoever asks for a renaming asks for nothing more
 * of that file before it is done.
 */
import { assert } from '../base/assert.ts';
import { QuorateError } from '../base/errors.ts';
import type { DiskOperation, DiskResult, DiskTask } from '../engine/log/disk-operation.ts';
import type { Done } from '../ports/callbacks.ts';
import type { Disk, DiskFile } from '../ports/disk.ts';

/** Idle files that stay open; beyond that the one unused the longest is closed. */
const openFilesMax = 64;

type Answer = (result: DiskResult) => void;

/** What is known of a path that is, or shall be, open. */
interface OpenFile {
  file: DiskFile | undefined;
  state: 'opening' | 'open' | 'closing';
  /** Operations under way on it. */
  busy: number;
  /** What waits until it is open. */
  waiting: ((file: DiskFile | QuorateError) => void)[];
  /** What waits until it is idle, to close it. */
  whenIdle: (() => void) | undefined;
  /** What waits until it is closed. */
  whenClosed: (() => void)[];
}

export class DiskDriver {
  readonly #disk: Disk;
  readonly #open = new Map<string, OpenFile>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Carries out an operation; `answer` gets its end, never before this returns. */
  run({ task }: DiskOperation, answer: Answer): void {
    const disk = this.#disk;
    const done: Done = (error) => answer(error);
    switch (task.type) {
      case 'make-directory':
        return disk.makeDirectory(task.path, done);
      case 'list':
        return disk.list(task.path, answer);
      case 'stat':
        return disk.stat(task.path, answer);
      case 'read-whole':
        return disk.readWhole(task.path, task.bytesMax, answer);
      case 'write-atomically':
        return disk.writeAtomically(task.path, task.content, done);
      case 'create':
        return this.#closed([task.path], () => this.#create(task, answer));
      case 'write':
      case 'sync':
      case 'read':
      case 'truncate':
        return this.#onFile(task, answer);
      case 'close':
        return this.#closed([task.path], () => answer(null), true);
      case 'rename':
        return this.#closed([task.from, task.to], () => disk.rename(task.from, task.to, done));
      case 'remove':
        return this.#closed([task.path], () => this.#remove(task.path, done));
      case 'sync-directory':
        return disk.syncDirectory(task.path, done);
      case 'space':
        return disk.space(answer);
    }
  }

  /** Closes all files, once what is under way is done. Nothing may be asked for afterwards. */
  close(done: () => void): void {
    this.#closed([...this.#open.keys()], done);
  }

  #remove(path: string, done: Done): void {
    this.#disk.remove(path, (error) => done(error?.code === 'file-not-found' ? null : error));
  }

  #create(task: Extract<DiskTask, { type: 'create' }>, answer: Answer): void {
    const { path, sizeBytes } = task;
    this.#remove(path, (error) => {
      if (error !== null) return answer(error);
      this.#disk.open(path, 'create', (file) => {
        if (file instanceof QuorateError) return answer(file);
        if (sizeBytes === 0) return file.close((failed) => answer(failed));
        file.preallocate(sizeBytes, (failed) => {
          file.close((closing) => answer(failed ?? closing));
        });
      });
    });
  }

  #onFile(
    task: Extract<DiskTask, { type: 'write' | 'sync' | 'read' | 'truncate' }>,
    answer: Answer,
  ): void {
    this.#withFile(task.path, (file, release) => {
      if (file instanceof QuorateError) return answer(file);
      const done: Done = (error) => {
        release();
        answer(error);
      };
      switch (task.type) {
        case 'write':
          if (task.sync) file.writeAndSync(task.buffers, task.position, done);
          else file.write(task.buffers, task.position, done);
          return;
        case 'sync':
          return file.sync(done);
        case 'truncate':
          return file.truncate(task.sizeBytes, done);
        case 'read': {
          const into = new Uint8Array(task.lengthBytes);
          file.read(into, task.position, (count) => {
            release();
            answer(count instanceof QuorateError ? count : into.subarray(0, count));
          });
        }
      }
    });
  }

  /** Calls `use` with the open file, to be released once. All files are opened for writing. */
  #withFile(path: string, use: (file: DiskFile | QuorateError, release: () => void) => void): void {
    const known = this.#open.get(path);
    if (known !== undefined && known.state !== 'open') {
      if (known.state === 'closing') known.whenClosed.push(() => this.#withFile(path, use));
      else known.waiting.push((file) => this.#use(known, file, use));
      return;
    }
    if (known !== undefined) {
      // Moved to the end: it is the one used last.
      this.#open.delete(path);
      this.#open.set(path, known);
      return this.#use(known, known.file!, use);
    }
    const opening: OpenFile = {
      file: undefined,
      state: 'opening',
      busy: 0,
      waiting: [(file) => this.#use(opening, file, use)],
      whenIdle: undefined,
      whenClosed: [],
    };
    this.#open.set(path, opening);
    this.#closeUnused();
    this.#disk.open(path, 'write', (file) => {
      const { waiting } = opening;
      opening.waiting = [];
      if (file instanceof QuorateError) {
        this.#open.delete(path);
        opening.state = 'closing';
      } else {
        opening.file = file;
        opening.state = 'open';
      }
      for (const waiter of waiting) waiter(file);
      if (opening.state === 'closing') for (const waiter of opening.whenClosed) waiter();
    });
  }

  #use(
    open: OpenFile,
    file: DiskFile | QuorateError,
    use: (file: DiskFile | QuorateError, release: () => void) => void,
  ): void {
    if (file instanceof QuorateError) return use(file, () => {});
    open.busy++;
    use(file, () => {
      open.busy--;
      if (open.busy === 0) open.whenIdle?.();
    });
  }

  /** Calls `then` when none of the paths is open. */
  #closed(paths: readonly string[], then: () => void, later = false): void {
    let left = 1;
    const one = (): void => {
      if (--left === 0) then();
    };
    let waits = false;
    for (const path of paths) {
      const open = this.#open.get(path);
      if (open === undefined) continue;
      waits = true;
      left++;
      open.whenClosed.push(one);
      this.#close(path, open);
    }
    // An answer never comes before the question has returned.
    if (later && !waits) this.#disk.stat('', () => one());
    else one();
  }

  #close(path: string, open: OpenFile): void {
    if (open.state === 'closing' || open.whenIdle !== undefined) return;
    if (open.state === 'opening') {
      open.waiting.push((file) => {
        if (!(file instanceof QuorateError)) this.#close(path, open);
      });
      return;
    }
    const close = (): void => {
      open.whenIdle = undefined;
      open.state = 'closing';
      // What mattered was synced: an error of closing says nothing about it.
      open.file!.close(() => {
        assert(this.#open.get(path) === open, () => `${path} was opened twice`);
        this.#open.delete(path);
        for (const waiter of open.whenClosed) waiter();
      });
    };
    // What comes in the meantime waits: it was asked for after the closing.
    if (open.busy > 0) {
      open.whenIdle = close;
      open.state = 'closing';
    } else {
      close();
    }
  }

  #closeUnused(): void {
    let over = this.#open.size - openFilesMax;
    for (const [path, open] of this.#open) {
      if (over <= 0) return;
      if (open.state !== 'open' || open.busy > 0) continue;
      this.#close(path, open);
      over--;
    }
  }
}
