/**
 * The pages of a bbolt file, the format of etcd's database (bbolt's `page.go` and `db.go` say it):
 * a copy-on-write B+ tree, little-endian. Page 0 and 1 are meta pages of which the newer valid one
 * counts; a freelist; and branch and leaf pages of the tree of buckets, each the root of a tree.
 *
 *     page:    id u64 · flags u16 · count u16 · overflow u32 · elements · keys and values
 *     leaf:    flags u32 (1: a bucket) · pos u32 · key size u32 · value size u32
 *     branch:  pos u32 · key size u32 · page u64
 *     meta:    magic u32 · version u32 · page size u32 · flags u32 · root page u64 · root sequence u64
 *              · freelist page u64 · pages u64 · transaction u64 · FNV-1a-64 of all that u64
 *
 * `pos` counts from its own element. A page that needs more room goes on over `overflow` pages.
 */

/** What is written here; what is read may have any power of two. */
export const pageBytes = 4096;
export const pageHeaderBytes = 16;
export const elementBytes = 16;
/** A bucket's value in its parent: root page u64 · sequence u64 · for page 0 the page itself. */
export const bucketHeaderBytes = 16;

export const pageFlags = { branch: 1, leaf: 2, meta: 4, freelist: 16 } as const;
export const bucketLeafFlag = 1;

export const metaMagic = 0xed0cdaed;
export const metaVersion = 2;
/** Of the fields before the checksum. */
const metaSummedBytes = 56;
export const metaBytes = metaSummedBytes + 8;

/** An entry of a leaf, or a branch's child with `value` left out. */
export interface Element {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly isBucket: boolean;
}

export interface Child {
  readonly key: Uint8Array;
  readonly page: number;
}

export interface Meta {
  readonly pageBytes: number;
  readonly root: number;
  readonly freelist: number;
  /** How many pages there are. */
  readonly pages: number;
  readonly transaction: number;
}

/** How many pages something of this size takes, header included. */
export function pagesFor(bytes: number): number {
  return Math.max(1, Math.ceil((pageHeaderBytes + bytes) / pageBytes));
}

/** A leaf, as many pages long as it takes. */
export function leafPage(id: number, elements: readonly Element[]): Uint8Array {
  const bytes = elements.reduce(
    (sum, { key, value }) => sum + elementBytes + key.length + value.length,
    0,
  );
  const { page, view } = blankPage(id, pageFlags.leaf, { count: elements.length, bytes });
  let data = pageHeaderBytes + elements.length * elementBytes;
  elements.forEach(({ key, value, isBucket }, i) => {
    const at = pageHeaderBytes + i * elementBytes;
    view.setUint32(at, isBucket ? bucketLeafFlag : 0, true);
    view.setUint32(at + 4, data - at, true);
    view.setUint32(at + 8, key.length, true);
    view.setUint32(at + 12, value.length, true);
    page.set(key, data);
    page.set(value, data + key.length);
    data += key.length + value.length;
  });
  return page;
}

export function branchPage(id: number, children: readonly Child[]): Uint8Array {
  const bytes = children.reduce((sum, { key }) => sum + elementBytes + key.length, 0);
  const { page, view } = blankPage(id, pageFlags.branch, { count: children.length, bytes });
  let data = pageHeaderBytes + children.length * elementBytes;
  children.forEach(({ key, page: child }, i) => {
    const at = pageHeaderBytes + i * elementBytes;
    view.setUint32(at, data - at, true);
    view.setUint32(at + 4, key.length, true);
    view.setBigUint64(at + 8, BigInt(child), true);
    page.set(key, data);
    data += key.length;
  });
  return page;
}

/** A list of no free pages. */
export function emptyFreelistPage(id: number): Uint8Array {
  return blankPage(id, pageFlags.freelist, { count: 0, bytes: 0 }).page;
}

export function metaPage(id: number, meta: Meta): Uint8Array {
  const { page, view } = blankPage(id, pageFlags.meta, { count: 0, bytes: metaBytes });
  const at = pageHeaderBytes;
  view.setUint32(at, metaMagic, true);
  view.setUint32(at + 4, metaVersion, true);
  view.setUint32(at + 8, meta.pageBytes, true);
  view.setBigUint64(at + 16, BigInt(meta.root), true);
  view.setBigUint64(at + 32, BigInt(meta.freelist), true);
  view.setBigUint64(at + 40, BigInt(meta.pages), true);
  view.setBigUint64(at + 48, BigInt(meta.transaction), true);
  view.setBigUint64(at + metaSummedBytes, fnv1a64(page.subarray(at, at + metaSummedBytes)), true);
  return page;
}

/** @param bytes of the page, header included; undefined where it is no valid meta page */
export function readMeta(bytes: Uint8Array): Meta | undefined {
  if (bytes.length < pageHeaderBytes + metaBytes) return undefined;
  const fields = bytes.subarray(pageHeaderBytes, pageHeaderBytes + metaBytes);
  const view = new DataView(fields.buffer, fields.byteOffset, fields.length);
  const sum = view.getBigUint64(metaSummedBytes, true);
  if (view.getUint32(0, true) !== metaMagic || view.getUint32(4, true) !== metaVersion) {
    return undefined;
  }
  if (fnv1a64(fields.subarray(0, metaSummedBytes)) !== sum) return undefined;
  return {
    pageBytes: view.getUint32(8, true),
    root: Number(view.getBigUint64(16, true)),
    freelist: Number(view.getBigUint64(32, true)),
    pages: Number(view.getBigUint64(40, true)),
    transaction: Number(view.getBigUint64(48, true)),
  };
}

/** What a parent says of a bucket. */
export function bucketHeader(root: number): Uint8Array {
  const header = new Uint8Array(bucketHeaderBytes);
  new DataView(header.buffer).setBigUint64(0, BigInt(root), true);
  return header;
}

function blankPage(
  id: number,
  flags: number,
  { count, bytes }: { readonly count: number; readonly bytes: number },
): { page: Uint8Array; view: DataView } {
  const pages = pagesFor(bytes);
  const page = new Uint8Array(pages * pageBytes);
  const view = new DataView(page.buffer);
  view.setBigUint64(0, BigInt(id), true);
  view.setUint16(8, flags, true);
  view.setUint16(10, count, true);
  view.setUint32(12, pages - 1, true);
  return { page, view };
}

/** Fowler, Noll and Vo's hash, variant 1a, of 64 bits. */
export function fnv1a64(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return hash;
}
