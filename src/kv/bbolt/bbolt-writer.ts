/**
 * Writes a bbolt file from its beginning to its end, without holding it: what comes first depends on
 * what comes later, so the contents are walked twice, once to lay the pages out and once to write
 * them. Of the first walk only the first key of each leaf is remembered, for the branches.
 *
 *     0, 1  meta · 2  freelist · 3  the buckets · then for each bucket its leaves, then its branches
 *
 * A bucket that is small lies within its entry among the buckets, as long as these fit a page.
 */
import { assert } from '../../base/assert.ts';
import { joinBytes } from '../../base/join-bytes.ts';
import {
  branchPage,
  bucketHeader,
  bucketHeaderBytes,
  type Child,
  type Element,
  elementBytes,
  emptyFreelistPage,
  leafPage,
  metaPage,
  pageBytes,
  pageHeaderBytes,
  pagesFor,
} from './page.ts';

/** What goes into a bucket: in the order of the keys, and the same each time that it is walked. */
export interface BucketSource {
  readonly name: string;
  entries(): Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>;
}

interface BucketLayout {
  readonly source: BucketSource;
  /** Whether it has no pages of its own. */
  readonly isInline: boolean;
  readonly firstPage: number;
  /** Levels of branches from the lowest; the last has one page, the root, unless a leaf is that. */
  readonly levels: readonly (readonly Branch[])[];
  readonly root: number;
}

interface Branch {
  readonly page: number;
  readonly children: readonly Child[];
}

/** Where everything lies. */
export interface FileLayout {
  readonly buckets: readonly BucketLayout[];
  readonly pages: number;
}

const ROOT_PAGE = 3;
const FIRST_FREE_PAGE = 4;
/** Entries after which a walk pauses. */
const ENTRIES_A_STEP = 1000;
const roomBytes = pageBytes - pageHeaderBytes;
/** A bucket with more, its page's header included, has a page of its own; bbolt's number. */
const inlineBytesMax = pageBytes / 4;

/** The first walk; it pauses now and then, so that its caller can. */
export function* layOut(sources: readonly BucketSource[]): Generator<undefined, FileLayout> {
  const sorted = [...sources].sort((a, b) => (a.name < b.name ? -1 : 1));
  let next = FIRST_FREE_PAGE;
  const buckets: BucketLayout[] = [];
  let headBytes = 0;
  for (const { name } of sorted) headBytes += elementBytes + name.length + bucketHeaderBytes;
  assert(headBytes <= roomBytes, 'there are more buckets than one page holds');
  for (const source of sorted) {
    const firstPage = next;
    let level: Child[] = [];
    let leafBytes = 0;
    for (const leaf of leaves(source)) {
      if (leaf === undefined) {
        yield;
        continue;
      }
      level.push({ key: leaf.elements[0]?.key.slice() ?? new Uint8Array(), page: next });
      next += pagesFor(leaf.bytes);
      leafBytes = pageHeaderBytes + leaf.bytes;
    }
    const fits = leafBytes <= inlineBytesMax && headBytes + leafBytes <= roomBytes;
    if (level.length === 1 && fits) {
      next = firstPage;
      headBytes += leafBytes;
      buckets.push({ source, isInline: true, firstPage, levels: [], root: 0 });
      continue;
    }
    const levels: Branch[][] = [];
    while (level.length > 1) {
      const branches = branchesOver(level, next);
      next += branches.length;
      levels.push(branches);
      level = branches.map(({ page, children }) => ({ key: children[0]!.key, page }));
    }
    buckets.push({ source, isInline: false, firstPage, levels, root: level[0]!.page });
  }
  return { buckets, pages: next };
}

/** The second walk: the file's bytes in order; undefined where it pauses. */
export function* writeFile({ buckets, pages }: FileLayout): Generator<Uint8Array | undefined> {
  const meta = { pageBytes, root: ROOT_PAGE, freelist: 2, pages };
  yield metaPage(0, { ...meta, transaction: 0 });
  yield metaPage(1, { ...meta, transaction: 1 });
  yield emptyFreelistPage(2);
  const names: Element[] = [];
  for (const { source, root, isInline } of buckets) {
    const header = bucketHeader(root);
    const value = isInline ? joinBytes([header, inlinePage(source)]) : header;
    names.push({ key: new TextEncoder().encode(source.name), value, isBucket: true });
  }
  yield leafPage(ROOT_PAGE, names);
  for (const { source, firstPage, levels, isInline } of buckets) {
    if (isInline) continue;
    let next = firstPage;
    for (const leaf of leaves(source)) {
      if (leaf === undefined) {
        yield undefined;
        continue;
      }
      yield leafPage(next, leaf.elements);
      next += pagesFor(leaf.bytes);
    }
    for (const level of levels) {
      for (const { page, children } of level) {
        assert(page === next, `page ${page} is written as ${next}: the contents have changed`);
        yield branchPage(next++, children);
      }
    }
  }
}

/** The page of a bucket without one: no longer than what is on it. */
function inlinePage(source: BucketSource): Uint8Array {
  const [leaf] = [...leaves(source)].filter((each) => each !== undefined);
  assert(leaf !== undefined, 'a bucket has at least one leaf');
  return leafPage(0, leaf.elements).subarray(0, pageHeaderBytes + leaf.bytes);
}

interface Leaf {
  readonly elements: readonly Element[];
  readonly bytes: number;
}

/** A bucket's entries, a page full each; at least one leaf. Undefined where a walk may pause. */
function* leaves(source: BucketSource): Generator<Leaf | undefined> {
  let elements: Element[] = [];
  let bytes = 0;
  let count = 0;
  let left = ENTRIES_A_STEP;
  for (const { key, value } of source.entries()) {
    const size = elementBytes + key.length + value.length;
    if (elements.length > 0 && bytes + size > roomBytes) {
      yield { elements, bytes };
      count++;
      elements = [];
      bytes = 0;
    }
    elements.push({ key, value, isBucket: false });
    bytes += size;
    if (--left === 0) {
      left = ENTRIES_A_STEP;
      yield undefined;
    }
  }
  if (elements.length > 0 || count === 0) yield { elements, bytes };
}

function branchesOver(level: readonly Child[], firstPage: number): Branch[] {
  const branches: { page: number; children: Child[] }[] = [];
  let bytes = 0;
  for (const child of level) {
    const size = elementBytes + child.key.length;
    const last = branches.at(-1);
    if (last === undefined || (bytes + size > roomBytes && last.children.length > 1)) {
      branches.push({ page: firstPage + branches.length, children: [child] });
      bytes = size;
    } else {
      last.children.push(child);
      bytes += size;
    }
  }
  return branches;
}
