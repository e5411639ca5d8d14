/**
 * Writes a snapshot's pieces into a file under another name, in order, and at the end makes it
 * durable and gives it its own: what has the name is complete. It syncs now and then on the way, so
 * that the sync at the end does not hold the log's syncs up.
 */
import { assert } from '../../base/assert.ts';
import type { QuorateError } from '../../base/errors.ts';
import type { DiskRequests } from './disk-requests.ts';
import { snapshotDirectory } from './snapshot-format.ts';

/** Pieces that wait for the disk, at most: more must not be given until some are written. */
export const waitingBytesMax = 2 ** 20;

const syncEveryBytes = 4 * 2 ** 20;

export class SnapshotFileWriter {
  readonly #disk: DiskRequests;
  readonly #temporary: string;
  readonly #path: string;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #busy = true;
  #unsyncedBytes = 0;
  #finishing: ((error: QuorateError | null) => void) | undefined;
  #abandoned = false;
  /** Bytes of the file that are written: where to go on. */
  writtenBytes = 0;
  failed: QuorateError | undefined;

  /** Begins the file; one of that name is replaced. */
  constructor(disk: DiskRequests, paths: { readonly temporary: string; readonly path: string }) {
    this.#disk = disk;
    this.#temporary = paths.temporary;
    this.#path = paths.path;
    this.#disk.run({ type: 'create', path: this.#temporary, sizeBytes: 0 }, (error) => {
      this.#busy = false;
      this.#continue(error);
    });
  }

  /** Whether more may be given now. */
  get ready(): boolean {
    return this.#waitingBytes < waitingBytesMax && this.failed === undefined;
  }

  /** Appends bytes, which must not change any more. */
  append(bytes: Uint8Array): void {
    assert(this.#finishing === undefined, 'something is written behind the end of a snapshot');
    if (this.failed !== undefined) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#write();
  }

  /** All is given: makes it durable under its own name. On failure nothing of it stays. */
  finish(then: (error: QuorateError | null) => void): void {
    this.#finishing = then;
    if (!this.#busy) this.#continue(this.failed ?? null);
  }

  /** Gives the file up; nothing more may be given. `then` is called when it is gone. */
  abandon(then: () => void = () => {}): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#abandoned = true;
    this.#finishing = then;
    if (!this.#busy) this.#continue(null);
  }

  #write(): void {
    if (this.#busy || this.#waiting.length === 0) return;
    const buffers = this.#waiting;
    const bytes = this.#waitingBytes;
    this.#waiting = [];
    this.#busy = true;
    const position = this.writtenBytes;
    const path = this.#temporary;
    this.#disk.run({ type: 'write', path, position, buffers, sync: false }, (error) => {
      this.#busy = false;
      this.#waitingBytes = Math.max(0, this.#waitingBytes - bytes);
      if (error === null) this.writtenBytes += bytes;
      this.#unsyncedBytes += bytes;
      this.#continue(error);
    });
  }

  #continue(error: QuorateError | null): void {
    if (error !== null) this.failed ??= error;
    if (this.failed !== undefined || this.#abandoned) {
      this.#waiting = [];
      this.#waitingBytes = 0;
      return this.#end(this.failed ?? null);
    }
    if (this.#unsyncedBytes >= syncEveryBytes) return this.#sync();
    this.#write();
    if (!this.#busy && this.#finishing !== undefined) this.#publish();
  }

  #sync(): void {
    this.#busy = true;
    this.#unsyncedBytes = 0;
    this.#disk.run({ type: 'sync', path: this.#temporary }, (error) => {
      this.#busy = false;
      this.#continue(error);
    });
  }

  #publish(): void {
    this.#busy = true;
    const tasks = [
      { type: 'sync' as const, path: this.#temporary },
      { type: 'rename' as const, from: this.#temporary, to: this.#path },
      { type: 'sync-directory' as const, path: snapshotDirectory },
    ];
    this.#disk.inOrder(tasks, (error) => {
      if (error !== null) this.failed ??= error;
      this.#end(error);
    });
  }

  #end(error: QuorateError | null): void {
    const finishing = this.#finishing;
    if (finishing === undefined) return;
    this.#finishing = undefined;
    if (error === null && !this.#abandoned) return finishing(null);
    this.#disk.run({ type: 'remove', path: this.#temporary }, () => finishing(error));
  }
}
