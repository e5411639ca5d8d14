/**
 * Follows the pieces of a snapshot from the first to the last, whoever brings them: each must be
 * whole, of a kind that may come now, and continue the one before.
 */
import { QuorateError } from '../../base/errors.ts';
import {
  decodeEnd,
  decodeFacts,
  decodePiece,
  type Piece,
  type SnapshotFacts,
  snapshotDamaged,
} from './snapshot-format.ts';

export class SnapshotChain {
  readonly #path: string;
  #checksum = 0;
  #pieces = 0;
  #stateBytes = 0;
  /** Where the next piece begins. */
  offset = 0;
  /** Known after the first piece. */
  facts: SnapshotFacts | undefined;
  /** The end has come. */
  complete = false;

  /** @param path what errors name. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Takes the next piece, which begins `bytes`; an error changes nothing. `snapshot-damaged`. */
  take(bytes: Uint8Array): Piece | QuorateError {
    const piece = decodePiece(bytes);
    if (piece === undefined) return this.#damaged('a piece is not whole');
    if (this.complete) return this.#damaged('something follows the end');
    if (piece.checksumBefore !== this.#checksum) return this.#damaged('a piece is out of place');
    if ((piece.kind === 'header') !== (this.#pieces === 0))
      return this.#damaged('pieces are mixed');
    try {
      if (piece.kind === 'header') this.facts = decodeFacts(piece, this.#path);
      if (piece.kind === 'end' && !this.#ends(piece)) return this.#damaged('pieces are missing');
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      return error.code === 'malformed-message' ? this.#damaged(error.message) : error;
    }
    this.#checksum = piece.checksum;
    this.#pieces++;
    if (piece.kind === 'chunk') this.#stateBytes += piece.content.length;
    this.complete = piece.kind === 'end';
    this.offset += piece.totalBytes;
    return piece;
  }

  #ends(piece: Piece): boolean {
    const { pieces, stateBytes } = decodeEnd(piece);
    return pieces === this.#pieces && stateBytes === this.#stateBytes;
  }

  #damaged(what: string): QuorateError {
    return snapshotDamaged(this.#path, this.offset, what);
  }
}
