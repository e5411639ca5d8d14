/** Snapshots on disk: written chunk by chunk, read back block by block, tidied up. */
import { QuorateError } from '../base/errors.ts';
import type { DiskRequests } from './log/disk-requests.ts';
import type { GroupId } from './log/log-write.ts';
import {
  encodeSnapshotHead,
  parseSnapshotName,
  SNAPSHOT_DIRECTORY,
  type SnapshotHead,
  SnapshotParser,
  snapshotFrame,
  snapshotPath,
} from './snapshot-format.ts';

const READ_BLOCK_BYTES = 2 ** 18;

type Then = (error: QuorateError | null) => void;

export class SnapshotFiles {
  readonly #disk: DiskRequests;
  /** The indexes of each group's snapshots, ascending. */
  readonly #indexes = new Map<GroupId, number[]>();

  constructor(disk: DiskRequests) {
    this.#disk = disk;
  }

  /** Finds what is there, and removes what was never finished. */
  find(then: Then): void {
    this.#disk.run({ type: 'make-directory', path: SNAPSHOT_DIRECTORY }, (error) => {
      if (error !== null) return then(error);
      this.#disk.names(SNAPSHOT_DIRECTORY, (names) => {
        if (names instanceof QuorateError) return then(names);
        const unfinished = names.filter((name) => !this.#note(name));
        const tasks = unfinished.map((name) => {
          return { type: 'remove', path: `${SNAPSHOT_DIRECTORY}/${name}` } as const;
        });
        this.#disk.inOrder(tasks, then);
      });
    });
  }

  #note(name: string): boolean {
    const found = parseSnapshotName(name);
    if (found === undefined) return false;
    this.#add(found.group, found.index);
    return true;
  }

  /** The group's snapshots, the newest first. */
  indexes(group: GroupId): readonly number[] {
    return [...(this.#indexes.get(group) ?? [])].reverse();
  }

  /** Writes a machine's chunks as they are asked for: one is on its way at a time. */
  write(head: SnapshotHead, chunks: Iterator<Uint8Array, void>, then: Then): SnapshotWriter {
    return new SnapshotWriter(this.#disk, head, chunks, (error, temporary) => {
      if (error !== null) then(error);
      else this.publish(temporary, head, then);
    });
  }

  /** A file under another name is whole and synced: from now on it is a snapshot. */
  publish(
    temporary: string,
    { group, index }: { group: GroupId; index: number },
    then: Then,
  ): void {
    const tasks = [
      { type: 'rename', from: temporary, to: snapshotPath(group, index) },
      { type: 'sync-directory', path: SNAPSHOT_DIRECTORY },
    ] as const;
    this.#disk.inOrder(tasks, (error) => {
      if (error === null) this.#add(group, index);
      then(error);
    });
  }

  /**
   * Reads a snapshot; `chunk` gets the machine's bytes in order, `then` its head when all was read
   * and found whole.
   */
  read(
    path: string,
    chunk: (bytes: Uint8Array) => void,
    then: (head: SnapshotHead | QuorateError) => void,
  ): void {
    const parser = new SnapshotParser();
    const next = (position: number): void => {
      const block = { type: 'read', path, position, lengthBytes: READ_BLOCK_BYTES } as const;
      this.#disk.bytes(block, (bytes) => {
        if (bytes instanceof QuorateError) return then(bytes);
        try {
          for (const payload of parser.push(bytes)) chunk(payload);
          if (bytes.length === READ_BLOCK_BYTES) return next(position + bytes.length);
          parser.end();
        } catch (error) {
          if (!(error instanceof QuorateError)) throw error;
          return then(error);
        }
        then(parser.head!);
      });
    };
    next(0);
  }

  /** Removes the group's snapshots before `index`: a newer one is durable and nothing needs them. */
  removeBefore(group: GroupId, index: number): void {
    const indexes = this.#indexes.get(group) ?? [];
    this.#indexes.set(
      group,
      indexes.filter((each) => each >= index),
    );
    for (const old of indexes) {
      if (old >= index) continue;
      // What could not be removed now is found, and removed, another time.
      this.#disk.run({ type: 'remove', path: snapshotPath(group, old) }, () => {});
    }
  }

  #add(group: GroupId, index: number): void {
    const indexes = this.#indexes.get(group) ?? [];
    if (!indexes.includes(index)) indexes.push(index);
    indexes.sort((a, b) => a - b);
    this.#indexes.set(group, indexes);
  }
}

/** Writes one snapshot under a temporary name. */
export class SnapshotWriter {
  readonly #disk: DiskRequests;
  readonly #chunks: Iterator<Uint8Array, void>;
  readonly #path: string;
  readonly #then: (error: QuorateError | null, path: string) => void;
  #position = 0;
  #busy = true;
  #done = false;

  constructor(
    disk: DiskRequests,
    head: SnapshotHead,
    chunks: Iterator<Uint8Array, void>,
    then: (error: QuorateError | null, path: string) => void,
  ) {
    this.#disk = disk;
    this.#chunks = chunks;
    this.#then = then;
    this.#path = `${snapshotPath(head.group, head.index)}.new`;
    disk.run({ type: 'create', path: this.#path, sizeBytes: 0 }, (error) => {
      if (error !== null) this.#end(error);
      else this.#write(snapshotFrame(encodeSnapshotHead(head)));
    });
  }

  /** A turn has passed: one more chunk, unless the last one is still being written. */
  turn(): void {
    if (this.#busy || this.#done) return;
    const { done, value } = this.#chunks.next();
    if (done !== true) return this.#write(snapshotFrame(value));
    this.#done = true;
    this.#busy = true;
    const buffers = snapshotFrame(new Uint8Array(0));
    const write = {
      type: 'write',
      path: this.#path,
      position: this.#position,
      buffers,
      sync: false,
    };
    const tasks = [
      write as Extract<Parameters<DiskRequests['run']>[0], { type: 'write' }>,
      { type: 'sync', path: this.#path },
      { type: 'close', path: this.#path },
    ] as const;
    this.#disk.inOrder(tasks, (error) => this.#end(error));
  }

  #write(buffers: readonly Uint8Array[]): void {
    this.#busy = true;
    const position = this.#position;
    for (const { length } of buffers) this.#position += length;
    this.#disk.run({ type: 'write', path: this.#path, position, buffers, sync: false }, (error) => {
      this.#busy = false;
      if (error !== null) this.#end(error);
    });
  }

  #end(error: QuorateError | null): void {
    this.#done = true;
    this.#busy = true;
    this.#then(error, this.#path);
  }
}
