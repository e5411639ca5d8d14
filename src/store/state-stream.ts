/**
 * A whole store as a stream of bytes, for snapshots, and back: every entry as its key and its value,
 * each with its length before it, cut into chunks without regard to where entries end. A last length
 * of zero, which no key has, says that the stream is whole.
 */
import { ByteReader, ByteWriter, numberBytes } from '../base/binary.ts';
import { QuorateError } from '../base/errors.ts';
import type { Done } from '../ports/callbacks.ts';
import { type StoreSnapshot, storeKeyBytesMax } from '../ports/store.ts';
import type { LayeredStore } from './layered-store.ts';

/** What the engine takes at a time. */
const chunkBytes = 128 * 2 ** 10;

/** Nothing that the stream carries may be longer, so that a damaged length is noticed. */
const fieldBytesMax = 2 ** 30;

/**
 * The state as it is now, in chunks of at most 256 KiB that may be taken whenever it suits. The walk
 * must be used up or ended by `return()`, which frees the snapshot.
 */
export function streamState(store: LayeredStore): Iterator<Uint8Array, void> {
  return chunksOf(store.snapshot());
}

function* chunksOf(snapshot: StoreSnapshot): Generator<Uint8Array, void> {
  try {
    let writer = new ByteWriter(chunkBytes + 4096);
    let length = 0;
    for (const { key, value } of snapshot.range({})) {
      for (const field of [key, value]) {
        writer.number(field.length);
        length += numberBytes(field.length);
        for (let from = 0; from < field.length; ) {
          const piece = field.subarray(from, from + chunkBytes);
          writer.raw(piece);
          length += piece.length;
          from += piece.length;
          if (length < chunkBytes) continue;
          yield writer.finish();
          writer = new ByteWriter(chunkBytes + 4096);
          length = 0;
        }
      }
    }
    yield writer.number(0).finish();
  } finally {
    snapshot.close();
  }
}

/** Puts a streamed state in a store's place: see `MachineRestore` of the engine, which it is made for. */
export class StateRestore {
  readonly #store: LayeredStore;
  /** What has come and is not yet a whole entry. */
  #rest = new Uint8Array(0);
  #ended = false;

  constructor(store: LayeredStore) {
    this.#store = store;
    store.beginRestore();
  }

  /** @throws QuorateError `snapshot-damaged` */
  chunk(bytes: Uint8Array): void {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    let at = 0;
    for (;;) {
      const taken = this.#entry(all, at);
      if (taken === 0) break;
      at += taken;
    }
    this.#rest = all.subarray(at);
  }

  drain(done: Done): void {
    this.#store.drain(done);
  }

  /** @throws QuorateError `snapshot-damaged` */
  finish(): void {
    if (!this.#ended) throw damaged('it ends early');
    this.#store.commit();
  }

  /** Takes one entry; answers its bytes, 0 if it is not all there. */
  #entry(all: Uint8Array, from: number): number {
    if (this.#ended) {
      if (from < all.length) throw damaged('something follows its end');
      return 0;
    }
    const key = fieldAt(all, from);
    if (key === undefined) return 0;
    if (key.bytes.length === 0) {
      this.#ended = true;
      return key.taken;
    }
    const value = fieldAt(all, from + key.taken);
    if (value === undefined) return 0;
    if (key.bytes[0] === 0 || key.bytes.length > storeKeyBytesMax)
      throw damaged('it holds an impossible key');
    this.#store.put(key.bytes.slice(), value.bytes.slice());
    return key.taken + value.taken;
  }
}

/** A field with its length before it; undefined if it is not all there. */
function fieldAt(
  all: Uint8Array,
  from: number,
): { readonly bytes: Uint8Array; readonly taken: number } | undefined {
  let end = from;
  while (end < all.length && all[end]! >= 128) end++;
  if (end - from > 8) throw damaged('an entry is impossibly long');
  if (end >= all.length) return undefined;
  const reader = new ByteReader(all.subarray(from, end + 1));
  const length = reader.number();
  if (length > fieldBytesMax) throw damaged('an entry is impossibly long');
  const head = reader.offset;
  if (from + head + length > all.length) return undefined;
  return { bytes: all.subarray(from + head, from + head + length), taken: head + length };
}

function damaged(what: string): QuorateError {
  return new QuorateError('snapshot-damaged', `a snapshot is not whole: ${what}`);
}
