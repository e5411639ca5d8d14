/**
 * What the engine writes around a command in an entry's data.
 *
 *     kind byte · origin member · origin sequence · command
 *
 * The origin says whose proposal it is, so that the member that proposed it can answer it when it
 * applies it, through whichever leader it went. Sequences start at random in each life of a member:
 * an entry of an earlier life is nobody's.
 */
import { ByteReader, numberBytes } from '../base/binary.ts';
import type { ByteSlab } from '../base/byte-slab.ts';
import { QuorateError } from '../base/errors.ts';
import type { MemberId } from '../raft/entry.ts';

/** `command` is for the machine; the others are the engine's own. */
export type EntryKind = 'command' | 'hash-check';

// Positions are the wire's numbers: only ever append. An empty entry has no kind at all.
const kinds: readonly EntryKind[] = ['command', 'hash-check'];

export interface Envelope {
  readonly kind: EntryKind;
  readonly origin: MemberId;
  readonly sequence: number;
  /** A view on the entry's data. */
  readonly body: Uint8Array;
}

/** Sequences are whole numbers below this; they are drawn below half of it, to leave room. */
export const SEQUENCE_LIMIT = 2 ** 48;

/** The entry's data, in room from `slab`: the command is copied, and may change afterwards. */
export function wrap({ kind, origin, sequence, body }: Envelope, slab: ByteSlab): Uint8Array {
  const headBytes = 1 + numberBytes(origin) + 6;
  const data = slab.take(headBytes + body.length);
  data[0] = kinds.indexOf(kind);
  let offset = 1;
  let rest = origin;
  while (rest >= 128) {
    data[offset++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  data[offset++] = rest;
  // Six bytes, lowest first: sequences are large from the start, so a varint would save nothing.
  const low = sequence >>> 0;
  const high = Math.floor(sequence / 2 ** 32);
  data[offset++] = low & 255;
  data[offset++] = (low >>> 8) & 255;
  data[offset++] = (low >>> 16) & 255;
  data[offset++] = low >>> 24;
  data[offset++] = high & 255;
  data[offset++] = high >>> 8;
  data.set(body, offset);
  return data;
}

/** @throws QuorateError `malformed-message` */
export function unwrap(data: Uint8Array): Envelope {
  const reader = new ByteReader(data);
  const kind = kinds[reader.byte()];
  if (kind === undefined)
    throw new QuorateError('malformed-message', 'an entry of an unknown kind');
  const origin = reader.number();
  let sequence = 0;
  for (let scale = 1; scale < SEQUENCE_LIMIT; scale *= 256) sequence += reader.byte() * scale;
  return { kind, origin, sequence, body: reader.raw(reader.remaining) };
}
