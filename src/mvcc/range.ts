/**
 * Reading ranges, at the present revision or an earlier one. As etcd has it: `count` tells of the
 * whole range whatever the limit and the bounds on revisions are; those bounds come first, then the
 * order, then the limit, and `more` says that the limit cut something off.
 *
 * As few records as possible are read: the index alone counts, and where nothing has to be sorted
 * the walk ends with the limit. At an earlier revision the count is worked out from the present one
 * and what has happened since, if that is less work.
 */
import { compareBytes } from '../base/compare-bytes.ts';
import { QuorateError } from '../base/errors.ts';
import type { StoreView } from '../ports/store.ts';
import { countLive, type KeyCounts } from './key-counts.ts';
import { readEntry, walkIndex } from './key-index.ts';
import { type KeyPages, type PagedPairs, roomBytes } from './key-pages.ts';
import { rangeEndOf, revisionKey, revisionsEnd } from './layout.ts';
import { readPairs } from './pair-bytes.ts';
import { decodeEntry, decodeRecord } from './record.ts';
import type { KeyValue, RangeRequest, RangeResponse, SortTarget } from './request.ts';
import { keyValue, recordAt, stateAt } from './states.ts';

/** A state that can be read: the present one, or a snapshot. */
export interface Readable {
  readonly view: StoreView;
  /** The latest revision in it. */
  readonly revision: number;
  /** Below this revision nothing can be read; 0 if nothing was compacted. */
  readonly compactRevision: number;
  /** The counts of the present state; a snapshot has none. */
  readonly counts: KeyCounts | undefined;
  /** The cache of the present state; a snapshot has none. */
  readonly pages: KeyPages | undefined;
}

/** So many changes since a revision are worth less than a walk over the index for the count. */
const changesMax = 10_000;

/** @throws QuorateError `compacted`, `future-revision` */
export function readRange(state: Readable, request: RangeRequest): RangeResponse {
  const revision = request.revision <= 0 ? state.revision : request.revision;
  checkRevision(state, revision);
  const end = rangeEndOf(request.rangeEnd);
  const answer = (kvs: readonly KeyValue[], count: number, more: boolean): RangeResponse => ({
    type: 'range',
    revision: state.revision,
    kvs,
    count,
    more,
  });
  if (end === 'one key') {
    const found = oneKey(state, request.key, revision);
    const count = found === undefined ? 0 : 1;
    if (found === undefined || request.countOnly || !withinBounds(request, found)) {
      return answer([], count, false);
    }
    return answer([request.keysOnly ? withoutValue(found) : found], count, false);
  }
  const to = end === 'no end' ? undefined : end;
  const from = request.key;
  if (to !== undefined && compareBytes(from, to) >= 0) return answer([], 0, false);
  if (request.countOnly) return answer([], countAt(state, from, to, revision), false);

  const order = orderOf(request);
  const bounded =
    request.minModRevision !== 0 ||
    request.maxModRevision !== 0 ||
    request.minCreateRevision !== 0 ||
    request.maxCreateRevision !== 0;
  // A walk in the order that was asked for may end at the limit. Where a target is named and no
  // order, etcd cuts what it finds in the order of the keys, and sorts the rest; so does this.
  const sorted = order.target !== 'key';
  const cutFirst = !sorted || (request.sortOrder === 'none' && !bounded);
  const reverse = !sorted && order.descending;
  const plain = !sorted && !reverse && !bounded && !request.keysOnly;
  if (plain && revision === state.revision) {
    const found = state.pages?.read(from, to, request.limit);
    if (found !== undefined) return encodedAnswer(revision, request.limit, found);
  }
  const enough = request.limit > 0 && cutFirst ? request.limit + 1 : Number.POSITIVE_INFINITY;
  const valueNeeded = !request.keysOnly || order.target === 'value';
  let kvs: KeyValue[] = [];
  let met = 0;
  for (const { key, entry: bytes } of walkIndex(state.view, { from, to, reverse })) {
    const entry = decodeEntry(bytes);
    let found: KeyValue;
    if (entry.latest.main <= revision) {
      if (entry.deleted) continue;
      met++;
      const { createRevision } = entry;
      if (bounded && !withinBounds(request, { modRevision: entry.latest.main, createRevision })) {
        continue;
      }
      found = valueNeeded
        ? keyValue(entry.latest, recordAt(state.view, entry.latest))
        : {
            key,
            value: nothing,
            createRevision: entry.createRevision,
            modRevision: entry.latest.main,
            version: entry.version,
            lease: entry.lease,
          };
    } else {
      const past = stateAt(state.view, entry, revision);
      if (past === undefined) continue;
      met++;
      found = keyValue(past.at, past.record);
      if (bounded && !withinBounds(request, found)) continue;
    }
    kvs.push(found);
    if (kvs.length >= enough) break;
  }
  const cutShort = kvs.length >= enough;
  const count = cutShort ? countAt(state, from, to, revision) : met;
  if (sorted) kvs = sortedBy(kvs, order.target, order.descending);
  const more = request.limit > 0 && kvs.length > request.limit;
  if (more) kvs.length = request.limit;
  return answer(request.keysOnly ? kvs.map(withoutValue) : kvs, count, more);
}

