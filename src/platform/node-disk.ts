/**
 * A member's directory tree on Node. The rare operations are written with promises for the reader's
 * sake; those on open files, in node-file.ts, are not.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { QuorateError } from '../base/errors.ts';
import type { Answer, Done } from '../ports/callbacks.ts';
import type { DirectoryLock, Disk, DiskFile, FileFacts, OpenMode, Space } from '../ports/disk.ts';
import { checkRename, parentPath, pathParts } from '../ports/disk-path.ts';
import { lockDirectory } from './directory-lock.ts';
import { NodeFile } from './node-file.ts';
import { diskError, syncError, systemCode } from './system-errors.ts';
import { type SystemProfile, systemProfile } from './system-profile.ts';

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = fs.constants;
const flagsOf: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY,
  write: O_RDWR,
  create: O_RDWR | O_CREAT | O_EXCL,
};

/** How long a refused rename waits before it tries again. */
const renamePauseMs = 50;

/** See {@link Disk}. */
export class NodeDisk implements Disk {
  readonly #root: string;
  readonly #profile: SystemProfile;

  /**
   * @param root the directory that paths are relative to; `makeDirectory('')` makes it.
   * @param profile for tests; this process's by default.
   */
  constructor(root: string, profile: SystemProfile = systemProfile()) {
    this.#root = root;
    this.#profile = profile;
  }

  makeDirectory(path: string, done: Done): void {
    finish(
      done,
      this.#run(path, 'making', (at) => this.#makeDirectory(at, path)),
    );
  }

