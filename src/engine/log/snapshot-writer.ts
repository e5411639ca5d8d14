/** Makes a snapshot file of this member's own state, as fast as its owner gives the state. */
import type { QuorateError } from '../../base/errors.ts';
import type { DiskRequests } from './disk-requests.ts';
import { SnapshotFileWriter } from './snapshot-file-writer.ts';
import {
  encodeEnd,
  encodeFacts,
  encodePiece,
  pieceBytesMax,
  pieceChecksum,
  type SnapshotFacts,
  snapshotPath,
} from './snapshot-format.ts';

export class SnapshotWriter {
  readonly facts: SnapshotFacts;
  readonly #file: SnapshotFileWriter;
  #checksum = 0;
  #pieces = 0;
  #stateBytes = 0;

  constructor(disk: DiskRequests, facts: SnapshotFacts) {
    this.facts = facts;
    const path = snapshotPath(facts.group, facts.index);
    this.#file = new SnapshotFileWriter(disk, { temporary: `${path}.tmp`, path });
    this.#add(encodeFacts(facts));
  }

  /** Whether {@link write} may be called: not too much waits for the disk. */
  get ready(): boolean {
    return this.#file.ready;
  }

  get failed(): QuorateError | undefined {
    return this.#file.failed;
  }

  /** The next part of what the engine keeps, of any length; it is copied. */
  writeEngine(part: Uint8Array): void {
    for (let at = 0; at < part.length; at += pieceBytesMax) {
      this.#add(encodePiece('engine', part.subarray(at, at + pieceBytesMax), this.#checksum));
    }
  }

  /** The next part of the machine's state, of any length; it is copied. */
  write(state: Uint8Array): void {
    for (let at = 0; at < state.length; at += pieceBytesMax) {
      const part = state.subarray(at, at + pieceBytesMax);
      this.#stateBytes += part.length;
      this.#add(encodePiece('chunk', part, this.#checksum));
    }
  }

  /**
   * The state is complete: `then` is called when the snapshot is durable under its name, or with
   * why it is not: `disk-full`, `short-write` (nothing of it stays), `disk-failed`,
   * `disk-sync-failed` (the member must stop).
   */
  finish(then: (error: QuorateError | null) => void): void {
    const totals = { pieces: this.#pieces, stateBytes: this.#stateBytes };
    this.#add(encodeEnd(totals, this.#checksum));
    this.#file.finish(then);
  }

  /** Gives it up. */
  abandon(then?: () => void): void {
    this.#file.abandon(then);
  }

  #add(piece: Uint8Array): void {
    this.#checksum = pieceChecksum(piece);
    this.#pieces++;
    this.#file.append(piece);
  }
}