const encoded = new WeakMap<RangeResponse, Uint8Array>();

/**
 * The pairs of an answer in the form of `pair-bytes.ts`, where they are at hand, with `roomBytes` of
 * `key-pages.ts` before and behind them: a buffer that belongs to whoever sends this answer.
 */
export function encodedPairs(response: RangeResponse): Uint8Array | undefined {
  return encoded.get(response);
}

/** Most answers are sent as they lie in the pages: objects are made of them only if someone looks. */
export function encodedAnswer(
  revision: number,
  limit: number,
  { bytes, count }: PagedPairs,
): RangeResponse {
  let kvs: readonly KeyValue[] | undefined;
  const response: RangeResponse = {
    type: 'range',
    revision,
    get kvs() {
      kvs ??= readPairs(bytes, roomBytes, bytes.length - roomBytes);
      return kvs;
    },
    count,
    more: limit > 0 && count > limit,
  };
  encoded.set(response, bytes);
  return response;
}

/** @throws QuorateError `compacted`, `future-revision` */
export function checkRevision(state: Readable, revision: number): void {
  if (revision > state.revision) {
    throw new QuorateError('future-revision', `revision ${revision} is yet to come`, {
      details: { revision: state.revision },
    });
  }
  if (revision < state.compactRevision) {
    throw new QuorateError('compacted', `revision ${revision} has been compacted`, {
      details: { compactRevision: state.compactRevision },
    });
  }
}

const nothing = new Uint8Array(0);

function oneKey(state: Readable, key: Uint8Array, revision: number): KeyValue | undefined {
  if (key.length === 0) return undefined;
  const entry = readEntry(state.view, key);
  if (entry === undefined) return undefined;
  const found = stateAt(state.view, entry, revision);
  return found && keyValue(found.at, found.record);
}

function countAt(
  state: Readable,
  from: Uint8Array,
  to: Uint8Array | undefined,
  revision: number,
): number {
  const { counts, view } = state;
  if (revision === state.revision) return counts?.count(from, to) ?? countLive(view, from, to);
  const changed = counts && changeSince(state, from, to, revision);
  if (counts !== undefined && changed !== undefined) return counts.count(from, to) - changed;
  let count = 0;
  for (const { entry: bytes } of walkIndex(view, { from, to })) {
    const entry = decodeEntry(bytes);
    if (entry.latest.main <= revision) {
      if (!entry.deleted) count++;
    } else if (stateAt(view, entry, revision) !== undefined) count++;
  }
  return count;
}

/** By how many the keys of a range have grown since a revision; undefined if that is a long story. */
function changeSince(
  state: Readable,
  from: Uint8Array,
  to: Uint8Array | undefined,
  revision: number,
): number | undefined {
  if (state.revision - revision > changesMax) return undefined;
  let left = changesMax;
  let grown = 0;
  const changes = state.view.range({ from: revisionKey(revision + 1, 0), to: revisionsEnd });
  for (const { value } of changes) {
    if (left-- === 0) return undefined;
    const { key, deleted, version } = decodeRecord(value);
    if (compareBytes(key, from) < 0 || (to !== undefined && compareBytes(key, to) >= 0)) continue;
    if (deleted) grown--;
    else if (version === 1) grown++;
  }
  return grown;
}

interface Order {
  readonly target: SortTarget;
  readonly descending: boolean;
}

/** Another target than the key is sorted by ascending if no order was given. */
function orderOf({ sortTarget, sortOrder }: RangeRequest): Order {
  return { target: sortTarget, descending: sortOrder === 'descend' };
}

function sortedBy(kvs: readonly KeyValue[], target: SortTarget, descending: boolean): KeyValue[] {
  const sign = descending ? -1 : 1;
  return [...kvs].sort((a, b) => sign * compareBy(target, a, b));
}

function compareBy(target: SortTarget, a: KeyValue, b: KeyValue): number {
  switch (target) {
    case 'key':
      return compareBytes(a.key, b.key);
    case 'version':
      return a.version - b.version;
    case 'create':
      return a.createRevision - b.createRevision;
    case 'mod':
      return a.modRevision - b.modRevision;
    case 'value':
      return compareBytes(a.value, b.value);
  }
}

function withinBounds(
  request: RangeRequest,
  { modRevision, createRevision }: { modRevision: number; createRevision: number },
): boolean {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  return (
    (maxModRevision === 0 || modRevision <= maxModRevision) &&
    (minModRevision === 0 || modRevision >= minModRevision) &&
    (maxCreateRevision === 0 || createRevision <= maxCreateRevision) &&
    (minCreateRevision === 0 || createRevision >= minCreateRevision)
  );
}

function withoutValue(kv: KeyValue): KeyValue {
  if (kv.value.length === 0) return kv;
  const { key, createRevision, modRevision, version, lease } = kv;
  return { key, value: nothing, createRevision, modRevision, version, lease };
}
