/** A backup as a file, whatever platform it lies on. */
import type { Sha256 } from '../ports/crypto.ts';
import { type BackupInfo, type BackupSource, inspectBackup } from './backup-source.ts';

/** What the platform gives. */
export interface BackupPlace {
  write(bytes: AsyncIterable<Uint8Array>): Promise<number>;
  read(): AsyncIterable<Uint8Array>;
  createSha256(): Sha256;
}

/** See `backupFile`. */
export class BackupFile implements BackupSource {
  readonly path: string;
  readonly #place: BackupPlace;

  /** `backupFile` makes it. */
  constructor(path: string, place: BackupPlace) {
    this.path = path;
    this.#place = place;
  }

  /**
   * Writes a new file; durable when this returns.
   * @returns its size in bytes
   * @throws QuorateError `file-exists`, `file-not-found` where its directory is not there, what the
   *   backup ends with, or what the disk failed with; then nothing of it stays
   */
  write(backup: AsyncIterable<Uint8Array>): Promise<number> {
    return this.#place.write(backup);
  }

  /** @throws QuorateError `file-not-found`, `permission-denied`, `disk-failed` */
  read(): AsyncIterable<Uint8Array> {
    return this.#place.read();
  }

  /**
   * Reads all of it, and says what it holds.
   * @throws QuorateError `backup-damaged`, `format-too-new`, and as {@link read}
   */
  inspect(): Promise<BackupInfo> {
    return inspectBackup(this, this.#place.createSha256());
  }
}
