/**
 * The index: every key that is, or was since the last compaction, with its present state, in the
 * order of the keys.
 *
 * A user's key may be longer than a key of the store, so long ones are cut into slices of
 * {@link sliceBytes}, and make a tree of layers as in Mao, Kohler and Morris, "Cache Craftiness for
 * Fast Multicore Key-Value Storage" (Masstree, 2012): under a slice followed by a byte that no slice
 * has room for lies the number of a layer, in which what follows the slice is looked up likewise.
 * Keys up to the size of a slice, all that matter for speed, are in the first layer and are stored as
 * they are. Walks meet all keys in their order: a slice comes right before those that go on behind it.
 */
import { assert } from '../base/assert.ts';
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { compareBytes, equalBytes, prefixEnd } from '../base/compare-bytes.ts';
import { joinBytes } from '../base/join-bytes.ts';
import type { StoreView } from '../ports/store.ts';
import type { LayeredStore } from '../store/layered-store.ts';
import { indexPrefix, longIndexPrefix } from './layout.ts';
import { decodeEntry, encodeEntry, type IndexEntry } from './record.ts';

/** Leaves room in the store's keys for what comes before it in the index and among attachments. */
export const sliceBytes = 1800;

/** A key of the index and its entry as it is stored. */
export interface IndexPair {
  readonly key: Uint8Array;
  readonly entry: Uint8Array;
}

/** From `from` on, up to and without `to`; undefined: no end. */
export interface KeyBounds {
  readonly from: Uint8Array;
  readonly to: Uint8Array | undefined;
  readonly reverse?: boolean;
}

/** Looks a key up; its entry as it is stored. */
export function findEntry(view: StoreView, key: Uint8Array): Uint8Array | undefined {
  const place = findPlace(view, key);
  return place && view.get(place);
}

/** The entry of a key, read. */
export function readEntry(view: StoreView, key: Uint8Array): IndexEntry | undefined {
  const found = findEntry(view, key);
  return found && decodeEntry(found);
}

/** Walks over the keys in their order, or the other way round. */
export function walkIndex(view: StoreView, bounds: KeyBounds): IterableIterator<IndexPair> {
  return walkLayer(view, 0, new Uint8Array(0), bounds);
}

/** Where the entry of a key is, or would be, in the store; undefined if its layer is not there. */
export function findPlace(view: StoreView, key: Uint8Array): Uint8Array | undefined {
  let layer = 0;
  let rest = key;
  while (rest.length > sliceBytes) {
    const link = view.get(linkKey(layer, rest.subarray(0, sliceBytes)));
    if (link === undefined) return undefined;
    layer = readLayer(link);
    rest = rest.subarray(sliceBytes);
  }
  return layerKey(layer, rest);
}

/** The writing side. */
export class KeyIndex {
  readonly #store: LayeredStore;
  /** The number of the next layer. */
  layers: number;

  constructor(store: LayeredStore, layers: number) {
    this.#store = store;
    this.layers = layers;
  }

  /** Puts an entry in its place; answers the place. */
  set(key: Uint8Array, entry: IndexEntry): Uint8Array {
    const place = this.#makePlace(key);
    this.#store.put(place, encodeEntry(entry));
    return place;
  }

  /** Takes a key out, with the layers that held nothing else. */
  remove(key: Uint8Array): void {
    const links: { readonly link: Uint8Array; readonly layer: number }[] = [];
    let layer = 0;
    let rest = key;
    while (rest.length > sliceBytes) {
      const link = linkKey(layer, rest.subarray(0, sliceBytes));
      const found = this.#store.get(link);
      if (found === undefined) return;
      layer = readLayer(found);
      links.push({ link, layer });
      rest = rest.subarray(sliceBytes);
    }
    this.#store.remove(layerKey(layer, rest));
    for (const { link, layer: below } of links.reverse()) {
      const from = layerKey(below, new Uint8Array(0));
      const walk = this.#store.range({ from, to: prefixEnd(from)! });
      const empty = walk.next().done === true;
      walk.return?.();
      if (!empty) return;
      this.#store.remove(link);
    }
  }

  #makePlace(key: Uint8Array): Uint8Array {
    let layer = 0;
    let rest = key;
    while (rest.length > sliceBytes) {
      const link = linkKey(layer, rest.subarray(0, sliceBytes));
      const found = this.#store.get(link);
      if (found === undefined) {
        layer = ++this.layers;
        this.#store.put(link, new ByteWriter(8).number(layer).finish());
      } else layer = readLayer(found);
      rest = rest.subarray(sliceBytes);
    }
    return layerKey(layer, rest);
  }
}

function* walkLayer(
  view: StoreView,
  layer: number,
  before: Uint8Array,
  { from, to, reverse = false }: KeyBounds,
): IterableIterator<IndexPair> {
  const start = from.length > sliceBytes ? from.subarray(0, sliceBytes) : from;
  const first = layerKey(layer, start);
  // A long end lies behind the link of its slice, which is still within.
  const longEnd = to !== undefined && to.length > sliceBytes;
  const end =
    to === undefined
      ? prefixEnd(layerKey(layer, new Uint8Array(0)))!
      : longEnd
        ? prefixEnd(linkKey(layer, to.subarray(0, sliceBytes)))!
        : layerKey(layer, to);
  if (compareBytes(first, end) >= 0) return;
  const skip = layer === 0 ? 1 : 1 + layerBytes;
  for (const { key, value } of view.range({ from: first, to: end, reverse })) {
    const slice = key.subarray(skip);
    if (slice.length > sliceBytes) {
      const whole = slice.subarray(0, sliceBytes);
      yield* walkLayer(view, readLayer(value), joinBytes([before, whole]), {
        from: startsWith(from, whole) ? from.subarray(sliceBytes) : new Uint8Array(0),
        to:
          to !== undefined && longEnd && startsWith(to, whole)
            ? to.subarray(sliceBytes)
            : undefined,
        reverse,
      });
    } else if (from.length <= sliceBytes || compareBytes(slice, from) >= 0) {
      yield { key: before.length === 0 ? slice : joinBytes([before, slice]), entry: value };
    }
  }
}

/** The number of a layer, in the keys of those below the first. */
const layerBytes = 4;

function layerKey(layer: number, slice: Uint8Array): Uint8Array {
  assert(layer < 2 ** 32, 'more layers of long keys than have numbers');
  const head = layer === 0 ? 1 : 1 + layerBytes;
  const key = new Uint8Array(head + slice.length);
  key[0] = layer === 0 ? indexPrefix : longIndexPrefix;
  if (layer !== 0) new DataView(key.buffer).setUint32(1, layer);
  key.set(slice, head);
  return key;
}

function linkKey(layer: number, slice: Uint8Array): Uint8Array {
  const key = new Uint8Array((layer === 0 ? 1 : 1 + layerBytes) + slice.length + 1);
  key.set(layerKey(layer, slice));
  key[key.length - 1] = 1;
  return key;
}

function readLayer(link: Uint8Array): number {
  return new ByteReader(link).number();
}

function startsWith(key: Uint8Array, slice: Uint8Array): boolean {
  return key.length > slice.length && equalBytes(key.subarray(0, slice.length), slice);
}
