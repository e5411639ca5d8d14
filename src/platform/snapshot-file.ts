/** For commands that work on files while no member runs: a file that is read anywhere, a new directory. */
import fs from 'node:fs';
import path from 'node:path';
import { QuorateError } from '../base/errors.ts';
import { diskError } from './system-errors.ts';

/** An open file. Reading is synchronous: nothing else goes on. */
export class SnapshotFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly #descriptor: number;

  /** @throws QuorateError `file-not-found`, `permission-denied`, `disk-failed` */
  constructor(file: string) {
    this.path = file;
    try {
      this.#descriptor = fs.openSync(file, 'r');
      this.sizeBytes = fs.fstatSync(this.#descriptor).size;
    } catch (error) {
      throw diskError(error, { doing: 'opening', path: file });
    }
  }

  read(position: number, bytes: number): Uint8Array {
    const buffer = new Uint8Array(bytes);
    for (let filled = 0; filled < bytes; ) {
      let taken: number;
      try {
        taken = fs.readSync(this.#descriptor, buffer, filled, bytes - filled, position + filled);
      } catch (error) {
        throw diskError(error, { doing: 'reading', path: this.path });
      }
      if (taken === 0) throw new QuorateError('snapshot-damaged', `${this.path} ends early`);
      filled += taken;
    }
    return buffer;
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }
}

/**
 * Fills a directory beside the one that is wanted, and gives it its name when it is whole: there is
 * never half of it. Readable by this user only.
 *
 * @throws QuorateError `file-exists`, what `fill` throws, or what the disk failed with
 */
export async function makeDirectoryWhole<T>(
  directory: string,
  fill: (path: string) => Promise<T>,
): Promise<T> {
  const wanted = path.resolve(directory);
  if (fs.existsSync(wanted)) {
    throw new QuorateError('file-exists', `there is a directory ${directory} already`);
  }
  let partial: string | undefined;
  try {
    fs.mkdirSync(path.dirname(wanted), { recursive: true });
    partial = fs.mkdtempSync(`${wanted}.part-`);
    fs.chmodSync(partial, 0o700);
    const filled = await fill(partial);
    fs.renameSync(partial, wanted);
    syncDirectory(path.dirname(wanted));
    return filled;
  } catch (error) {
    if (partial !== undefined) fs.rmSync(partial, { recursive: true, force: true });
    // What is no error of the system's, such as a failed assertion, stays what it is.
    const isSystem = error instanceof Error && 'syscall' in error;
    throw isSystem ? diskError(error, { doing: 'making', path: directory }) : error;
  }
}

/**
 * Writes a file beside the one that is wanted, and gives it its name when it is whole and durable;
 * one of that name is replaced. Readable by this user only.
 *
 * @throws QuorateError what `fill` throws, or what the disk failed with
 */
export async function writeFileWhole<T>(
  file: string,
  fill: (write: (bytes: Uint8Array) => Promise<void>) => Promise<T>,
): Promise<T> {
  const wanted = path.resolve(file);
  const partial = `${wanted}.${process.pid}.part`;
  let handle: fs.promises.FileHandle | undefined;
  try {
    handle = await fs.promises.open(partial, 'wx', 0o600);
    const open = handle;
    const filled = await fill((bytes) => fs.promises.writeFile(open, bytes));
    await handle.sync();
    await handle.close();
    await fs.promises.rename(partial, wanted);
    syncDirectory(path.dirname(wanted));
    return filled;
  } catch (error) {
    await handle?.close().catch(() => {});
    if (handle !== undefined) await fs.promises.rm(partial, { force: true });
    const isSystem = error instanceof Error && 'syscall' in error;
    throw isSystem ? diskError(error, { doing: 'writing', path: file }) : error;
  }
}

function syncDirectory(directory: string): void {
  const descriptor = fs.openSync(directory, 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}
