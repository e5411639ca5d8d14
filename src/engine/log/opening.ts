/**
 * Opening a member's directory, and founding one. The identity is the last thing that founding
 * writes: a directory without one holds nothing that ever mattered, and is founded from scratch.
 */
import { QuorateError } from '../../base/errors.ts';
import type { DiskTask } from './disk-operation.ts';
import type { DiskRequests } from './disk-requests.ts';
import {
  decodeIdentity,
  encodeIdentity,
  type Identity,
  identityBytesMax,
  identityDamaged,
  identityPath,
} from './identity.ts';
import type { MemberLog } from './member-log.ts';
import { type RecoveryReport, recoverLog } from './recovery.ts';
import { logDirectory } from './segment-format.ts';
import { prepareTasks } from './segments.ts';
import { type LogOptions, logSettings } from './settings.ts';
import { snapshotDirectory } from './snapshot-format.ts';
import { encodeVotes, slotBytes, slotOf, votePath } from './vote-format.ts';

/** A directory that was opened. */
export interface OpenedLog {
  readonly identity: Identity;
  readonly log: MemberLog;
  readonly report: RecoveryReport;
}

/**
 * Opens the log of a directory. The caller holds the directory's lock. Answers `new` where there is
 * no identity: then {@link foundLog} makes one.
 *
 * Refuses with `identity-damaged`, `log-damaged`, `vote-damaged`, `wrong-directory`,
 * `format-too-new` (`details` hold `path` and `offset`), or with what the disk failed with;
 * `disk-full` where not even one batch can be written.
 *
 * @throws QuorateError `invalid-config` for options out of range, at once.
 */
export function openLog(
  disk: DiskRequests,
  options: LogOptions,
  answer: (result: OpenedLog | 'new' | QuorateError) => void,
): void {
  const settings = logSettings(options);
  const read = { type: 'read-whole' as const, path: identityPath, bytesMax: identityBytesMax };
  disk.bytes(read, (bytes) => {
    if (bytes instanceof QuorateError) {
      if (bytes.code === 'file-not-found') answer('new');
      else answer(bytes.code === 'file-too-large' ? identityDamaged() : bytes);
      return;
    }
    const identity = decoded(bytes);
    if (identity instanceof QuorateError) return answer(identity);
    recoverLog(disk, { identity, settings }, (result) => {
      answer(result instanceof QuorateError ? result : { identity, ...result });
    });
  });
}

/**
 * Makes a directory for a new member and opens it. What an attempt that was broken off has left
 * there is removed. Fails with what the disk failed with.
 *
 * @throws QuorateError `invalid-config` for an identity or options out of range, at once.
 */
export function foundLog(
  disk: DiskRequests,
  identity: Identity,
  options: LogOptions,
  answer: (result: OpenedLog | QuorateError) => void,
): void {
  const { segmentBytes } = logSettings(options);
  const content = encodeIdentity(identity);
  const fail = (error: QuorateError): void => answer(error);
  disk.run({ type: 'make-directory', path: logDirectory }, (error) => {
    if (error !== null) return fail(error);
    disk.names(logDirectory, (names) => {
      if (names instanceof QuorateError) return fail(names);
      const leftovers = names.map((name): DiskTask => {
        return { type: 'remove', path: `${logDirectory}/${name}` };
      });
      const tasks: DiskTask[] = [
        ...leftovers,
        { type: 'make-directory', path: snapshotDirectory },
        { type: 'create', path: votePath, sizeBytes: 2 * slotBytes },
        ...[1, 2].map((sequence) => firstVotes(identity, sequence)),
        ...prepareTasks(identity, segmentBytes, { sequence: 1, firstNumber: 1 }),
        { type: 'sync-directory', path: '' },
        { type: 'write-atomically', path: identityPath, content },
      ];
      disk.inOrder(tasks, (failed) => {
        if (failed !== null) return fail(failed);
        openLog(disk, options, (opened) => {
          if (opened !== 'new') return answer(opened);
          fail(new QuorateError('disk-failed', 'the identity that was just written is gone'));
        });
      });
    });
  });
}

/** An empty table, so that from the beginning both slots are whole. */
function firstVotes(identity: Identity, sequence: number): DiskTask {
  const table = { sequence, logSyncedThrough: 0, unknownSuspect: false, rows: new Map() };
  const buffers = [encodeVotes(table, identity)];
  return {
    type: 'write',
    path: votePath,
    position: slotOf(sequence) * slotBytes,
    buffers,
    sync: true,
  };
}

function decoded(bytes: Uint8Array): Identity | QuorateError {
  try {
    return decodeIdentity(bytes);
  } catch (error) {
    if (error instanceof QuorateError) return error;
    throw error;
  }
}
