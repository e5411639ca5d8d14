/**
 * Reads a bbolt file (see `page.ts`), page by page, without holding it. The file may be damaged or
 * be something else: whatever its bytes are, reading ends, takes memory for one page of a bounded
 * size at a time, and refuses with `snapshot-damaged` what cannot be so. For that
 *
 * - every number is held against what it leads to: the file, the page, the count of pages;
 * - no page is visited twice, so that a circle of pages comes to an end;
 * - keys come in order, without one twice.
 *
 * What structure cannot show, such as a changed byte in a value, is the business of the checksum
 * that follows the file in a snapshot.
 */
import { compareBytes } from '../../base/compare-bytes.ts';
import { QuorateError } from '../../base/errors.ts';
import {
  bucketHeaderBytes,
  bucketLeafFlag,
  type Element,
  elementBytes,
  type Meta,
  metaBytes,
  pageFlags,
  pageHeaderBytes,
  readMeta,
} from './page.ts';

/** A file that is read anywhere. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** Exactly so many bytes, which lie within the file. */
  read(position: number, bytes: number): Uint8Array;
}

/** No page with all that overflows from it is larger: etcd's values have a few MiB at most. */
const wholePageBytesMax = 64 * 2 ** 20;
/** As deep as no tree is: a branch has two children at least. */
const depthMax = 48;
const pageBytesMin = 512;
const pageBytesMax = 64 * 1024;

/** A database as its newest valid meta page has it. */
export class BboltReader {
  readonly #source: ByteSource;
  readonly #meta: Meta;

  /** @throws QuorateError `snapshot-damaged` where it is no bbolt file, or is cut off */
  constructor(source: ByteSource) {
    this.#source = source;
    this.#meta = findMeta(source);
  }

