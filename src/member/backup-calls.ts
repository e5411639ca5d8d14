/**
 * Backups for processes that are no members, over calls: one begins a backup and gets its name, the
 * next ones fetch its bytes in order. A call that was answered and got lost may be repeated: the last
 * bytes are kept until the next are asked for. Who has left is forgotten after a while.
 *
 *     begin: JSON, how it is to be taken → JSON, its name
 *     next:  JSON, its name and how many bytes have come → more to come or not (1 byte) · bytes
 */
import { QuorateError } from '../base/errors.ts';
import { hexOf } from '../base/hex.ts';
import { encodeJson } from '../engine/call-kinds.ts';
import type { Cancel } from '../ports/callbacks.ts';
import type { Ports } from '../ports/ports.ts';
import type { Backup } from './backups.ts';

/** What a client asks for. */
export interface BackupAsked {
  readonly groups?: readonly string[];
  readonly consistency?: 'linearizable' | 'local';
  readonly at?: number;
  readonly timeoutMs?: number;
}

/** What a client sends. */
export type BackupCall =
  | ({ readonly type: 'begin' } & BackupAsked)
  | { readonly type: 'next'; readonly name: string; readonly offset: number };

/** The first byte of an answer behind which there are more. */
export const backupMore = 1;

interface Session {
  readonly walk: AsyncIterator<Uint8Array, void>;
  readonly backup: Backup;
  /** What is being fetched, or was last. */
  last: { readonly offset: number; readonly answer: Promise<Uint8Array> } | undefined;
  usedMs: number;
  /** All was fetched: it is only kept for a repetition. */
  ended: boolean;
}

/** At a time. */
const sessionsMax = 4;
const idleMsMax = 30_000;
const answerBytesMin = 192 * 2 ** 10;

export class BackupCalls {
  readonly #ports: Pick<Ports, 'clock' | 'crypto'>;
  readonly #begin: (asked: BackupAsked) => Backup;
  readonly #sessions = new Map<string, Session>();
  #cancelWatch: Cancel | undefined;

  constructor(ports: Pick<Ports, 'clock' | 'crypto'>, begin: (asked: BackupAsked) => Backup) {
    this.#ports = ports;
    this.#begin = begin;
  }

  /** @throws QuorateError `malformed-message`, `over-quota`, `unknown-transfer`, and what the backup ends with */
  async answer(payload: Uint8Array): Promise<Uint8Array> {
    const call = decodeCall(payload);
    if (call.type === 'begin') return this.#answerBegin(call);
    const { name, offset } = call;
    const session = this.#sessions.get(name);
    if (session === undefined) {
      throw new QuorateError('unknown-transfer', 'the backup has ended, or has to begin anew');
    }
    session.usedMs = this.#ports.clock.monotonicMs();
    if (session.last?.offset === offset) return session.last.answer;
    const before = await session.last?.answer;
    const expected = (session.last?.offset ?? 0) + (before === undefined ? 0 : before.length - 1);
    if (offset !== expected) {
      throw new QuorateError('malformed-message', `a backup goes on at ${expected}, not ${offset}`);
    }
    const answer = this.#fetch(session);
    session.last = { offset, answer };
    return answer.catch((error: unknown) => {
      this.#sessions.delete(name);
      throw error;
    });
  }

  #answerBegin({ type: _, ...asked }: BackupCall & { readonly type: 'begin' }): Uint8Array {
    for (const [name, { ended }] of this.#sessions) {
      if (ended && this.#sessions.size >= sessionsMax) this.#sessions.delete(name);
    }
    if (this.#sessions.size >= sessionsMax) {
      throw new QuorateError('over-quota', `${sessionsMax} backups are being taken already`);
    }
    const backup = this.#begin(asked);
    const name = hexOf(this.#ports.crypto.randomBytes(16));
    const usedMs = this.#ports.clock.monotonicMs();
    const walk = backup[Symbol.asyncIterator]();
    this.#sessions.set(name, { walk, backup, last: undefined, usedMs, ended: false });
    this.#watch();
    return encodeJson({ name, missing: backup.missing });
  }

  async #fetch(session: Session): Promise<Uint8Array> {
    const { walk } = session;
    const parts: Uint8Array[] = [];
    let length = 1;
    let more = true;
    while (more && length < answerBytesMin) {
      const step = await walk.next();
      if (step.done === true) more = false;
      else {
        parts.push(step.value);
        length += step.value.length;
      }
    }
    const answer = new Uint8Array(length);
    session.ended = !more;
    answer[0] = more ? backupMore : 0;
    let at = 1;
    for (const part of parts) {
      answer.set(part, at);
      at += part.length;
    }
    return answer;
  }

  #watch(): void {
    if (this.#cancelWatch !== undefined) return;
    this.#cancelWatch = this.#ports.clock.after(idleMsMax / 3, () => {
      this.#cancelWatch = undefined;
      const nowMs = this.#ports.clock.monotonicMs();
      for (const [name, { usedMs, walk }] of this.#sessions) {
        if (nowMs - usedMs < idleMsMax) continue;
        this.#sessions.delete(name);
        void walk.return?.();
      }
      if (this.#sessions.size > 0) this.#watch();
    });
  }

  /** Nobody is answered any more. */
  stop(): void {
    this.#cancelWatch?.();
    this.#sessions.clear();
  }
}

function decodeCall(payload: Uint8Array): BackupCall {
  try {
    const call = JSON.parse(new TextDecoder().decode(payload)) as BackupCall;
    if (call.type === 'begin' || (call.type === 'next' && typeof call.name === 'string'))
      return call;
  } catch {
    // As below.
  }
  throw new QuorateError('malformed-message', 'no call for a backup');
}
