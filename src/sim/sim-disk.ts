/** The disk port of one simulated process, on a volume that outlives it. */
import { type ErrorCode, QuorateError } from '../base/errors.ts';
import type { Answer, Done } from '../ports/callbacks.ts';
import type { DirectoryLock, Disk, DiskFile, FileFacts, OpenMode, Space } from '../ports/disk.ts';
import { checkRename, pathParts } from '../ports/disk-path.ts';
import type { DiskOperation } from './disk-faults.ts';
import { pageBytes } from './paged-bytes.ts';
import { type FileGround, SimFile } from './sim-file.ts';
import { SimDirectoryNode, SimFileNode, type SimNodeOnDisk } from './sim-inode.ts';

/** See {@link Disk}. */
export class SimDisk implements Disk {
  readonly #ground: FileGround;

  constructor(ground: FileGround) {
    this.#ground = ground;
  }

  makeDirectory(path: string, done: Done): void {
    this.#act('make directory', path, done, (parts) => {
      const { volume } = this.#ground;
      let node: SimNodeOnDisk = this.#directory([], path);
      for (const name of parts) {
        if (node.kind === 'file') throw error('file-exists', 'making', path);
        let next: SimNodeOnDisk | undefined = node.seen.get(name);
        if (next === undefined) {
          next = new SimDirectoryNode();
          volume.changeNames(node, [[name, next]]);
          volume.syncNames(node);
        }
        node = next;
      }
      if (node.kind === 'file') throw error('file-exists', 'making', path);
    });
  }

  list(path: string, answer: Answer<readonly string[]>): void {
    this.#ask('list', path, answer, (parts) =>
      [...this.#directory(parts, path).seen.keys()].sort(),
    );
  }

  stat(path: string, answer: Answer<FileFacts>): void {
    this.#ask<FileFacts>('stat', path, answer, (parts) => {
      const node = this.#find(parts, path);
      return node.kind === 'file'
        ? { kind: 'file', sizeBytes: node.seen.sizeBytes }
        : { kind: 'directory', sizeBytes: 0 };
    });
  }

  open(path: string, mode: OpenMode, answer: Answer<DiskFile>): void {
    this.#ask<DiskFile>('open', path, answer, (parts) => {
      if (mode === 'create') return this.#create(parts, path);
      const node = this.#find(parts, path);
      if (node.kind === 'directory') throw error('file-not-found', 'opening', path);
      return new SimFile(path, node, mode, this.#ground);
    });
  }

  readWhole(path: string, bytesMax: number, answer: Answer<Uint8Array>): void {
    this.open(path, 'read', (file) => {
      if (file instanceof QuorateError) {
        answer(file);
        return;
      }
      file.size((size) => {
        const close = (result: Uint8Array | QuorateError): void => file.close(() => answer(result));
        if (size instanceof QuorateError) close(size);
        else if (size > bytesMax) close(error('file-too-large', 'reading', path));
        else {
          const content = new Uint8Array(size);
          file.read(content, 0, (count) => close(typeof count === 'number' ? content : count));
        }
      });
    });
  }

  writeAtomically(path: string, content: Uint8Array, done: Done): void {
    const temporary = `${path}.tmp`;
    const directory = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    const create = (parts: readonly string[]): SimFile => {
      const names = [...parts.slice(0, -1), `${parts.at(-1)}.tmp`];
      const parent = this.#directory(parts.slice(0, -1), path);
      if (parent.seen.get(parts.at(-1)!)?.kind === 'directory')
        throw error('file-exists', 'writing', path);
      // As opening with O_TRUNC does: the same file, emptied.
      const left = parent.seen.get(names.at(-1)!);
      if (left?.kind !== 'file') return this.#create(names, temporary);
      left.apply({ kind: 'size', sizeBytes: 0 });
      this.#ground.volume.recount();
      return new SimFile(temporary, left, 'write', this.#ground);
    };
    const giveUp = (failed: QuorateError): void => {
      this.#act(
        'remove',
        temporary,
        () => done(failed),
        (parts) => this.#remove(parts, temporary),
      );
    };
    this.#ask<SimFile>(
      'open',
      path,
      (file) => {
        if (file instanceof QuorateError) {
          done(file);
          return;
        }
        file.write([content], 0, (unwritten) => {
          const ends = (failed: QuorateError | null): void => {
            file.close(() => {
              if (failed !== null) giveUp(failed);
              else replace();
            });
          };
          if (unwritten === null) file.sync(ends);
          else ends(unwritten);
        });
      },
      create,
    );
    const replace = (): void => {
      this.rename(temporary, path, (failed) => {
        if (failed === null) this.syncDirectory(directory, done);
        else giveUp(failed);
      });
    };
  }

  rename(from: string, to: string, done: Done): void {
    const wrong = checkRename(from, to);
    this.#act('rename', from, done, (parts) => {
      if (wrong !== null) throw wrong;
      const source = this.#find(parts, from);
      const directory = this.#directory(parts.slice(0, -1), from);
      const name = to.slice(to.lastIndexOf('/') + 1);
      const replaced = directory.seen.get(name);
      if (replaced === source) return;
      if (
        replaced !== undefined &&
        (source.kind === 'directory' || replaced.kind === 'directory')
      ) {
        throw error('file-exists', 'renaming', from);
      }
      this.#checkUse(source, from);
      if (replaced !== undefined) this.#checkUse(replaced, to);
      this.#ground.volume.changeNames(directory, [
        [parts.at(-1)!, null],
        [name, source],
      ]);
      if (replaced !== undefined) this.#ground.volume.recount();
    });
  }

  remove(path: string, done: Done): void {
    this.#act('remove', path, done, (parts) => this.#remove(parts, path));
  }

  syncDirectory(path: string, done: Done): void {
    this.#act(
      'sync directory',
      path,
      done,
      (parts) => {
        const directory = this.#directory(parts, path);
        const { volume } = this.#ground;
        if (volume.profile === 'posix' && volume.failureOf('sync', path) !== null) {
          throw error('disk-sync-failed', 'syncing', path);
        }
        volume.syncNames(directory);
      },
      'sync',
    );
  }

  space(answer: Answer<Space>): void {
    this.#ask('space', '', answer, () => ({
      freeBytes: this.#ground.volume.freePages * pageBytes,
      totalBytes: this.#ground.volume.capacityBytes,
    }));
  }

  lock(path: string, answer: Answer<DirectoryLock>): void {
    this.#ask<DirectoryLock>('lock', path, answer, (parts) => {
      const directory = this.#directory(parts, path);
      if (directory.lockedBy?.alive) throw error('directory-locked', 'locking', path);
      directory.lockedBy = this.#ground.process;
      return {
        release: (done) => {
          this.#act('unlock', path, done, () => {
            directory.lockedBy = null;
          });
        },
      };
    });
  }

  /** Plans an operation with a result; what `work` throws is the answer. */
  #ask<T>(
    label: string,
    path: string,
    answer: Answer<T>,
    work: (parts: readonly string[]) => T,
    speed: DiskOperation = 'names',
  ): void {
    const { process, volume } = this.#ground;
    if (!process.calls()) return;
    const parts = pathParts(path);
    process.plan(volume.latencyMs(speed), `disk: ${label}`, () => {
      answer(this.#try(parts, path, label, work));
    });
  }

  #act(
    label: string,
    path: string,
    done: Done,
    work: (parts: readonly string[]) => void,
    speed: DiskOperation = 'names',
  ): void {
    const end = (result: null | QuorateError): void => done(result);
    const act = (parts: readonly string[]): null => {
      work(parts);
      return null;
    };
    this.#ask<null>(label, path, end, act, speed);
  }

  #try<T>(
    parts: readonly string[] | QuorateError,
    path: string,
    label: string,
    work: (parts: readonly string[]) => T,
  ): T | QuorateError {
    if (parts instanceof QuorateError) return parts;
    const failed = this.#ground.volume.failureOf('names', path);
    if (failed !== null) return error(failed, label, path);
    try {
      return work(parts);
    } catch (thrown) {
      if (thrown instanceof QuorateError) return thrown;
      throw thrown;
    }
  }

  #find(parts: readonly string[], path: string): SimNodeOnDisk {
    const node = this.#ground.volume.find(parts);
    if (node === undefined) throw error('file-not-found', 'looking for', path);
    return node;
  }

  #directory(parts: readonly string[], path: string): SimDirectoryNode {
    const node = this.#find(parts, path);
    if (node.kind === 'file') throw error('file-not-found', 'looking into', path);
    return node;
  }

  #create(parts: readonly string[], path: string): SimFile {
    const { volume } = this.#ground;
    const directory = this.#directory(parts.slice(0, -1), path);
    const name = parts.at(-1);
    if (name === undefined || directory.seen.has(name)) throw error('file-exists', 'making', path);
    if (volume.freePages === 0) throw error('disk-full', 'making', path);
    const node = new SimFileNode();
    volume.changeNames(directory, [[name, node]]);
    return new SimFile(path, node, 'create', this.#ground);
  }

  #remove(parts: readonly string[], path: string): void {
    const node = this.#find(parts, path);
    const name = parts.at(-1);
    if (name === undefined) throw error('permission-denied', 'removing', path);
    if (node.kind === 'directory' && node.seen.size > 0) {
      throw error('directory-not-empty', 'removing', path);
    }
    this.#checkUse(node, path);
    this.#ground.volume.changeNames(this.#directory(parts.slice(0, -1), path), [[name, null]]);
    this.#ground.volume.recount();
  }

  /** On Windows open files cannot be moved, nor directories that hold some. */
  #checkUse(node: SimNodeOnDisk, path: string): void {
    if (this.#ground.volume.profile === 'windows' && isOpen(node)) {
      throw error('file-in-use', 'changing', path);
    }
  }
}

function isOpen(node: SimNodeOnDisk): boolean {
  if (node.kind === 'file') return node.handles > 0;
  for (const inside of node.seen.values()) if (isOpen(inside)) return true;
  return false;
}

function error(code: ErrorCode, doing: string, path: string): QuorateError {
  return new QuorateError(code, `${doing} ${path || 'the root'}: simulated`, { details: { path } });
}
