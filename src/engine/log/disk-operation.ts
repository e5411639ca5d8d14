/**
 * What the engine wants done on the disk, as data: a driver carries it out through the Disk port and
 * reports back. Paths are the port's. Operations that are out at the same time may run in any order
 * and side by side: whoever asks waits for one before asking for what must come after it.
 *
 * A driver keeps files open between operations, by path, and closes what it wants when it is idle;
 * before `rename` and `remove` it closes the files concerned, as Windows demands.
 */
import type { QuorateError } from '../../base/errors.ts';
import type { FileFacts, Space } from '../../ports/disk.ts';

/** Each kind of operation, and what it needs to be told. */
export type DiskTask =
  /** With those above it. Answers nothing. */
  | { readonly type: 'make-directory'; readonly path: string }
  /** Answers the names in it. */
  | { readonly type: 'list'; readonly path: string }
  /** Answers a file's facts. */
  | { readonly type: 'stat'; readonly path: string }
  /** Answers the bytes of a small file. */
  | { readonly type: 'read-whole'; readonly path: string; readonly bytesMax: number }
  | { readonly type: 'write-atomically'; readonly path: string; readonly content: Uint8Array }
  /**
   * Makes a new file; with `sizeBytes` above 0 it is preallocated and synced. The name is not
   * durable before the directory is synced. A file of that name is removed first.
   */
  | { readonly type: 'create'; readonly path: string; readonly sizeBytes: number }
  /** `sync`: done only when these bytes are durable; what else is unsynced stays so. */
  | {
      readonly type: 'write';
      readonly path: string;
      readonly position: number;
      readonly buffers: readonly Uint8Array[];
      readonly sync: boolean;
    }
  /** Everything written to the file so far becomes durable. */
  | { readonly type: 'sync'; readonly path: string }
  /** Answers the bytes: fewer than asked for only at the end of the file. */
  | {
      readonly type: 'read';
      readonly path: string;
      readonly position: number;
      readonly lengthBytes: number;
    }
  | { readonly type: 'truncate'; readonly path: string; readonly sizeBytes: number }
  /** The file will not be needed soon. */
  | { readonly type: 'close'; readonly path: string }
  | { readonly type: 'rename'; readonly from: string; readonly to: string }
  | { readonly type: 'remove'; readonly path: string }
  | { readonly type: 'sync-directory'; readonly path: string }
  /** Answers how much space there is on the volume. */
  | { readonly type: 'space' };

/** A task with the number by which its end is reported. */
export interface DiskOperation {
  readonly id: number;
  readonly task: DiskTask;
}

/** What an operation gave; `null` for those that answer nothing. */
export type DiskAnswer = null | Uint8Array | readonly string[] | FileFacts | Space;

/** How an operation ended. */
export type DiskResult = DiskAnswer | QuorateError;
