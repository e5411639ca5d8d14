/** A typed group's state as lines of JSON: of a running member, or out of a backup. */
import { QuorateError } from '../base/errors.ts';
import type { BackupGroupHead } from '../engine/backup/backup-format.ts';
import { ExportLines } from '../machine/export-lines.ts';
import type { Sha256 } from '../ports/crypto.ts';
import { type BackupSource, backupPieces, groupOf, inspectBackup } from './backup-source.ts';
import type { BackupWalk } from './backup-walk.ts';
import type { Backups } from './backups.ts';

/** An export on its way: lines without their ends, to be taken in order, once. */
export class GroupExport implements AsyncIterable<string> {
  /** The last entry whose effects are in it. */
  readonly index: number;
  readonly term: number;
  readonly #backups: Backups;
  readonly #walk: BackupWalk;

  /** `TypedGroup.export` makes it. */
  constructor(backups: Backups, walk: BackupWalk) {
    this.#backups = backups;
    this.#walk = walk;
    this.index = walk.head.index;
    this.term = walk.head.term;
  }

  /** @throws QuorateError `group-deleted`, `closing`, `timeout` where it was not gone on with */
  async *[Symbol.asyncIterator](): AsyncGenerator<string, void> {
    const { name: group } = this.#walk.head;
    const lines = new ExportLines({ group, index: this.index, term: this.term });
    for await (const { kind, bytes } of this.#backups.parts(this.#walk)) {
      if (kind === 'chunk') yield* lines.chunk(bytes);
    }
    lines.finish();
  }

  /** Lets go of what it holds, if it is not wanted after all. */
  close(): void {
    this.#backups.release(this.#walk);
  }
}

/**
 * A group's lines out of a backup: one that may be read again is checked as a whole first, one on its
 * way while the lines come.
 * @param name by default that of the only group
 * @throws QuorateError `unknown-group`, `wrong-machine` where the state is not a typed machine's,
 *   `backup-damaged`, `format-too-new`
 */
export async function* exportFrom(
  source: BackupSource | AsyncIterable<Uint8Array>,
  createSha256: () => Sha256,
  name?: string,
): AsyncGenerator<string, void> {
  const again = 'read' in source ? source : { read: () => source };
  let wanted = name;
  if ('read' in source) wanted = groupOf(await inspectBackup(source, createSha256()), name).name;
  let found: string | undefined;
  let lines: ExportLines | undefined;
  for await (const piece of backupPieces(again, createSha256())) {
    if (piece.kind === 'group') {
      if (wanted !== undefined && piece.head.name !== wanted) continue;
      if (found !== undefined) {
        throw new QuorateError('unknown-group', 'the backup has several groups: name one');
      }
      found = piece.head.name;
      lines = linesOf(piece.head);
    } else if (piece.kind === 'chunk' && lines !== undefined) {
      yield* lines.chunk(piece.content);
    } else if (piece.kind === 'group-end') {
      lines?.finish();
      lines = undefined;
    }
  }
  if (found !== undefined) return;
  throw new QuorateError('unknown-group', `the backup has no group ${name ?? 'at all'}`);
}

function linesOf({ name: group, index, term, source, machine }: BackupGroupHead): ExportLines {
  if (source === 'machine' && machine?.kind === 'typed')
    return new ExportLines({ group, index, term });
  const text = `the state of ${group} in the backup is not that of a running typed machine`;
  throw new QuorateError('wrong-machine', text);
}
