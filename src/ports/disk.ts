/**
 * Disk: one directory tree that belongs to a member, and files in it. This port carries rule 6 of
 * reliability.md (nothing is acknowledged before its fsync is done) and rule 17 (recover, or
 * refuse with a named error), so it promises little, and says what it does not promise:
 *
 * - A write that is done may still be lost, wholly or in any part, until a sync that was begun
 *   after it is done. Until then it may also be torn: some sectors new, some old.
 * - A file that was created, renamed or removed may appear as before after a power loss until its
 *   directory was synced ({@link Disk.syncDirectory}). Content and name are synced apart.
 * - After a failed sync the content of the file on disk is unknown, and another sync that succeeds
 *   proves nothing (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020).
 *   The member must stop.
 * - A write that stored fewer bytes than it was given (a full disk does that without an error) is
 *   reported as `short-write`.
 *
 * Paths are relative to the root, parts are separated by `/`, the root itself is the empty string.
 * A part is 1 … 200 of the characters `a–z A–Z 0–9 . _ -`, and neither `.` nor `..`, so that a path
 * means the same on every system and never leaves the root; two names that differ only in case
 * must not be used in one directory. Any other path is `invalid-config`.
 *
 * Every operation may fail with `disk-failed` (an I/O error), `permission-denied` or
 * `too-many-files`; further codes are named at each one. `details` holds `path`, and `system`,
 * the platform's own name of the error (`EIO`).
 */
import type { Answer, Done } from './callbacks.ts';

/** The longest part of a path, in characters; leaves room for the suffix of a temporary file. */
export const nameCharactersMax = 200;

/** The most bytes that one read or write may carry. */
export const transferBytesMax = 2 ** 30;

/** The largest file: positions and sizes stay exact whole numbers. */
export const fileBytesMax = 2 ** 52;

/**
 * How {@link Disk.open} opens. `read`: an existing file, reading only. `write`: an existing file,
 * reading and writing. `create`: a new file, reading and writing, refused when there is one.
 */
export type OpenMode = 'read' | 'write' | 'create';

/** What {@link Disk.stat} tells. */
export interface FileFacts {
  readonly kind: 'file' | 'directory';
  /** The file's length; 0 for a directory. */
  readonly sizeBytes: number;
}

/** How much a volume holds. */
export interface Space {
  /** Bytes that this process may still allocate. */
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** One directory tree. All its files and directories are readable by their owner only. */
export interface Disk {
  /**
   * Makes a directory and those above it, and makes them durable where the platform can.
   * It is no error when it is already there.
   */
  makeDirectory(path: string, done: Done): void;
  /** The names in a directory, in the order of their UTF-16 units. `file-not-found`. */
  list(path: string, answer: Answer<readonly string[]>): void;
  /** `file-not-found`. */
  stat(path: string, answer: Answer<FileFacts>): void;
  /**
   * Opens a file. `file-not-found` (also when it is a directory); `file-exists` (mode `create`); `disk-full` (mode `create`).
   * A created file's name is durable only after its directory was synced.
   */
  open(path: string, mode: OpenMode, answer: Answer<DiskFile>): void;
  /** All of a small file. `file-not-found`; `file-too-large` beyond `bytesMax`. */
  readWhole(path: string, bytesMax: number, answer: Answer<Uint8Array>): void;
  /**
   * Replaces a small file as a whole: a temporary file beside it (its name with `.tmp` after it)
   * is written, synced and renamed over it, and the directory synced. After a crash there is
   * either the old content or the new; once done, the new. Two calls for one path must not overlap.
   * `disk-full`, `short-write`: the old content stands. `disk-sync-failed`: either may stand.
   */
  writeAtomically(path: string, content: Uint8Array, done: Done): void;
  /**
   * Gives a file or directory another name in the same directory (else `invalid-config`). A file
   * that has that name is replaced by a file. `file-not-found`; `file-exists` (a directory has that
   * name, or a directory would replace a file); `file-in-use` (on Windows, when either is open).
   * Not durable before the directory is synced.
   */
  rename(from: string, to: string, done: Done): void;
  /**
   * Removes a file or an empty directory. `file-not-found`; `directory-not-empty`; `file-in-use`
   * (on Windows, when it is open). Not durable before the directory is synced.
   */
  remove(path: string, done: Done): void;
  /**
   * Makes the names in a directory durable as they are now. Does nothing where the platform has no
   * such thing (Windows: names become durable in order, at the latest with the next file synced).
   * `file-not-found`, `disk-sync-failed`.
   */
  syncDirectory(path: string, done: Done): void;
  /** Space on the volume of the root, for the reserve that lets a full member still compact. */
  space(answer: Answer<Space>): void;
  /**
   * Takes a directory for this process alone, until it is released or the process ends, however
   * it ends: also by SIGKILL, also when its process id is then used by another.
   * `directory-locked` when another process, or this one, has it; `file-not-found`.
   */
  lock(path: string, answer: Answer<DirectoryLock>): void;
}

/** A directory held by this process. */
export interface DirectoryLock {
  /** Lets others have it. To be called once. */
  release(done: Done): void;
}

/**
 * An open file. Operations may overlap: each carries its own position. What overlapping writes to
 * the same bytes leave there is unknown; a sync covers the writes that were done when it began.
 * Buffers given to a write must not change until it is done. No operation may follow `close`, and
 * `close` must wait until the others are done.
 */
export interface DiskFile {
  readonly path: string;
  /**
   * Writes the buffers one after the other from `position` on; beyond the end the file grows, and
   * what is skipped reads as zeros. `disk-full`, `short-write`: some of the bytes may be there.
   */
  write(buffers: readonly Uint8Array[], position: number, done: Done): void;
  /**
   * {@link write} that is done when these bytes are durable, with the size if that is needed to
   * read them back: what the log does for every batch. It costs one round trip to the disk's
   * threads where the platform can do it in one. What other writes left unsynced stays unsynced.
   * `disk-full`, `short-write`: nothing of it counts as durable. `disk-sync-failed`: the member
   * must stop.
   */
  writeAndSync(buffers: readonly Uint8Array[], position: number, done: Done): void;
  /**
   * Makes everything written so far durable, with the size if that is needed to read it back, but
   * not the file's name. `disk-sync-failed`: see above; the member must stop.
   */
  sync(done: Done): void;
  /**
   * Makes the file at least `sizeBytes` long with zeros that are really allocated, durably, so
   * that later writes inside need no new space and their syncs no change of metadata: twice as
   * fast, and never `disk-full`. `disk-full` (the file's size is then unknown), `short-write`,
   * `disk-sync-failed`.
   */
  preallocate(sizeBytes: number, done: Done): void;
  /** Reads up to `into.length` bytes; answers how many there were: fewer only at the end. */
  read(into: Uint8Array, position: number, answer: Answer<number>): void;
  /** Cuts or extends with zeros, which need not be allocated. Not durable before a sync. */
  truncate(sizeBytes: number, done: Done): void;
  size(answer: Answer<number>): void;
  close(done: Done): void;
}
