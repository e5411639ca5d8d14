/**
 * Follows a backup's bytes from the first to the last, however they are cut: each piece must be
 * whole, continue the one before, and be of a kind that may come there. What it has given out before
 * {@link BackupReader.finish} is of no worth if that throws.
 */
import { QuorateError } from '../../base/errors.ts';
import { hexOf } from '../../base/hex.ts';
import type { Sha256 } from '../../ports/crypto.ts';
import { readUint32 } from '../log/fixed-numbers.ts';
import {
  type BackupEnd,
  type BackupGroupHead,
  type BackupGroupTotals,
  type BackupHead,
  type BackupKind,
  backupChecksum,
  backupDamaged,
  backupFormat,
  backupKinds,
  backupPieceBytesMax,
  backupPieceHeadBytes,
  type ContentKind,
} from './backup-format.ts';

/** What a backup says, piece by piece. */
export type BackupPiece =
  | { readonly kind: 'backup'; readonly head: BackupHead }
  | { readonly kind: 'group'; readonly head: BackupGroupHead }
  /** A view, not a copy. */
  | { readonly kind: ContentKind; readonly content: Uint8Array }
  | { readonly kind: 'group-end'; readonly totals: BackupGroupTotals }
  | { readonly kind: 'end'; readonly end: BackupEnd };

const contentKinds: readonly BackupKind[] = ['engine', 'chunk', 'entries', 'pairs'];

export class BackupReader {
  readonly #sum: Sha256;
  #rest: Uint8Array = new Uint8Array(0);
  #checksum = 0;
  #offset = 0;
  #state: 'nothing' | 'between' | 'group' | 'ended' = 'nothing';
  #groups = 0;
  #totals: Record<ContentKind, number> = { engine: 0, chunk: 0, entries: 0, pairs: 0 };
  #lastKind = 0;
  #end: BackupEnd | undefined;

  constructor(sum: Sha256) {
    this.#sum = sum;
  }

  /** The pieces that are whole with these bytes. @throws QuorateError `backup-damaged`, `format-too-new` */
  *push(bytes: Uint8Array): Generator<BackupPiece, void> {
    let all = bytes;
    if (this.#rest.length > 0) {
      all = new Uint8Array(this.#rest.length + bytes.length);
      all.set(this.#rest);
      all.set(bytes, this.#rest.length);
    }
    let at = 0;
    while (all.length - at >= backupPieceHeadBytes) {
      const length = readUint32(all, at + 1);
      if (length > backupPieceBytesMax) throw this.#damaged('a piece is impossibly long');
      const totalBytes = backupPieceHeadBytes + length;
      if (all.length - at < totalBytes) break;
      yield this.#take(all.subarray(at, at + totalBytes));
      at += totalBytes;
      this.#offset += totalBytes;
    }
    this.#rest = all.slice(at);
  }

  /** All bytes were pushed. @throws QuorateError `backup-damaged` where they are not all there */
  finish(): BackupEnd {
    if (this.#end === undefined || this.#rest.length > 0) throw this.#damaged('it ends early');
    return this.#end;
  }

  #take(bytes: Uint8Array): BackupPiece {
    if (this.#state === 'ended') throw this.#damaged('something follows its end');
    const content = bytes.subarray(backupPieceHeadBytes);
    const checksum = backupChecksum(bytes, content, this.#checksum);
    const kind = backupKinds[bytes[0]!];
    if (kind === undefined || checksum !== readUint32(bytes, 5)) {
      const what =
        this.#state === 'nothing' ? 'this is no backup' : 'a piece is not what was written';
      throw this.#damaged(what);
    }
    this.#checksum = checksum;
    if ((kind === 'backup') !== (this.#state === 'nothing'))
      throw this.#damaged('pieces are mixed');
    const piece = this.#piece(kind, content);
    if (kind !== 'end') this.#sum.update(bytes);
    return piece;
  }

  #piece(kind: BackupKind, content: Uint8Array): BackupPiece {
    switch (kind) {
      case 'backup': {
        this.#state = 'between';
        return { kind, head: this.#head(content) };
      }
      case 'group': {
        this.#expect('between');
        this.#state = 'group';
        this.#totals = { engine: 0, chunk: 0, entries: 0, pairs: 0 };
        this.#lastKind = 0;
        return { kind, head: this.#groupHead(content) };
      }
      case 'group-end': {
        this.#expect('group');
        this.#state = 'between';
        this.#groups++;
        const totals = this.#json(content) as unknown as BackupGroupTotals;
        for (const each of ['engine', 'chunk', 'entries', 'pairs'] as const) {
          if (totals[each] !== this.#totals[each])
            throw this.#damaged(`${each} pieces are missing`);
        }
        return { kind, totals };
      }
      case 'end': {
        this.#expect('between');
        this.#state = 'ended';
        const end = this.#json(content) as unknown as BackupEnd;
        if (end.groups !== this.#groups || end.sha256 !== hexOf(this.#sum.finish())) {
          throw this.#damaged('its SHA-256 is another');
        }
        this.#end = end;
        return { kind, end };
      }
      default: {
        this.#expect('group');
        const order = contentKinds.indexOf(kind);
        if (order < this.#lastKind) throw this.#damaged('pieces are mixed');
        this.#lastKind = order;
        this.#totals[kind] += content.length;
        return { kind, content };
      }
    }
  }

  #head(content: Uint8Array): BackupHead {
    const head = this.#json(content);
    const { quorate, format } = head;
    if (quorate !== 'backup' || typeof format !== 'number')
      throw this.#damaged('this is no backup');
    if (format > backupFormat) {
      const text = `the backup has format ${format}, this program knows ${backupFormat}`;
      throw new QuorateError('format-too-new', text, { details: { format } });
    }
    const { clusterId, member, memberId, timeMs } = head as unknown as BackupHead;
    return { clusterId, member, memberId, timeMs };
  }

  #groupHead(content: Uint8Array): BackupGroupHead {
    const head = this.#json(content) as unknown as BackupGroupHead;
    const { name, id, index, term } = head;
    const numbers = [id, index, term].every((each) => Number.isSafeInteger(each) && each >= 0);
    if (typeof name !== 'string' || !numbers) throw this.#damaged('a group without its facts');
    return head;
  }

  #json(content: Uint8Array): Record<string, unknown> {
    try {
      return JSON.parse(new TextDecoder().decode(content)) as Record<string, unknown>;
    } catch {
      throw this.#damaged('a head is no JSON');
    }
  }

  #expect(state: 'between' | 'group'): void {
    if (this.#state !== state) throw this.#damaged('pieces are mixed');
  }

  #damaged(what: string): QuorateError {
    return backupDamaged(this.#offset, what);
  }
}
