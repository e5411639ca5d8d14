/** The snapshots of a directory: finding them after a start, and removing what is old. */
import { QuorateError } from '../../base/errors.ts';
import type { DiskTask } from './disk-operation.ts';
import type { DiskRequests } from './disk-requests.ts';
import type { GroupId } from './log-write.ts';
import { SnapshotChain } from './snapshot-chain.ts';
import {
  decodeEnd,
  decodePiece,
  endBytes,
  pieceBytesMax,
  pieceHeadBytes,
  type SnapshotFacts,
  snapshotDamaged,
  snapshotDirectory,
  snapshotOfName,
  snapshotPath,
} from './snapshot-format.ts';

/** A snapshot that is complete; its chunks are checked when they are read. */
export interface FoundSnapshot {
  readonly path: string;
  readonly facts: SnapshotFacts;
  readonly sizeBytes: number;
  /** Of state. */
  readonly stateBytes: number;
}

export interface FoundSnapshots {
  /** The newest complete one of each group. */
  readonly newest: ReadonlyMap<GroupId, FoundSnapshot>;
  /** Those that have a complete one's name and are not whole: they stay where they are. */
  readonly damaged: readonly QuorateError[];
}

/**
 * Looks for snapshots; removes those that were never completed, and those older than a complete
 * one. Called after the log is opened and before a snapshot is written. `wrong-directory` where a
 * snapshot is another cluster's; `format-too-new`.
 */
export function findSnapshots(
  disk: DiskRequests,
  clusterId: number,
  then: (found: FoundSnapshots | QuorateError) => void,
): void {
  disk.names(snapshotDirectory, (names) => {
    if (names instanceof QuorateError) return then(names);
    const newest = new Map<GroupId, FoundSnapshot>();
    const damaged: QuorateError[] = [];
    const useless = names.filter((name) => /\.(tmp|part)$/.test(name));
    const complete = names.flatMap((name) => snapshotOfName(name) ?? []);
    complete.sort((a, b) => a.group - b.group || b.index - a.index);
    const look = (at: number): void => {
      const file = complete[at];
      if (file === undefined) {
        const paths = useless.map((name) => `${snapshotDirectory}/${name}`);
        removeAll(disk, paths, (error) => then(error ?? { newest, damaged }));
        return;
      }
      const { group, index } = file;
      if (newest.has(group)) {
        useless.push(`${group}-${index}`);
        return look(at + 1);
      }
      inspect(disk, { group, index }, (found) => {
        if (!(found instanceof QuorateError)) {
          if (found.facts.clusterId !== clusterId) return then(foreign(found));
          newest.set(group, found);
        } else if (found.code === 'snapshot-damaged') {
          damaged.push(found);
        } else {
          return then(found);
        }
        look(at + 1);
      });
    };
    look(0);
  });
}

/**
 * Removes a group's snapshots of before `beforeIndex`. A later one stays, though nothing may rest on
 * it yet: one from the leader lies there before its message has been stepped.
 */
export function removeSnapshots(
  disk: DiskRequests,
  group: GroupId,
  beforeIndex: number,
  then: (error: QuorateError | null) => void,
): void {
  disk.names(snapshotDirectory, (names) => {
    if (names instanceof QuorateError) return then(names);
    const old = names.filter((name) => {
      const file = snapshotOfName(name);
      return file?.group === group && file.index < beforeIndex;
    });
    const paths = old.map((name) => `${snapshotDirectory}/${name}`);
    removeAll(disk, paths, then);
  });
}

function removeAll(
  disk: DiskRequests,
  paths: readonly string[],
  then: (error: QuorateError | null) => void,
): void {
  if (paths.length === 0) return then(null);
  const tasks: DiskTask[] = paths.map((path) => ({ type: 'remove', path }));
  tasks.push({ type: 'sync-directory', path: snapshotDirectory });
  disk.inOrder(tasks, then);
}

/** Reads a snapshot's header and end. */
function inspect(
  disk: DiskRequests,
  { group, index }: { group: GroupId; index: number },
  then: (found: FoundSnapshot | QuorateError) => void,
): void {
  const path = snapshotPath(group, index);
  disk.facts(path, (facts) => {
    if (facts instanceof QuorateError) return then(facts);
    const { sizeBytes } = facts;
    const lengthBytes = pieceHeadBytes + pieceBytesMax;
    disk.bytes({ type: 'read', path, position: 0, lengthBytes }, (head) => {
      if (head instanceof QuorateError) return then(head);
      const chain = new SnapshotChain(path);
      const header = chain.take(head);
      if (header instanceof QuorateError) return then(header);
      if (chain.facts?.group !== group || chain.facts.index !== index) {
        return then(snapshotDamaged(path, 0, 'it is another snapshot by its header'));
      }
      const position = Math.max(0, sizeBytes - endBytes);
      disk.bytes({ type: 'read', path, position, lengthBytes: endBytes }, (tail) => {
        if (tail instanceof QuorateError) return then(tail);
        const end = decodePiece(tail);
        if (end?.kind !== 'end' || end.totalBytes !== endBytes) {
          return then(snapshotDamaged(path, position, 'it has no end'));
        }
        then({ path, facts: chain.facts!, sizeBytes, stateBytes: decodeEnd(end).stateBytes });
      });
    });
  });
}

function foreign({ path, facts }: FoundSnapshot): QuorateError {
  return new QuorateError('wrong-directory', `${path} belongs to cluster ${facts.clusterId}`, {
    details: { path, offset: 0 },
  });
}
