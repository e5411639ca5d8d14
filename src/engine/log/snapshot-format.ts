/**
 * Snapshot files, `snapshots/<group>-<index>`: a row of pieces, each small enough to be kept in
 * memory, sent and checked by itself.
 *
 *     piece: magic · kind · length · checksum before · checksum · the piece's bytes
 *
 *     header  format · cluster · group · index · term · configuration
 *     engine  what the engine keeps beside the machine, in parts
 *     chunks  the machine's state, in order
 *     end     how many pieces, how many bytes of state
 *
 * A piece's checksum goes on from that of the piece before, which stands in it as well: so one
 * piece can be checked alone, none can be missing or out of place, and the last one is the
 * checksum of everything. A file without an end is incomplete. Snapshots are sent as they lie on
 * disk, piece by piece.
 */
import { ByteReader, ByteWriter } from '../../base/binary.ts';
import { crc32c } from '../../base/crc32c.ts';
import { QuorateError } from '../../base/errors.ts';
import type { ConfigurationState } from '../../raft/configuration.ts';
import { readUint32, writeUint32 } from './fixed-numbers.ts';
import { checkFormat } from './format.ts';
import type { GroupId } from './log-write.ts';

export const snapshotDirectory = 'snapshots';
/** 2: may hold what the engine keeps beside the machine. */
export const snapshotFormat = 2;

/** What a piece takes beside its bytes. */
export const pieceHeadBytes = 20;

/** The most that one piece carries: a reader needs no more memory than this. */
export const pieceBytesMax = 256 * 2 ** 10;

const magic = 0x70616e53;
const kinds = ['header', 'chunk', 'end', 'engine'] as const;

export type PieceKind = (typeof kinds)[number];

/** What a snapshot is of. */
export interface SnapshotFacts {
  readonly clusterId: number;
  readonly group: GroupId;
  readonly index: number;
  readonly term: number;
  readonly configuration: ConfigurationState;
}

/** A piece that was found to be whole. */
export interface Piece {
  readonly kind: PieceKind;
  /** A view, not a copy. */
  readonly content: Uint8Array;
  readonly checksumBefore: number;
  readonly checksum: number;
  /** With its head: where the next piece begins. */
  readonly totalBytes: number;
}

export function snapshotPath(group: GroupId, index: number): string {
  return `${snapshotDirectory}/${group}-${index}`;
}

/** The group and index that a file's name stands for, if it is that of a complete snapshot. */
export function snapshotOfName(name: string): { group: GroupId; index: number } | undefined {
  const match = /^(\d{1,16})-(\d{1,16})$/.exec(name);
  if (match === null) return undefined;
  const [group, index] = [Number(match[1]), Number(match[2])];
  return Number.isSafeInteger(group) && Number.isSafeInteger(index) ? { group, index } : undefined;
}

export function encodePiece(kind: PieceKind, content: Uint8Array, before: number): Uint8Array {
  const piece = new Uint8Array(pieceHeadBytes + content.length);
  writeUint32(piece, 0, magic);
  writeUint32(piece, 4, kinds.indexOf(kind));
  writeUint32(piece, 8, content.length);
  writeUint32(piece, 12, before);
  piece.set(content, pieceHeadBytes);
  writeUint32(piece, 16, checksumOf(piece, piece.length));
  return piece;
}

/** The checksum in a piece's head. */
export function pieceChecksum(piece: Uint8Array): number {
  return readUint32(piece, 16);
}

/** The piece that begins at the beginning of `bytes`; undefined where none is whole. */
export function decodePiece(bytes: Uint8Array): Piece | undefined {
  if (bytes.length < pieceHeadBytes || readUint32(bytes, 0) !== magic) return undefined;
  const kind = kinds[readUint32(bytes, 4)];
  const length = readUint32(bytes, 8);
  const totalBytes = pieceHeadBytes + length;
  if (kind === undefined || length > pieceBytesMax || totalBytes > bytes.length) return undefined;
  const checksum = readUint32(bytes, 16);
  if (checksum !== checksumOf(bytes, totalBytes)) return undefined;
  const content = bytes.subarray(pieceHeadBytes, totalBytes);
  return { kind, content, checksumBefore: readUint32(bytes, 12), checksum, totalBytes };
}

/** @throws QuorateError `invalid-config` where a configuration is too large for a piece. */
export function encodeFacts(facts: SnapshotFacts): Uint8Array {
  const { configuration } = facts;
  const writer = new ByteWriter();
  writer.number(snapshotFormat).number(facts.clusterId).number(facts.group);
  writer
    .number(facts.index)
    .number(facts.term)
    .byte(configuration.autoLeave ? 1 : 0);
  for (const members of memberLists(configuration)) {
    writer.number(members.length);
    for (const member of members) writer.number(member);
  }
  const content = writer.finish();
  if (content.length > pieceBytesMax) {
    throw new QuorateError('invalid-config', 'a configuration is too large for a snapshot');
  }
  return encodePiece('header', content, 0);
}

/** @throws QuorateError `format-too-new`, `malformed-message` */
export function decodeFacts(header: Piece, path: string): SnapshotFacts {
  const reader = new ByteReader(header.content);
  checkFormat(path, reader.number(), snapshotFormat);
  const [clusterId, group] = [reader.number(), reader.number()];
  const [index, term] = [reader.number(), reader.number()];
  const autoLeave = reader.byte() === 1;
  const list = (): number[] => Array.from({ length: reader.count(1) }, () => reader.number());
  const [voters, votersOutgoing, learners, learnersNext] = [list(), list(), list(), list()];
  reader.end();
  const configuration = { voters, votersOutgoing, learners, learnersNext, autoLeave };
  return { clusterId, group, index, term, configuration };
}

/** What the end says about all before it. */
export interface SnapshotTotals {
  readonly pieces: number;
  /** Of state, without heads and header. */
  readonly stateBytes: number;
}

export function encodeEnd({ pieces, stateBytes }: SnapshotTotals, before: number): Uint8Array {
  // Of a fixed length, so that it can be found from the end of the file.
  const content = new Uint8Array(endBytes - pieceHeadBytes);
  content.set(new ByteWriter().number(pieces).number(stateBytes).finish());
  return encodePiece('end', content, before);
}

export const endBytes = pieceHeadBytes + 16;

/** @throws QuorateError `malformed-message` */
export function decodeEnd(end: Piece): SnapshotTotals {
  const reader = new ByteReader(end.content);
  return { pieces: reader.number(), stateBytes: reader.number() };
}

export function snapshotDamaged(path: string, offset: number, what: string): QuorateError {
  return new QuorateError('snapshot-damaged', `${path} is damaged at byte ${offset}: ${what}`, {
    details: { path, offset },
  });
}

function memberLists(state: ConfigurationState): readonly (readonly number[])[] {
  return [state.voters, state.votersOutgoing, state.learners, state.learnersNext];
}

/** Over everything but itself, from the checksum before on. */
function checksumOf(piece: Uint8Array, end: number): number {
  return crc32c(piece, pieceHeadBytes, end, crc32c(piece, 4, 16, readUint32(piece, 12)));
}
