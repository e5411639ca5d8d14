/** Where a backup is read from, as often as need be, and what is in it: all of it is checked. */
import { QuorateError } from '../base/errors.ts';
import type {
  BackupEnd,
  BackupGroupHead,
  BackupGroupTotals,
  BackupHead,
} from '../engine/backup/backup-format.ts';
import { type BackupPiece, BackupReader } from '../engine/backup/backup-reader.ts';
import type { Sha256 } from '../ports/crypto.ts';

/** A backup that was put away: a file, or an application's own place. */
export interface BackupSource {
  /** Its bytes from the first on, in chunks of any size; it may be asked for again. */
  read(): AsyncIterable<Uint8Array>;
}

/** A group in a backup, with how many bytes it has there. */
export interface BackupGroupInfo extends BackupGroupHead {
  readonly totals: BackupGroupTotals;
}

/** What a backup holds. */
export interface BackupInfo extends BackupHead {
  readonly groups: readonly BackupGroupInfo[];
  /** Names the backup. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** The pieces of a backup. @throws QuorateError `backup-damaged`, `format-too-new` */
export async function* backupPieces(
  source: BackupSource,
  sum: Sha256,
): AsyncGenerator<BackupPiece, BackupEnd> {
  const reader = new BackupReader(sum);
  for await (const bytes of source.read()) yield* reader.push(bytes);
  return reader.finish();
}

/**
 * Reads all of a backup, and says what it holds.
 * @throws QuorateError `backup-damaged`, `format-too-new`, and what reading it failed with
 */
export async function inspectBackup(source: BackupSource, sum: Sha256): Promise<BackupInfo> {
  const reader = new BackupReader(sum);
  let head: BackupHead | undefined;
  let group: BackupGroupHead | undefined;
  let sizeBytes = 0;
  const groups: BackupGroupInfo[] = [];
  for await (const bytes of source.read()) {
    sizeBytes += bytes.length;
    for (const piece of reader.push(bytes)) {
      if (piece.kind === 'backup') head = piece.head;
      if (piece.kind === 'group') group = piece.head;
      if (piece.kind === 'group-end') groups.push({ ...group!, totals: piece.totals });
    }
  }
  const { sha256 } = reader.finish();
  return { ...head!, groups, sha256, sizeBytes };
}

/** The group of that name, or the only one. @throws QuorateError `unknown-group` */
export function groupOf({ groups }: BackupInfo, name: string | undefined): BackupGroupInfo {
  const [only] = groups;
  if (name === undefined && groups.length === 1) return only!;
  const found = groups.find((each) => each.name === name);
  if (found !== undefined) return found;
  const names = groups.map((each) => each.name).join(', ') || 'none';
  const text =
    name === undefined ? 'the backup has several groups' : `the backup has no group ${name}`;
  throw new QuorateError('unknown-group', `${text}; it has ${names}`);
}