  /** The names of the buckets in order. @throws QuorateError `snapshot-damaged` */
  names(): string[] {
    const visited = new Uint8Array(Math.ceil(this.#meta.pages / 8));
    const names: string[] = [];
    for (const { key, isBucket } of this.#walk(this.#meta.root, visited)) {
      if (isBucket) names.push(new TextDecoder().decode(key));
    }
    return names;
  }

  /**
   * The entries of a bucket in order; none where there is no such bucket.
   * @throws QuorateError `snapshot-damaged`, also on the way
   */
  *bucket(name: string): Generator<Element, void> {
    const wanted = new TextEncoder().encode(name);
    const visited = new Uint8Array(Math.ceil(this.#meta.pages / 8));
    let found: Uint8Array | undefined;
    for (const { key, value, isBucket } of this.#walk(this.#meta.root, visited)) {
      if (isBucket && compareBytes(key, wanted) === 0) found = value;
    }
    if (found === undefined) return;
    if (found.length < bucketHeaderBytes) throw damaged('a bucket has no root');
    const root = Number(viewOf(found).getBigUint64(0, true));
    if (root === 0) yield* inlineEntries(found.subarray(bucketHeaderBytes));
    else yield* this.#walk(root, visited);
  }

  /** The entries below a page; all their keys are larger than the one before. */
  *#walk(root: number, visited: Uint8Array): Generator<Element, void> {
    let before: Uint8Array | undefined;
    for (const element of this.#below(root, visited, 0)) {
      if (before !== undefined && compareBytes(before, element.key) >= 0) {
        throw damaged('its keys are not in order');
      }
      before = element.key;
      yield element;
    }
  }

  *#below(id: number, visited: Uint8Array, depth: number): Generator<Element, void> {
    if (depth > depthMax) throw damaged('its tree is too deep');
    const page = this.#page(id, visited);
    const { flags } = page;
    if (flags === pageFlags.leaf) yield* leafElements(page);
    else if (flags === pageFlags.branch) {
      for (const child of branchChildren(page)) yield* this.#below(child, visited, depth + 1);
    } else throw damaged(`page ${id} is of another kind`);
  }

  /** A page with what overflows from it, which has not been visited before. */
  #page(id: number, visited: Uint8Array): Page {
    const { pageBytes, pages } = this.#meta;
    if (!(id >= 2 && id < pages)) throw damaged(`there is no page ${id}`);
    const bit = 1 << (id & 7);
    if ((visited[id >>> 3]! & bit) !== 0) throw damaged(`page ${id} is there twice`);
    visited[id >>> 3]! |= bit;
    const head = viewOf(this.#source.read(id * pageBytes, pageHeaderBytes));
    const overflow = head.getUint32(12, true);
    const bytes = (overflow + 1) * pageBytes;
    if (head.getBigUint64(0, true) !== BigInt(id)) throw damaged(`page ${id} is another one`);
    if (id + overflow >= pages || bytes > wholePageBytesMax)
      throw damaged(`page ${id} is too long`);
    return pageOf(this.#source.read(id * pageBytes, bytes));
  }
}

interface Page {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly flags: number;
  readonly count: number;
}

function pageOf(bytes: Uint8Array): Page {
  if (bytes.length < pageHeaderBytes) throw damaged('a page has no head');
  const view = viewOf(bytes);
  const count = view.getUint16(10, true);
  if (pageHeaderBytes + count * elementBytes > bytes.length) {
    throw damaged('a page has more elements than room');
  }
  return { bytes, view, flags: view.getUint16(8, true), count };
}

/** A small bucket lies in its parent, as a leaf. */
function* inlineEntries(bytes: Uint8Array): Generator<Element, void> {
  const page = pageOf(bytes);
  if (page.flags !== pageFlags.leaf) throw damaged('a bucket within a page is no leaf');
  let before: Uint8Array | undefined;
  for (const element of leafElements(page)) {
    if (before !== undefined && compareBytes(before, element.key) >= 0) {
      throw damaged('its keys are not in order');
    }
    before = element.key;
    yield element;
  }
}

function* leafElements({ bytes, view, count }: Page): Generator<Element, void> {
  for (let i = 0; i < count; i++) {
    const at = pageHeaderBytes + i * elementBytes;
    const flags = view.getUint32(at, true);
    const from = at + view.getUint32(at + 4, true);
    const middle = from + view.getUint32(at + 8, true);
    const to = middle + view.getUint32(at + 12, true);
    if (to > bytes.length) throw damaged('an element lies beyond its page');
    yield {
      key: bytes.subarray(from, middle),
      value: bytes.subarray(middle, to),
      isBucket: (flags & bucketLeafFlag) !== 0,
    };
  }
}

function* branchChildren({ view, count }: Page): Generator<number, void> {
  if (count === 0) throw damaged('a branch has no children');
  for (let i = 0; i < count; i++) {
    yield Number(view.getBigUint64(pageHeaderBytes + i * elementBytes + 8, true));
  }
}

/** The newer of the two meta pages, if both are whole. The second lies where a page ends. */
function findMeta(source: ByteSource): Meta {
  const found: Meta[] = [];
  const at = (position: number): void => {
    if (position + pageHeaderBytes + metaBytes > source.sizeBytes) return;
    const meta = readMeta(source.read(position, pageHeaderBytes + metaBytes));
    if (meta !== undefined && isPossible(meta)) found.push(meta);
  };
  at(0);
  for (let bytes = pageBytesMin; bytes <= pageBytesMax; bytes *= 2) {
    const before = found.length;
    at(bytes);
    if (found.length > before && found.at(-1)!.pageBytes !== bytes) found.pop();
  }
  const [first, ...others] = found;
  if (first === undefined) throw damaged('it is no bbolt file');
  let newest = first;
  for (const meta of others) if (meta.transaction > newest.transaction) newest = meta;
  if (newest.pages * newest.pageBytes > source.sizeBytes) throw damaged('it is cut off');
  return newest;
}

function isPossible({ pageBytes, pages }: Meta): boolean {
  const isPower = (pageBytes & (pageBytes - 1)) === 0;
  return isPower && pageBytes >= pageBytesMin && pageBytes <= pageBytesMax && pages <= 2 ** 31;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function damaged(what: string): QuorateError {
  return new QuorateError('snapshot-damaged', `the etcd snapshot cannot be read: ${what}`);
}
