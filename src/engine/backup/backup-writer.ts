/** Makes a backup's pieces, in order; whoever has asked for them sends or stores them. */
import { assert } from '../../base/assert.ts';
import { hexOf } from '../../base/hex.ts';
import type { Sha256 } from '../../ports/crypto.ts';
import { encodeJson } from '../call-kinds.ts';
import {
  type BackupGroupHead,
  type BackupHead,
  type BackupKind,
  backupCutBytes,
  backupFormat,
  type ContentKind,
  encodeBackupPiece,
} from './backup-format.ts';

export class BackupWriter {
  readonly #sum: Sha256;
  #checksum = 0;
  #groups = 0;
  #totals: Record<ContentKind, number> | undefined;
  /** Known once {@link end} was called. */
  sha256 = '';

  constructor(sum: Sha256) {
    this.#sum = sum;
  }

  begin(head: BackupHead): Uint8Array {
    return this.#json('backup', { quorate: 'backup', format: backupFormat, ...head });
  }

  group(head: BackupGroupHead): Uint8Array {
    assert(this.#totals === undefined, 'a group begins within another');
    this.#totals = { engine: 0, chunk: 0, entries: 0, pairs: 0 };
    return this.#json('group', head);
  }

  /** Contents of the group, of any length. */
  *content(kind: ContentKind, bytes: Uint8Array): Generator<Uint8Array, void> {
    assert(this.#totals !== undefined, 'contents without a group');
    this.#totals[kind] += bytes.length;
    for (let at = 0; at < bytes.length; at += backupCutBytes) {
      yield this.#piece(kind, bytes.subarray(at, at + backupCutBytes));
    }
  }

  groupEnd(): Uint8Array {
    assert(this.#totals !== undefined, 'the end of no group');
    const totals = this.#totals;
    this.#totals = undefined;
    this.#groups++;
    return this.#json('group-end', totals);
  }

  end(): Uint8Array {
    assert(this.#totals === undefined, 'a backup ends within a group');
    this.sha256 = hexOf(this.#sum.finish());
    const content = encodeJson({ groups: this.#groups, sha256: this.sha256 });
    return encodeBackupPiece('end', content, this.#checksum).bytes;
  }

  #json(kind: BackupKind, value: object): Uint8Array {
    return this.#piece(kind, encodeJson(value));
  }

  #piece(kind: BackupKind, content: Uint8Array): Uint8Array {
    const { bytes, checksum } = encodeBackupPiece(kind, content, this.#checksum);
    this.#checksum = checksum;
    this.#sum.update(bytes);
    return bytes;
  }
}
