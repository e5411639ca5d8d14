/** The form of a backup: every byte of it counts. */
import { describe, expect, it } from 'vitest';
import { crypto } from '../../../test/backup/crypto.ts';
import { encodeJson } from '../call-kinds.ts';
import { type BackupKind, encodeBackupPiece } from './backup-format.ts';
import { type BackupPiece, BackupReader } from './backup-reader.ts';
import { BackupWriter } from './backup-writer.ts';

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

function small(): Uint8Array {
  const writer = new BackupWriter(crypto.createSha256());
  const parts = [writer.begin({ clusterId: 2 ** 53 - 1, member: 'a', memberId: 1, timeMs: 7 })];
  for (const [id, name] of ['one', 'two'].entries()) {
    parts.push(writer.group({ name, id, index: 5, term: 2, source: 'machine' }));
    parts.push(...writer.content('engine', Uint8Array.of(1, 2)));
    parts.push(...writer.content('chunk', Uint8Array.of(3, 4, 5)), writer.groupEnd());
  }
  parts.push(writer.end());
  return joined(parts);
}

/** Reads all of it, cut into steps. */
function read(bytes: Uint8Array, step = bytes.length): BackupPiece[] {
  const reader = new BackupReader(crypto.createSha256());
  const pieces: BackupPiece[] = [];
  for (let at = 0; at < bytes.length; at += step) {
    pieces.push(...reader.push(bytes.subarray(at, at + step)));
  }
  reader.finish();
  return pieces;
}

/** Pieces that follow each other rightly, whatever is in them. */
function chained(...pieces: readonly (readonly [BackupKind, object])[]): Uint8Array {
  let checksum = 0;
  return joined(
    pieces.map(([kind, value]) => {
      const piece = encodeBackupPiece(kind, encodeJson(value), checksum);
      checksum = piece.checksum;
      return piece.bytes;
    }),
  );
}

describe('a backup', () => {
  it('is read as it was written, however it is cut', () => {
    const bytes = small();
    const kinds = ['group', 'engine', 'chunk', 'group-end'];
    for (const step of [1, 2, 7, bytes.length]) {
      const pieces = read(bytes, step);
      expect(pieces.map(({ kind }) => kind)).toEqual(['backup', ...kinds, ...kinds, 'end']);
      expect(pieces[0]).toEqual({
        kind: 'backup',
        head: { clusterId: 2 ** 53 - 1, member: 'a', memberId: 1, timeMs: 7 },
      });
    }
  });

  it('is refused as damaged with any byte changed', () => {
    const bytes = small();
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 128]) {
        const other = bytes.slice();
        other[at]! ^= bit;
        expect(() => read(other), `byte ${at}`).toThrow(
          expect.objectContaining({ code: 'backup-damaged' }),
        );
      }
    }
  });

  it('is refused as damaged when it ends at any byte, or goes on', () => {
    const bytes = small();
    const damage = expect.objectContaining({ code: 'backup-damaged' });
    for (let end = 0; end < bytes.length; end++) {
      expect(() => read(bytes.subarray(0, end)), `end at ${end}`).toThrow(damage);
    }
    expect(() => read(joined([bytes, Uint8Array.of(0)]))).toThrow(damage);
    expect(() => read(joined([bytes, bytes]))).toThrow(damage);
  });

  it('of a later form is refused by name, and what is no backup as such', () => {
    const later = chained(['backup', { quorate: 'backup', format: 2, other: 'things' }]);
    expect(() => read(later)).toThrow(expect.objectContaining({ code: 'format-too-new' }));
    for (const head of [{}, { quorate: 'export', format: 1 }, { quorate: 'backup' }]) {
      expect(() => read(chained(['backup', head]))).toThrow('no backup');
    }
    expect(() => read(new TextEncoder().encode('something else altogether'))).toThrow('no backup');
  });

  it('has its pieces in order', () => {
    const head = { quorate: 'backup', format: 1 };
    const group = { name: 'a', id: 1, index: 1, term: 1, source: 'machine' };
    const rows: (readonly [BackupKind, object])[][] = [
      [['group', group]],
      [
        ['backup', head],
        ['chunk', {}],
      ],
      [
        ['backup', head],
        ['backup', head],
      ],
      [
        ['backup', head],
        ['group', group],
        ['group', group],
      ],
      [
        ['backup', head],
        ['group', group],
        ['chunk', {}],
        ['engine', {}],
      ],
      [
        ['backup', head],
        ['group', group],
        ['end', { groups: 0 }],
      ],
      [
        ['backup', head],
        ['group', group],
        ['group-end', { engine: 0, chunk: 1 }],
      ],
      [
        ['backup', head],
        ['group', { ...group, index: -1 }],
      ],
      [
        ['backup', head],
        ['end', { groups: 1, sha256: '' }],
      ],
    ];
    for (const row of rows) {
      expect(() => read(chained(...row))).toThrow(
        expect.objectContaining({ code: 'backup-damaged' }),
      );
    }
  });
});
