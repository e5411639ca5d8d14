/**
 * Questions between members, beside Raft's messages: a member asks another one by kind, and gets
 * bytes or a coded error. A question that was never sent fails as `unreachable` and may be asked
 * again; one whose link broke has an unknown outcome.
 */
import { ByteReader, ByteWriter } from '../../base/binary.ts';
import { QuorateError } from '../../base/errors.ts';
import type { LinkId } from './link.ts';

export type CallResult =
  | { readonly ok: true; readonly value: Uint8Array }
  | { readonly ok: false; readonly error: QuorateError };

interface OpenCall {
  readonly link: LinkId;
  readonly deadlineMs: number;
  readonly done: (result: CallResult) => void;
}

export class Calls {
  #nextId = 1;
  readonly #open = new Map<number, OpenCall>();

  get size(): number {
    return this.#open.size;
  }

  /** Notes a call about to be sent on `link`; returns the payload of its frame. */
  open(
    link: LinkId,
    call: { readonly kind: number; readonly payload: Uint8Array; readonly deadlineMs: number },
    done: (result: CallResult) => void,
  ): Uint8Array {
    const id = this.#nextId++;
    this.#open.set(id, { link, deadlineMs: call.deadlineMs, done });
    return new ByteWriter(call.payload.length + 16)
      .number(id)
      .byte(call.kind)
      .raw(call.payload)
      .finish();
  }

  /** The payload of an answer frame arrived; one that nobody waits for any more is dropped. */
  answered(link: LinkId, id: number, result: CallResult): void {
    const call = this.#open.get(id);
    if (call === undefined || call.link !== link) return;
    this.#open.delete(id);
    call.done(result);
  }

  linkClosed(link: LinkId): void {
    for (const [id, call] of this.#open) {
      if (call.link !== link) continue;
      this.#open.delete(id);
      const error = new QuorateError('connection-lost', 'the link broke before the answer came', {
        maybeApplied: true,
      });
      call.done({ ok: false, error });
    }
  }

  expire(nowMs: number): void {
    for (const [id, call] of this.#open) {
      if (call.deadlineMs > nowMs) continue;
      this.#open.delete(id);
      const error = new QuorateError('timeout', 'the other member did not answer in time', {
        maybeApplied: true,
      });
      call.done({ ok: false, error });
    }
  }
}

/** A call as it arrives. */
export interface IncomingCall {
  readonly id: number;
  readonly kind: number;
  readonly payload: Uint8Array;
}

export function decodeCall(payload: Uint8Array): IncomingCall {
  const reader = new ByteReader(payload);
  return { id: reader.number(), kind: reader.byte(), payload: reader.raw(reader.remaining) };
}
