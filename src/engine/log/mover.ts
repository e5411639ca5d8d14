/**
 * A quiet group may need a few entries in an old segment and so keep it and all that follow from
 * being given up. When the log is long for such a reason, the few are written again into the
 * newest segment.
 */
import type { Entry } from '../../raft/entry.ts';
import { entryHeadBytesMax, recordBytesMax } from './batch-table.ts';
import type { GroupLog } from './group-log.ts';
import type { GroupId } from './log-write.ts';
import type { Segments } from './segments.ts';
import type { LogSettings } from './settings.ts';

/** With no more segments than this in use, nobody holds anything up. */
const segmentsKept = 4;

/** What one batch moves at most. */
const movedBytesMax = 2 ** 20;

export interface Move {
  readonly group: GroupLog;
  readonly entries: readonly Entry[];
}

export interface Moves {
  readonly groups: readonly Move[];
  /** What they take in a batch at most. */
  readonly bytes: number;
}

const nothing: Moves = { groups: [], bytes: 0 };

export class Mover {
  readonly #segments: Segments;
  /** What the groups that hold the oldest segment may have in all, to be worth it. */
  readonly #bytesMax: number;
  /** How the chain stood when it was last looked at, so that it is not looked at in vain. */
  #seen = '';

  constructor(segments: Segments, settings: LogSettings) {
    this.#segments = segments;
    this.#bytesMax = Math.min(settings.batchBytesMax, settings.segmentBytes / 4, movedBytesMax);
  }

  /** Whether there is something to be moved that is worth a batch of its own. */
  ready(groups: ReadonlyMap<GroupId, GroupLog>): boolean {
    if (this.#segments.count <= segmentsKept) return false;
    const { oldest, current } = this.#segments;
    const seen = `${oldest.sequence} ${current.sequence}`;
    if (seen === this.#seen) return false;
    return this.take(groups).groups.length > 0;
  }

  /** The groups that hold the oldest segment, with their entries; nothing if that is too much. */
  take(groups: ReadonlyMap<GroupId, GroupLog>): Moves {
    const segments = this.#segments;
    if (segments.count <= segmentsKept) return nothing;
    const seen = `${segments.oldest.sequence} ${segments.current.sequence}`;
    if (seen === this.#seen) return nothing;
    const moves: Move[] = [];
    let bytes = 0;
    for (const group of segments.holdersOfOldest(groups)) {
      const move = movable(group, this.#bytesMax);
      bytes += recordBytesMax + (move?.bytes ?? Number.POSITIVE_INFINITY);
      if (bytes > this.#bytesMax) {
        // Asked again when another segment is begun, or when this one has gone.
        this.#seen = seen;
        return nothing;
      }
      // Being read back: asked again with the next batch.
      if (move?.entries === undefined) return nothing;
      moves.push({ group, entries: move.entries });
    }
    return { groups: moves, bytes };
  }
}

/** All entries of a group, if they are few and nothing waits; without them while they are read. */
function movable(
  group: GroupLog,
  bytesMax: number,
): { bytes: number; entries: readonly Entry[] | undefined } | undefined {
  if (group.queued > 0) return undefined;
  const { base, written, places } = group;
  if (base.index !== written.base.index) return undefined;
  let bytes = 0;
  for (let index = group.firstIndex(); index <= group.lastIndex(); index++) {
    bytes += entryHeadBytesMax + places.lengthBytes(index);
    if (bytes > bytesMax) return undefined;
  }
  const all: Entry[] = [];
  while (all.length < group.lastIndex() - base.index) {
    const from = group.firstIndex() + all.length;
    const some = group.entries(from, group.lastIndex() + 1, bytesMax);
    if (some === undefined) return { bytes, entries: undefined };
    all.push(...some);
  }
  return { bytes, entries: all };
}
