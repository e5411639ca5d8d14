/**
 * Reads a snapshot piece by piece, one at a time, when its owner asks: to load the state, or to
 * send the pieces on as they are. Never more than a piece is in memory, and the owner sets the
 * pace.
 */
import { assert } from '../../base/assert.ts';
import { QuorateError } from '../../base/errors.ts';
import type { DiskRequests } from './disk-requests.ts';
import { SnapshotChain } from './snapshot-chain.ts';
import {
  decodePiece,
  type PieceKind,
  pieceBytesMax,
  pieceHeadBytes,
  type SnapshotFacts,
  snapshotDamaged,
} from './snapshot-format.ts';

export interface ReadPiece {
  readonly kind: PieceKind;
  /** Where the piece begins in the file. */
  readonly offset: number;
  /** As it lies on disk, to be sent. */
  readonly bytes: Uint8Array;
  /** What is in it: for a `chunk`, state. */
  readonly content: Uint8Array;
}

export class SnapshotReader {
  readonly #disk: DiskRequests;
  readonly #path: string;
  /** Undefined where reading began in the midst: then each piece is checked by itself only. */
  readonly #chain: SnapshotChain | undefined;
  #offset: number;
  #reading = false;
  /** The last piece has been read. */
  ended = false;

  /** @param offset where a piece begins: what a receiver has already. */
  constructor(disk: DiskRequests, path: string, offset = 0) {
    this.#disk = disk;
    this.#path = path;
    this.#offset = offset;
    this.#chain = offset === 0 ? new SnapshotChain(path) : undefined;
  }

  /** Known after the first piece, where reading began with it. */
  get facts(): SnapshotFacts | undefined {
    return this.#chain?.facts;
  }

  /**
   * The next piece. One at a time, and none after the end. `snapshot-damaged`, `format-too-new`,
   * or what the disk failed with.
   */
  next(then: (piece: ReadPiece | QuorateError) => void): void {
    assert(!this.#reading && !this.ended, 'a snapshot is read where nothing is to be read');
    this.#reading = true;
    const offset = this.#offset;
    const lengthBytes = pieceHeadBytes + pieceBytesMax;
    const read = { type: 'read' as const, path: this.#path, position: offset, lengthBytes };
    this.#disk.bytes(read, (bytes) => {
      this.#reading = false;
      if (bytes instanceof QuorateError) return then(bytes);
      const piece = this.#chain === undefined ? decodePiece(bytes) : this.#chain.take(bytes);
      if (piece === undefined) {
        return then(snapshotDamaged(this.#path, offset, 'a piece is not whole'));
      }
      if (piece instanceof QuorateError) return then(piece);
      this.#offset += piece.totalBytes;
      this.ended = piece.kind === 'end';
      const { kind, content, totalBytes } = piece;
      then({ kind, offset, content, bytes: bytes.subarray(0, totalBytes) });
    });
  }

  /** Lets go of the file. */
  close(): void {
    this.#disk.run({ type: 'close', path: this.#path }, () => {});
  }
}
