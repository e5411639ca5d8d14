/**
 * Takes a snapshot from another member, piece by piece as it lies on the other's disk. Each piece
 * is checked before it is written, so whatever has been taken is good, and a broken connection
 * costs only the piece that was on its way: {@link SnapshotReceiver.goodBytes} says where to go on.
 */
import { QuorateError } from '../../base/errors.ts';
import type { DiskRequests } from './disk-requests.ts';
import { SnapshotChain } from './snapshot-chain.ts';
import { SnapshotFileWriter } from './snapshot-file-writer.ts';
import { type SnapshotFacts, snapshotDamaged, snapshotPath } from './snapshot-format.ts';

/** Which snapshot is expected. */
export type ExpectedSnapshot = Pick<SnapshotFacts, 'clusterId' | 'group' | 'index' | 'term'>;

export class SnapshotReceiver {
  readonly expected: ExpectedSnapshot;
  readonly #path: string;
  readonly #file: SnapshotFileWriter;
  readonly #chain: SnapshotChain;

  constructor(disk: DiskRequests, expected: ExpectedSnapshot) {
    this.expected = expected;
    this.#path = snapshotPath(expected.group, expected.index);
    const temporary = `${this.#path}.part`;
    this.#file = new SnapshotFileWriter(disk, { temporary, path: this.#path });
    this.#chain = new SnapshotChain(temporary);
  }

  /** The offset that the next piece must have: all before it was taken. */
  get goodBytes(): number {
    return this.#chain.offset;
  }

  /** Whether {@link take} may be called: not too much waits for the disk. */
  get ready(): boolean {
    return this.#file.ready;
  }

  /** Everything has come: {@link finish} it. */
  get complete(): boolean {
    return this.#chain.complete;
  }

  /** Known after the first piece. */
  get facts(): SnapshotFacts | undefined {
    return this.#chain.facts;
  }

  get failed(): QuorateError | undefined {
    return this.#file.failed;
  }

  /**
   * Takes the piece at `offset`, which is not copied. One that was taken before (sent again after a
   * broken connection) changes nothing. `snapshot-damaged`: not the piece that must come; it may
   * be asked for once more.
   */
  take(offset: number, piece: Uint8Array): QuorateError | null {
    if (offset < this.goodBytes) return null;
    if (offset > this.goodBytes) {
      return snapshotDamaged(this.#path, this.goodBytes, `byte ${offset} came instead`);
    }
    // A header of another snapshot is whole as well: looked at before it counts.
    if (offset === 0) {
      const wrong = this.#wrongHeader(piece);
      if (wrong !== null) return wrong;
    }
    const taken = this.#chain.take(piece);
    if (taken instanceof QuorateError) return taken;
    this.#file.append(
      piece.length === taken.totalBytes ? piece : piece.subarray(0, taken.totalBytes),
    );
    return null;
  }

  /** Makes it durable under its name; see `SnapshotWriter.finish`. */
  finish(then: (error: QuorateError | null) => void): void {
    this.#file.finish(then);
  }

  /** Gives it up. */
  abandon(then?: () => void): void {
    this.#file.abandon(then);
  }

  #wrongHeader(piece: Uint8Array): QuorateError | null {
    const trial = new SnapshotChain(this.#path);
    const taken = trial.take(piece);
    if (taken instanceof QuorateError) return taken;
    const { clusterId, group, index, term } = trial.facts!;
    const { expected } = this;
    const same =
      clusterId === expected.clusterId &&
      group === expected.group &&
      index === expected.index &&
      term === expected.term;
    return same ? null : snapshotDamaged(this.#path, 0, 'it is the header of another snapshot');
  }
}
