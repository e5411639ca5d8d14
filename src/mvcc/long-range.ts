/**
 * A range over very many keys, read in steps from a state that stays as it was: to read and to put
 * together a hundred thousand keys at once would hold everybody else up for half a second.
 */
import { compareBytes } from '../base/compare-bytes.ts';
import type { StoreSnapshot } from '../ports/store.ts';
import { type IndexPair, walkIndex } from './key-index.ts';
import { roomBytes } from './key-pages.ts';
import { rangeEndOf } from './layout.ts';
import { PairWriter } from './pair-bytes.ts';
import { encodedAnswer } from './range.ts';
import { decodeEntry } from './record.ts';
import type { RangeRequest, RangeResponse } from './request.ts';
import { type FoundRecord, keyValue, stateAt } from './states.ts';

/** Ranges with fewer keys are read at once. */
export const longRangeKeysMin = 10_000;

/** Pairs are gathered in pieces of about so many bytes, which are copied once. */
const pieceBytes = 2 ** 20;

/** Whether a range is of the kind that can be read in steps: in the order of keys, with nothing left out. */
export function canBeLong(request: RangeRequest, keysMin: number): boolean {
  const { key, rangeEnd, limit } = request;
  const end = rangeEndOf(rangeEnd);
  return (
    end !== 'one key' &&
    (end === 'no end' || compareBytes(key, end) < 0) &&
    (limit === 0 || limit >= keysMin) &&
    request.sortTarget === 'key' &&
    request.sortOrder !== 'descend' &&
    !request.countOnly &&
    !request.keysOnly &&
    request.minModRevision === 0 &&
    request.maxModRevision === 0 &&
    request.minCreateRevision === 0 &&
    request.maxCreateRevision === 0
  );
}

/** See above. To be closed. */
export class LongRange {
  readonly #snapshot: StoreSnapshot;
  readonly #walk: IterableIterator<IndexPair>;
  readonly #limit: number;
  /** Of the state; the one that is asked for may be an earlier one. */
  readonly #present: number;
  readonly #revision: number;
  readonly #writer = new PairWriter();
  readonly #pieces: Uint8Array[] = [];
  #bytes = 0;
  #count = 0;
  #answer: Uint8Array | undefined;
  /** How much of the answer has been put together. */
  #copied = 0;
  #walked = false;

  /** @param state a snapshot of it, its revision, and the one that is asked for, which is in it */
  constructor(
    request: RangeRequest,
    state: {
      readonly snapshot: StoreSnapshot;
      readonly present: number;
      readonly revision: number;
    },
  ) {
    const end = rangeEndOf(request.rangeEnd);
    this.#snapshot = state.snapshot;
    this.#present = state.present;
    this.#revision = state.revision;
    this.#limit = request.limit > 0 ? request.limit : Number.POSITIVE_INFINITY;
    this.#walk = walkIndex(state.snapshot, {
      from: request.key,
      to: typeof end === 'string' ? undefined : end,
    });
  }

  /** Reads some keys, or puts some of the answer together; answers whether there is more to do. */
  step(keysMax: number): boolean {
    if (!this.#walked) this.#read(keysMax);
    else return this.#copy();
    return true;
  }

  /** What was found, once there is nothing more to do. */
  answer(): RangeResponse {
    return encodedAnswer(this.#present, this.#limit, { bytes: this.#answer!, count: this.#count });
  }

  close(): void {
    this.#walk.return?.();
    this.#snapshot.close();
  }

  #read(keysMax: number): void {
    for (let keys = 0; keys < keysMax; keys++) {
      const next = this.#walk.next();
      if (next.done === true) {
        this.#walked = true;
        break;
      }
      const found = this.#found(next.value);
      if (found === undefined) continue;
      this.#count++;
      // What lies beyond the limit is counted all the same.
      if (this.#count <= this.#limit) this.#writer.add(keyValue(found.at, found.record));
      if (this.#writer.length >= pieceBytes) break;
    }
    if (this.#writer.length >= pieceBytes || this.#walked) {
      const { bytes } = this.#writer.finish();
      this.#pieces.push(bytes);
      this.#bytes += bytes.length;
    }
  }

  #found({ entry: bytes }: IndexPair): FoundRecord | undefined {
    return stateAt(this.#snapshot, decodeEntry(bytes), this.#revision);
  }

  /** A piece at a time. */
  #copy(): boolean {
    this.#answer ??= new Uint8Array(this.#bytes + 2 * roomBytes);
    const piece = this.#pieces.shift();
    if (piece === undefined) return false;
    this.#answer.set(piece, roomBytes + this.#copied);
    this.#copied += piece.length;
    return this.#pieces.length > 0;
  }
}
