/**
 * What a key was at a revision: found from its present state over its list of revisions (see
 * `record.ts`).
 */
import { assert } from '../base/assert.ts';
import type { StoreView } from '../ports/store.ts';
import { readEntry } from './key-index.ts';
import { type Revision, revisionKey } from './layout.ts';
import { decodeRecord, type IndexEntry, type KeyRecord } from './record.ts';
import type { KeyValue } from './request.ts';

/** A record and where it stands. */
export interface FoundRecord {
  readonly at: Revision;
  readonly record: KeyRecord;
}

/** The record of a revision that must be there. */
export function recordAt(view: StoreView, at: Revision): KeyRecord {
  const bytes = view.get(revisionKey(at.main, at.sub));
  assert(bytes !== undefined, `the record of revision ${at.main}.${at.sub} is missing`);
  return decodeRecord(bytes);
}

/**
 * The latest revision of a key up to and with `revision`, which is not below the last compaction;
 * undefined if the key was not there then.
 */
export function stateAt(
  view: StoreView,
  entry: IndexEntry,
  revision: number,
): FoundRecord | undefined {
  let at: Revision = entry.latest;
  let record: KeyRecord | undefined;
  if (at.main <= revision) {
    if (entry.deleted) return undefined;
    return { at, record: recordAt(view, at) };
  }
  if (entry.jump !== undefined && entry.jump.main > revision) at = entry.jump;
  for (;;) {
    record = recordAt(view, at);
    const { jump, previous } = record;
    if (jump !== undefined && jump.main > revision) at = jump;
    else if (previous === undefined) return undefined;
    else if (previous.main > revision) at = previous;
    else return settled(view, previous);
  }
}

/** The state that a key had at the revision found; one that was compacted away was a deletion. */
function settled(view: StoreView, at: Revision): FoundRecord | undefined {
  const bytes = view.get(revisionKey(at.main, at.sub));
  if (bytes === undefined) return undefined;
  const record = decodeRecord(bytes);
  return record.deleted ? undefined : { at, record };
}

/** A key as it was at a revision, not below the last compaction. */
export function valueAt(view: StoreView, key: Uint8Array, revision: number): KeyValue | undefined {
  const entry = readEntry(view, key);
  const found = entry && stateAt(view, entry, revision);
  return found && keyValue(found.at, found.record);
}

export function keyValue({ main }: Revision, record: KeyRecord): KeyValue {
  return {
    key: record.key,
    value: record.value,
    createRevision: record.createRevision,
    modRevision: main,
    version: record.version,
    lease: record.lease,
  };
}
