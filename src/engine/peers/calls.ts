/**
 * Questions between members, beside Raft's messages: a member asks another one by kind, and gets
 * bytes or a coded error. A question that was never sent fails as `unreachable` and may be asked
 * again; one whose link broke, or that was not answered in time, has an unknown outcome.
 *
 *     call: id · kind (1) · in bulk or not (1) · [payload, or its checksum (4)]
 *     answer: id · 0 error, 1 in place, 2 in bulk (1) · [error, payload, or checksum (4)]
 */
import { ByteReader, ByteWriter } from '../../base/binary.ts';
import { QuorateError } from '../../base/errors.ts';
import { xxhash32Of } from '../../base/xxhash32.ts';
import { decodeError, encodeError } from './coded-error.ts';
import type { LinkId } from './link.ts';

export type CallResult =
  | { readonly ok: true; readonly value: Uint8Array }
  | { readonly ok: false; readonly error: QuorateError };

/** A question to another member. */
export interface Call {
  /** What is asked: a byte that both sides know. */
  readonly kind: number;
  /** Not copied: it must not change any more. */
  readonly payload: Uint8Array;
  readonly deadlineMs: number;
}

/** A frame's parts. */
interface Parts {
  readonly meta: Uint8Array;
  readonly bulk: Uint8Array;
}

interface OpenCall {
  readonly link: LinkId;
  readonly deadlineMs: number;
  readonly done: (result: CallResult) => void;
  /** A question that waits for its link to come up. */
  readonly unsent: Call | undefined;
}

/** Payloads below this lie in the meta part. */
const IN_PLACE_BYTES_MAX = 2048;
/** What a call or an answer takes beside its payload, at most. */
export const CALL_BYTES = 32;

const FAILED = 0;
const IN_PLACE = 1;
const IN_BULK = 2;

export class Calls {
  #nextId = 1;
  readonly #open = new Map<number, OpenCall>();
  /** No open call ends before this. */
  #nextDeadlineMs = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.#open.size;
  }

  /** Whether an answer on `link`, or the link itself, is still waited for. */
  waitOn(link: LinkId): boolean {
    for (const call of this.#open.values()) if (call.link === link) return true;
    return false;
  }

  /** Notes a call that is sent on `link` now; returns the parts of its frame. */
  open(link: LinkId, call: Call, done: (result: CallResult) => void): Parts {
    return encodeCall(this.#note(link, call, done, undefined), call);
  }

  /** Notes a call that shall be sent when its link is up. */
  wait(link: LinkId, call: Call, done: (result: CallResult) => void): void {
    this.#note(link, call, done, call);
  }

  /** The link is up: what is to be sent on it now. */
  linkUp(link: LinkId): readonly Parts[] {
    const frames: Parts[] = [];
    for (const [id, call] of this.#open) {
      if (call.link !== link || call.unsent === undefined) continue;
      this.#open.set(id, { ...call, unsent: undefined });
      frames.push(encodeCall(id, call.unsent));
    }
    return frames;
  }

  /** An answer arrived; one that nobody waits for any more is dropped. */
  answered(link: LinkId, { id, result }: IncomingAnswer): void {
    const call = this.#open.get(id);
    if (call === undefined || call.link !== link) return;
    this.#open.delete(id);
    call.done(result);
  }

  /** @param fault why the link is closed: what failed before it was up fails with its name. */
  linkClosed(link: LinkId, fault: QuorateError): void {
    for (const [id, call] of this.#open) {
      if (call.link !== link) continue;
      this.#open.delete(id);
      const error =
        call.unsent === undefined
          ? new QuorateError('connection-lost', 'the link broke before the answer came', {
              maybeApplied: true,
              cause: fault,
            })
          : fault;
      call.done({ ok: false, error });
    }
  }

  expire(nowMs: number): void {
    if (nowMs < this.#nextDeadlineMs) return;
    this.#nextDeadlineMs = Number.POSITIVE_INFINITY;
    for (const [id, { deadlineMs, done, unsent }] of this.#open) {
      if (deadlineMs > nowMs) {
        this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, deadlineMs);
        continue;
      }
      this.#open.delete(id);
      const error = new QuorateError('timeout', 'the other member did not answer in time', {
        maybeApplied: unsent === undefined,
      });
      done({ ok: false, error });
    }
  }

  #note(
    link: LinkId,
    { deadlineMs }: Call,
    done: (result: CallResult) => void,
    unsent: Call | undefined,
  ): number {
    const id = this.#nextId++;
    this.#open.set(id, { link, deadlineMs, done, unsent });
    this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, deadlineMs);
    return id;
  }
}

/** A call as it arrives. */
export interface IncomingCall {
  readonly id: number;
  readonly kind: number;
  /** A view on what was received. */
  readonly payload: Uint8Array;
}

/** An answer as it arrives. */
export interface IncomingAnswer {
  readonly id: number;
  readonly result: CallResult;
}

function encodeCall(id: number, { kind, payload }: Call): Parts {
  return withPayload(id, payload, (writer, place) => writer.byte(kind).byte(place));
}

export function encodeAnswer(id: number, result: CallResult): Parts {
  if (result.ok) return withPayload(id, result.value, (writer, place) => writer.byte(place));
  const error = encodeError(result.error);
  const writer = new ByteWriter(error.length + CALL_BYTES).number(id).byte(FAILED).raw(error);
  return { meta: writer.finish(), bulk: nothing };
}

function withPayload(
  id: number,
  payload: Uint8Array,
  middle: (writer: ByteWriter, place: number) => void,
): Parts {
  const inPlace = payload.length < IN_PLACE_BYTES_MAX;
  const writer = new ByteWriter(inPlace ? payload.length + CALL_BYTES : CALL_BYTES).number(id);
  middle(writer, inPlace ? IN_PLACE : IN_BULK);
  if (inPlace) return { meta: writer.raw(payload).finish(), bulk: nothing };
  return { meta: writer.number(xxhash32Of(payload)).finish(), bulk: payload };
}

/** @throws QuorateError `malformed-message` */
export function decodeCall({ meta, bulk }: Parts): IncomingCall {
  const reader = new ByteReader(meta);
  const id = reader.number();
  const kind = reader.byte();
  return { id, kind, payload: readPayload(reader, reader.byte(), bulk) };
}

/** @throws QuorateError `malformed-message` */
export function decodeAnswer({ meta, bulk }: Parts): IncomingAnswer {
  const reader = new ByteReader(meta);
  const id = reader.number();
  const place = reader.byte();
  if (place === FAILED) {
    return { id, result: { ok: false, error: decodeError(reader.raw(reader.remaining)) } };
  }
  return { id, result: { ok: true, value: readPayload(reader, place, bulk) } };
}

function readPayload(reader: ByteReader, place: number, bulk: Uint8Array): Uint8Array {
  if (place === IN_PLACE && bulk.length === 0) return reader.raw(reader.remaining);
  if (place !== IN_BULK || reader.number() !== xxhash32Of(bulk)) {
    throw new QuorateError('malformed-message', 'a damaged call or answer');
  }
  return bulk;
}

const nothing = new Uint8Array(0);
