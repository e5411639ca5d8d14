/**
 * What the engine writes around a command in an entry's data.
 *
 *     kind · origin member · origin sequence · time · [guards] · command
 *
 * The origin says whose proposal it is, so that the member that proposed it can answer it when it
 * applies it, through whichever leader it went. Sequences start at random in each life of a member:
 * an entry of an earlier life is nobody's. The time is the origin's wall clock.
 *
 * Guards are what every replica checks before the machine sees the command: the term that its
 * author requires, and the session in which it takes effect once. Most commands have none, and then
 * carry no byte for them.
 */
import { ByteReader, ByteWriter, numberBytes } from '../base/binary.ts';
import type { ByteSlab } from '../base/byte-slab.ts';
import { QuorateError } from '../base/errors.ts';
import { emptyBytes, type MemberId } from '../raft/entry.ts';

/** `command` is for the machine; the others are the engine's own. */
export type EntryKind = 'command' | 'hash-check';

// The wire's numbers: only ever append. An empty entry has no kind at all. 0 was a command without
// a time, of a version that never was released.
const HASH_CHECK = 1;
const COMMAND = 2;
const GUARDED_COMMAND = 3;

/** A session's part in a command; see sessions.ts. */
export interface SessionMark {
  /** 1 … {@link clientBytesMax} bytes of UTF-8. */
  readonly client: string;
  /** 1 … 2^53 − 1. */
  readonly sequence: number;
}

/** What is checked when a command is applied. */
export interface Guards {
  /** If not 0, the command takes effect only if its entry is of this term. */
  readonly requiredTerm: number;
  readonly session: SessionMark | undefined;
}

export const noGuards: Guards = { requiredTerm: 0, session: undefined };

export interface Envelope {
  readonly kind: EntryKind;
  readonly origin: MemberId;
  readonly sequence: number;
  /** Whole ms since 1970, 0 … 2^48 − 1. */
  readonly timeMs: number;
  readonly guards: Guards;
  /** A view on the entry's data. */
  readonly body: Uint8Array;
}

/** Sequences are whole numbers below this; they are drawn below half of it, to leave room. */
export const SEQUENCE_LIMIT = 2 ** 48;

/** The longest name of a session's client. */
export const clientBytesMax = 256;

const FIXED_BYTES = 6;
const FENCE = 1;
const SESSION = 2;

/** The entry's data, in room from `slab`: the command is copied, and may change afterwards. */
export function wrap(envelope: Envelope, slab: ByteSlab): Uint8Array {
  const { kind, origin, sequence, timeMs, guards, body } = envelope;
  const guardBytes = guards === noGuards ? emptyBytes : encodeGuards(guards);
  const headBytes = 1 + numberBytes(origin) + 2 * FIXED_BYTES + guardBytes.length;
  const data = slab.take(headBytes + body.length);
  const plain = kind === 'command' ? COMMAND : HASH_CHECK;
  data[0] = guardBytes.length === 0 ? plain : GUARDED_COMMAND;
  let offset = 1;
  let rest = origin;
  while (rest >= 128) {
    data[offset++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  data[offset++] = rest;
  // Six bytes, lowest first: both are large from the start, so a varint would save nothing.
  offset = writeFixed(data, offset, sequence);
  offset = writeFixed(data, offset, timeMs);
  if (guardBytes.length > 0) data.set(guardBytes, offset);
  data.set(body, headBytes);
  return data;
}

function writeFixed(data: Uint8Array, at: number, value: number): number {
  const low = value >>> 0;
  const high = Math.floor(value / 2 ** 32);
  data[at] = low & 255;
  data[at + 1] = (low >>> 8) & 255;
  data[at + 2] = (low >>> 16) & 255;
  data[at + 3] = low >>> 24;
  data[at + 4] = high & 255;
  data[at + 5] = high >>> 8;
  return at + FIXED_BYTES;
}

function readFixed(data: Uint8Array, at: number): number {
  const low = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24);
  return (low >>> 0) + (data[at + 4]! | (data[at + 5]! << 8)) * 2 ** 32;
}

/**
 * Read in place, without a reader: every entry passes through here on every member.
 *
 * @throws QuorateError `malformed-message`
 */
export function unwrap(data: Uint8Array): Envelope {
  const kind = data[0] ?? 0;
  if (kind < HASH_CHECK || kind > GUARDED_COMMAND) {
    throw new QuorateError('malformed-message', `an entry of an unknown kind, ${kind}`);
  }
  let origin = data[1]!;
  let at = 2;
  // An origin of one byte is the usual case.
  if (origin >= 128) {
    const reader = new ByteReader(data.subarray(1));
    origin = reader.number();
    at = 1 + reader.offset;
  }
  const fixedEnd = at + 2 * FIXED_BYTES;
  if (data.length < fixedEnd) throw new QuorateError('malformed-message', 'an entry ends early');
  const sequence = readFixed(data, at);
  const timeMs = readFixed(data, at + FIXED_BYTES);
  const entryKind = kind === HASH_CHECK ? 'hash-check' : 'command';
  const rest = data.subarray(fixedEnd);
  if (kind !== GUARDED_COMMAND) {
    return { kind: entryKind, origin, sequence, timeMs, guards: noGuards, body: rest };
  }
  const reader = new ByteReader(rest);
  const guards = decodeGuards(reader);
  const body = reader.raw(reader.remaining);
  return { kind: entryKind, origin, sequence, timeMs, guards, body };
}

function encodeGuards({ requiredTerm, session }: Guards): Uint8Array {
  const flags = (requiredTerm === 0 ? 0 : FENCE) | (session === undefined ? 0 : SESSION);
  if (flags === 0) return emptyBytes;
  const writer = new ByteWriter(64).byte(flags);
  if (requiredTerm !== 0) writer.number(requiredTerm);
  if (session !== undefined) {
    writer.bytes(new TextEncoder().encode(session.client)).number(session.sequence);
  }
  return writer.finish();
}

function decodeGuards(reader: ByteReader): Guards {
  const flags = reader.byte();
  const requiredTerm = (flags & FENCE) === 0 ? 0 : reader.number();
  if ((flags & SESSION) === 0) return { requiredTerm, session: undefined };
  const client = new TextDecoder().decode(reader.bytes());
  return { requiredTerm, session: { client, sequence: reader.number() } };
}
