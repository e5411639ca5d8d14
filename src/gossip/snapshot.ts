/**
 * What an agent keeps on disk so that after a restart it finds its cluster again: the members that
 * it knew, its last incarnation number, and its Lamport times, so that old events stay old.
 *
 * One small file, always replaced as a whole (written beside, synced, renamed), so that a crash
 * leaves the old state or the new, and nothing has to be compacted. Writes are gathered: a change
 * is on disk at the latest `writeIntervalMs` after it, and a close writes at once. Losing the last
 * moments costs nothing but a slower rejoin.
 *
 * Form: a line that names the form, a line with the CRC32C of the rest in hexadecimal, then JSON.
 * A file that does not fit is refused by name, never half believed.
 */
import { crc32c } from '../base/crc32c.ts';
import { QuorateError } from '../base/errors.ts';
import type { Cancel } from '../ports/callbacks.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import type { Address, LamportTimes } from '../swim/api.ts';

const formLine = 'quorate gossip snapshot 1';

/** The largest file read: a hundred thousand members and more. */
const fileBytesMax = 32 * 1024 * 1024;

const writeIntervalMs = 500;

/** What is kept. */
export interface Snapshot {
  /** The member's own name; another one's snapshot is not taken. */
  readonly name: string;
  readonly incarnation: number;
  readonly lamportTimes: LamportTimes;
  /** The other members that were alive. */
  readonly members: readonly { readonly name: string; readonly address: Address }[];
  /** Whether the member has left gracefully; then it does not rejoin by itself. */
  readonly left: boolean;
}

/** Turns a snapshot into the file's content. */
export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  const body = new TextEncoder().encode(JSON.stringify(snapshot));
  const checksum = crc32c(body).toString(16).padStart(8, '0');
  const head = new TextEncoder().encode(`${formLine}\n${checksum}\n`);
  const content = new Uint8Array(head.length + body.length);
  content.set(head);
  content.set(body, head.length);
  return content;
}

/** Reads a file's content. Throws `gossip-snapshot-damaged`. */
export function decodeSnapshot(content: Uint8Array): Snapshot {
  const headBytes = formLine.length + 1 + 8 + 1;
  const head = new TextDecoder().decode(content.subarray(0, headBytes));
  const body = content.subarray(headBytes);
  const [form, checksum] = head.split('\n');
  if (form !== formLine) {
    throw new QuorateError('gossip-snapshot-damaged', `the file does not begin with "${formLine}"`);
  }
  if (checksum !== crc32c(body).toString(16).padStart(8, '0')) {
    throw new QuorateError('gossip-snapshot-damaged', 'the checksum does not fit the content');
  }
  const parsed: unknown = JSON.parse(new TextDecoder().decode(body));
  // The checksum has held: these are the bytes that encodeSnapshot wrote for this form.
  return parsed as Snapshot;
}

/** Reads the snapshot, or undefined if there is no file. */
export function readSnapshot(disk: Disk, path: string): Promise<Snapshot | undefined> {
  return new Promise((resolve, reject) => {
    disk.readWhole(path, fileBytesMax, (answer) => {
      if (answer instanceof Uint8Array) {
        try {
          resolve(decodeSnapshot(answer));
        } catch (error) {
          reject(error);
        }
      } else if (answer.code === 'file-not-found') resolve(undefined);
      else reject(answer);
    });
  });
}

/** What a {@link SnapshotWriter} needs. */
export interface SnapshotWriterOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly path: string;
  /** The state to be written, asked for at the moment of writing. */
  readonly current: () => Snapshot;
  /** A write failed; the next change tries again. */
  readonly failed: (error: QuorateError) => void;
}

/** Keeps the file up to date. */
export class SnapshotWriter {
  readonly #options: SnapshotWriterOptions;
  #timer: Cancel | undefined;
  #writing: Promise<void> | undefined;
  #changedWhileWriting = false;
  #closed = false;

  constructor(options: SnapshotWriterOptions) {
    this.#options = options;
  }

  /** Something has changed: it will be written soon. */
  changed(): void {
    if (this.#closed) return;
    if (this.#writing !== undefined) {
      this.#changedWhileWriting = true;
      return;
    }
    this.#timer ??= this.#options.clock.after(writeIntervalMs, () => {
      this.#timer = undefined;
      void this.#write();
    });
  }

  /** Writes the last state and stops. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.();
    await this.#writing;
    await this.#write();
  }

  async #write(): Promise<void> {
    const { disk, path, current, failed } = this.#options;
    this.#writing = new Promise((resolve) => {
      disk.writeAtomically(path, encodeSnapshot(current()), (error) => {
        if (error !== null) failed(error);
        resolve();
      });
    });
    await this.#writing;
    this.#writing = undefined;
    if (this.#changedWhileWriting) {
      this.#changedWhileWriting = false;
      this.changed();
    }
  }
}
