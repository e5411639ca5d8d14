/**
 * Store: an ordered map from bytes to bytes on disk, for state that outlives the process and may be
 * larger than memory. Keys are compared byte by byte, a prefix before what it begins.
 *
 * Reads are synchronous and see one consistent state; a batch is atomic and synced as a whole, or
 * not there at all after a power loss. Nothing else is promised: what was never synced is what the
 * Raft log is for.
 *
 * Keys are 1 … {@link storeKeyBytesMax} bytes. Errors: `disk-failed`, `disk-full`, `store-damaged`.
 */
import type { Answer, Done } from './callbacks.ts';

/** The longest key. Longer keys of users are the business of those who lay out the keys. */
export const storeKeyBytesMax = 1900;

/** Bounds and direction of a walk; `from` is included, `to` is not. */
export interface StoreRange {
  readonly from?: Uint8Array;
  readonly to?: Uint8Array;
  /** From the last key to the first. */
  readonly reverse?: boolean;
}

/** A key and its value. Both belong to the reader. */
export interface StorePair {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** One consistent state, read synchronously. */
export interface StoreView {
  get(key: Uint8Array): Uint8Array | undefined;
  /** Entries in order. A walk that is not used up must be ended with `return()`, as `for … of` does. */
  range(range: StoreRange): IterableIterator<StorePair>;
}

/** A state kept as it was. Holding it keeps space from being reused: {@link StoreSnapshot.close} it soon. */
export interface StoreSnapshot extends StoreView {
  close(): void;
}

/** One change of a batch; `value` undefined removes the key. */
export interface StoreWrite {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

/** What a store occupies. */
export interface StoreSize {
  /** Bytes of its files. */
  readonly fileBytes: number;
  /** Of those, bytes that hold something. */
  readonly usedBytes: number;
}

/**
 * An open store: its reads see the last batch whose write has been answered, or a later one. A walk
 * over the store itself is used up, or ended, within the turn in which it began.
 */
export interface Store extends StoreView {
  /** Applies a batch atomically and syncs it. Batches take effect in the order of their calls. */
  write(batch: readonly StoreWrite[], done: Done): void;
  /** Removes everything, as one durable step in the order of the batches. */
  clear(done: Done): void;
  snapshot(): StoreSnapshot;
  size(): StoreSize;
  /** Waits for what is being written. */
  close(done: Done): void;
}

/** Where stores are: a name is a path relative to the member's directory, as in the Disk port. */
export interface Stores {
  /** Opens the store in that directory, made if it is not there. */
  open(path: string, answer: Answer<Store>): void;
  /** Removes a store that is not open, with all its files. */
  remove(path: string, done: Done): void;
}