  list(path: string, answer: Answer<readonly string[]>): void {
    const names = async (at: string) => (await fs.promises.readdir(at)).sort();
    settle(answer, this.#run(path, 'listing', names));
  }

  stat(path: string, answer: Answer<FileFacts>): void {
    const look = async (at: string): Promise<FileFacts> => {
      const facts = await fs.promises.lstat(at);
      return facts.isDirectory()
        ? { kind: 'directory', sizeBytes: 0 }
        : { kind: 'file', sizeBytes: facts.size };
    };
    settle(answer, this.#run(path, 'looking at', look));
  }

  open(path: string, mode: OpenMode, answer: Answer<DiskFile>): void {
    const parts = pathParts(path);
    if (parts instanceof QuorateError) {
      process.nextTick(answer, parts);
      return;
    }
    const at = join(this.#root, ...parts);
    fs.open(at, flagsOf[mode], 0o600, (error, descriptor) => {
      if (error !== null) return answer(this.#failed('opening', path, error));
      fs.fstat(descriptor, (failed, facts) => {
        if (failed === null && facts.isFile()) {
          answer(new NodeFile(path, descriptor, () => this.#openDurable(at, mode)));
          return;
        }
        // Linux opens a directory for reading; the port does not.
        const reason = failed ?? Object.assign(new Error('not a file'), { code: 'EISDIR' });
        fs.close(descriptor, () => answer(this.#failed('opening', path, reason)));
      });
    });
  }

  readWhole(path: string, bytesMax: number, answer: Answer<Uint8Array>): void {
    const read = async (at: string): Promise<Uint8Array> => {
      const handle = await fs.promises.open(at, O_RDONLY);
      try {
        const { size } = await handle.stat();
        if (size > bytesMax) throw tooLarge(path, size, bytesMax);
        const content = new Uint8Array(size);
        const { bytesRead } = await handle.read(content, 0, size, 0);
        return content.subarray(0, bytesRead);
      } finally {
        await handle.close();
      }
    };
    settle(answer, this.#run(path, 'reading', read));
  }

  writeAtomically(path: string, content: Uint8Array, done: Done): void {
    finish(
      done,
      this.#run(path, 'writing', (at) => this.#writeAtomically(at, path, content)),
    );
  }

  rename(from: string, to: string, done: Done): void {
    const wrong = checkRename(from, to);
    if (wrong !== null) {
      process.nextTick(done, wrong);
      return;
    }
    finish(
      done,
      this.#run(from, 'renaming', (at) => this.#rename(at, from, to)),
    );
  }

  remove(path: string, done: Done): void {
    const remove = async (at: string): Promise<void> => {
      const facts = await fs.promises.lstat(at);
      await (facts.isDirectory() ? fs.promises.rmdir(at) : fs.promises.unlink(at));
    };
    finish(done, this.#run(path, 'removing', remove));
  }

  syncDirectory(path: string, done: Done): void {
    finish(
      done,
      this.#run(path, 'syncing', (at) => this.#syncDirectory(at, path)),
    );
  }

  space(answer: Answer<Space>): void {
    const look = async (at: string): Promise<Space> => {
      const facts = await fs.promises.statfs(at);
      return {
        freeBytes: facts.bavail * facts.bsize,
        totalBytes: facts.blocks * facts.bsize,
      };
    };
    settle(answer, this.#run('', 'looking at', look));
  }

  lock(path: string, answer: Answer<DirectoryLock>): void {
    settle(
      answer,
      this.#run(path, 'locking', (at) => lockDirectory(at, path, this.#profile)),
    );
  }

  async #run<T>(path: string, doing: string, work: (at: string) => Promise<T>): Promise<T> {
    const parts = pathParts(path);
    if (parts instanceof QuorateError) throw parts;
    try {
      return await work(join(this.#root, ...parts));
    } catch (error) {
      throw this.#failed(doing, path, error);
    }
  }

  async #makeDirectory(at: string, path: string): Promise<void> {
    const first = await fs.promises.mkdir(at, { recursive: true, mode: 0o700 });
    if (first === undefined) return;
    // Each new directory's name stands in the one above it, up to the first that was there before.
    for (let made = at; ; made = join(made, '..')) {
      await this.#syncDirectory(join(made, '..'), path);
      if (made.length <= first.length) return;
    }
  }

  async #writeAtomically(at: string, path: string, content: Uint8Array): Promise<void> {
    const temporary = `${at}.tmp`;
    try {
      const handle = await fs.promises.open(temporary, 'w', 0o600);
      try {
        const { bytesWritten } = await handle.write(content, 0, content.length, 0);
        if (bytesWritten !== content.length) {
          throw new QuorateError(
            'short-write',
            `writing ${path}: ${bytesWritten} of ${content.length} bytes were written`,
            { details: { path, wanted: content.length, written: bytesWritten } },
          );
        }
        await synced(path, handle.datasync());
      } finally {
        await handle.close();
      }
      await this.#move(temporary, at);
    } catch (error) {
      await fs.promises.unlink(temporary).catch(() => {});
      throw error;
    }
    await this.#syncDirectory(join(at, '..'), path);
  }

  async #rename(at: string, from: string, to: string): Promise<void> {
    const target = join(this.#root, to);
    const [source, replaced] = await Promise.all([
      fs.promises.lstat(at),
      fs.promises.lstat(target).catch(() => undefined),
    ]);
    if (replaced !== undefined && from !== to) {
      if (source.isDirectory() || replaced.isDirectory()) {
        throw new QuorateError('file-exists', `renaming ${from}: there is already ${to}`, {
          details: { path: from, to },
        });
      }
    }
    await this.#move(at, target);
  }

  async #move(from: string, to: string): Promise<void> {
    const { renameRetryMsMax, inUseErrors } = this.#profile;
    for (let waitedMs = 0; ; waitedMs += renamePauseMs) {
      try {
        return await fs.promises.rename(from, to);
      } catch (error) {
        if (waitedMs >= renameRetryMsMax || !inUseErrors.includes(systemCode(error))) throw error;
        await sleep(renamePauseMs);
      }
    }
  }

  async #syncDirectory(at: string, path: string): Promise<void> {
    if (!this.#profile.syncsDirectories) {
      // Still tell when it is not there, as elsewhere.
      await fs.promises.access(at);
      return;
    }
    const handle = await fs.promises.open(at, O_RDONLY);
    try {
      await synced(parentPath(path), handle.sync());
    } finally {
      await handle.close();
    }
  }

  #openDurable(at: string, mode: OpenMode): number {
    const { durableWriteFlag } = this.#profile;
    if (durableWriteFlag === null || mode === 'read') return -1;
    return fs.openSync(at, O_RDWR | durableWriteFlag);
  }

  #failed(doing: string, path: string, error: unknown): QuorateError {
    return diskError(error, { doing, path, inUse: this.#profile.inUseErrors });
  }
}

function tooLarge(path: string, size: number, bytesMax: number): QuorateError {
  return new QuorateError('file-too-large', `reading ${path}: ${size} bytes, at most ${bytesMax}`, {
    details: { path, size, bytesMax },
  });
}

async function synced(path: string, sync: Promise<void>): Promise<void> {
  try {
    await sync;
  } catch (error) {
    throw syncError(error, path);
  }
}

/** Answers outside the promise, so that what the callback throws is not taken for a rejection. */
function settle<T>(answer: Answer<T>, promise: Promise<T>): void {
  promise.then(
    (value) => process.nextTick(answer, value),
    (error: QuorateError) => process.nextTick(answer, error),
  );
}

function finish(done: Done, promise: Promise<void>): void {
  promise.then(
    () => process.nextTick(done, null),
    (error: QuorateError) => process.nextTick(done, error),
  );
}
