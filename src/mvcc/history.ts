/**
 * What has happened between two revisions, for watches that are behind. A revision is never split:
 * its events are handed out together, however many they are.
 */
import { QuorateError } from '../base/errors.ts';
import type { ModelParts } from './key-writer.ts';
import { readPrevious } from './key-writer.ts';
import { revisionKey, revisionOf } from './layout.ts';
import { decodeRecord } from './record.ts';
import type { KeyEvent } from './request.ts';
import { keyValue } from './states.ts';

export interface HistoryRequest {
  /** The first revision; not below the compaction. */
  readonly from: number;
  /** The last revision; the present one at most. */
  readonly to: number;
  /** How many want to hear of a key; 0: nobody. One of every key by default. */
  readonly interest?: (key: Uint8Array) => number;
  /** Ends with the revision in which so many events are reached, each as often as it is wanted. */
  readonly eventsMax: number;
  /** Ends with the revision in which so many records were looked at, or so many bytes of values. */
  readonly recordsMax: number;
  readonly bytesMax: number;
}

export interface HistoryPart {
  readonly events: readonly KeyEvent[];
  /** Where to go on: everything below has been told; beyond `to` when all has. */
  readonly next: number;
}

/** @throws QuorateError `compacted` */
export function readHistory(parts: ModelParts, request: HistoryRequest): HistoryPart {
  const { store, facts } = parts;
  if (request.from < facts.compactRevision) {
    throw new QuorateError('compacted', `revision ${request.from} has been compacted`, {
      details: { compactRevision: facts.compactRevision },
    });
  }
  const to = Math.min(request.to, facts.revision);
  const events: KeyEvent[] = [];
  let looked = 0;
  let told = 0;
  let bytes = 0;
  let present = request.from;
  const walk = store.range({
    from: revisionKey(Math.max(request.from, 0), 0),
    to: revisionKey(to + 1, 0),
  });
  for (const { key: at, value } of walk) {
    const revision = revisionOf(at);
    const full =
      told >= request.eventsMax || looked >= request.recordsMax || bytes >= request.bytesMax;
    if (full && revision.main !== present) {
      walk.return?.();
      return { events, next: revision.main };
    }
    present = revision.main;
    looked++;
    const record = decodeRecord(value);
    const wanted = request.interest === undefined ? 1 : request.interest(record.key);
    if (wanted === 0) continue;
    told += wanted;
    bytes += value.length;
    events.push({
      type: record.deleted ? 'delete' : 'put',
      kv: keyValue(revision, record),
      get prevKv() {
        return readPrevious(parts, revision.main, record.previous);
      },
    });
  }
  return { events, next: Math.max(to + 1, request.from) };
}
