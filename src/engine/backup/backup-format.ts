/**
 * Backups: one stream of bytes that holds groups as they stood at one applied index each, on nobody's
 * disk in particular. A row of pieces, each checked by itself and in its place:
 *
 *     piece: kind (1 byte) · length (4) · checksum (4) · the piece's bytes
 *
 *     backup     JSON: format, cluster, member, time
 *     group      JSON: name, id, index, term, machine and its version, hash; then its contents:
 *       engine   what the engine keeps beside the machine: time, sessions
 *       chunk    the machine's state, in order
 *       entries  of a stopped member: what its log holds behind that state
 *       pairs    of a stopped member: what its store holds
 *     group-end  JSON: how much of each there was
 *     end        JSON: how many groups, and the SHA-256 of all bytes before this piece
 *
 * A piece's checksum (CRC32C) goes on from that of the piece before: none can be missing, doubled or
 * out of place, and no byte can differ. Heads are JSON, so that people find with the plainest tools
 * what a file is; the number in `format` says who can read the rest.
 */
import { crc32c } from '../../base/crc32c.ts';
import { QuorateError } from '../../base/errors.ts';
import type { Position } from '../../raft/entry.ts';
import { writeUint32 } from '../log/fixed-numbers.ts';
import type { MachineFacts } from '../machine.ts';

/** The newest form that this program writes and reads. */
export const backupFormat = 1;

export const backupKinds = [
  'backup',
  'group',
  'engine',
  'chunk',
  'entries',
  'pairs',
  'group-end',
  'end',
] as const;

export type BackupKind = (typeof backupKinds)[number];

/** Kinds of a group's contents, in the order in which they come. */
export type ContentKind = 'engine' | 'chunk' | 'entries' | 'pairs';

export const backupPieceHeadBytes = 9;

/** Nothing that is written is larger; a longer length is damage. */
export const backupPieceBytesMax = 64 * 2 ** 20;

/** Contents are cut into pieces of this size. */
export const backupCutBytes = 256 * 2 ** 10;

/** Whose backup it is. */
export interface BackupHead {
  readonly clusterId: number;
  /** The member that made it. */
  readonly member: string;
  readonly memberId: number;
  /** When it was begun, by that member's clock, in ms since 1970. */
  readonly timeMs: number;
}

/** What is said of a group before its contents. */
export interface BackupGroupHead {
  readonly name: string;
  readonly id: number;
  /** The last entry whose effects are in it. */
  readonly index: number;
  readonly term: number;
  /** `machine`: the state of a running one. `directory`: what a stopped member's files hold. */
  readonly source: 'machine' | 'directory';
  /** Of a running machine. */
  readonly machine?: MachineFacts;
  /** Of the machine's state, where the machine tells one. */
  readonly hash?: number;
  /** Of a stopped member: where its state stands, which entries follow. */
  readonly base?: Position;
  /** Of a stopped member: whose store the pairs are of; else the state is in chunks. */
  readonly store?: 'machine' | 'kv';
  /** Of a stopped member: entries up to here are known to be committed. */
  readonly commit?: number;
}

/** How much of each kind a group has: bytes. */
export type BackupGroupTotals = Readonly<Record<ContentKind, number>>;

/** What the last piece says. */
export interface BackupEnd {
  readonly groups: number;
  /** Of all bytes before that piece, in hex: it names the backup. */
  readonly sha256: string;
}

/** The checksum of a piece, going on from the one before. */
export function backupChecksum(head: Uint8Array, content: Uint8Array, before: number): number {
  return crc32c(content, 0, content.length, crc32c(head, 0, 5, before));
}

/** A piece, and its checksum. */
export function encodeBackupPiece(
  kind: BackupKind,
  content: Uint8Array,
  before: number,
): { readonly bytes: Uint8Array; readonly checksum: number } {
  const bytes = new Uint8Array(backupPieceHeadBytes + content.length);
  bytes[0] = backupKinds.indexOf(kind);
  writeUint32(bytes, 1, content.length);
  const checksum = backupChecksum(bytes, content, before);
  writeUint32(bytes, 5, checksum);
  bytes.set(content, backupPieceHeadBytes);
  return { bytes, checksum };
}

export function backupDamaged(offset: number, what: string): QuorateError {
  return new QuorateError('backup-damaged', `the backup is damaged at byte ${offset}: ${what}`, {
    details: { offset },
  });
}
