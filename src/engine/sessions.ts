/**
 * Exactly once: what each client's commands were answered, so that one that is proposed again is
 * answered again, and takes no second effect (thesis §6.3).
 *
 * A client counts its commands from 1. The table is part of the replicated state: every replica
 * applies the same commands to it in the same order, evicts the same sessions, and has it in its
 * snapshots. So it survives changes of leader, and holds wherever a retry ends up.
 *
 * Everything is bounded, by what all replicas have in common. A session keeps its latest
 * {@link SessionLimits.answersPerSessionMax} answers; beyond the limits of the table the session
 * whose last command lies furthest back goes, and only a hash of its client stays. Whatever is
 * asked of an answer that has gone is refused by name (`session-expired`) and takes no effect.
 *
 *     unknown client, sequence 1            a new session, unless its hash is remembered
 *     unknown client, any other sequence    expired
 *     sequence with an answer               that answer
 *     sequence at or below the floor        expired
 *     any other                             applied, and its answer kept
 *
 * The hashes go too, in the end. A client that must never be taken for a new one, however late it
 * comes, makes its first command one that may take effect twice: then all others are above 1.
 */
import { type ByteReader, ByteWriter } from '../base/binary.ts';
import { crc32c } from '../base/crc32c.ts';
import { xxhash32Of } from '../base/xxhash32.ts';
import type { SessionMark } from './envelope.ts';

/** The same on all replicas of all groups, or they would differ: not a setting. */
export interface SessionLimits {
  readonly sessionsMax: number;
  /** Clients and answers, with what they take beside. */
  readonly bytesMax: number;
  readonly answersPerSessionMax: number;
  /** A longer answer is not kept: a retry is told so. */
  readonly answerBytesMax: number;
  /** Hashes of clients whose session was evicted. */
  readonly forgottenMax: number;
}

export const sessionLimits: SessionLimits = {
  sessionsMax: 65_536,
  bytesMax: 8 * 2 ** 20,
  answersPerSessionMax: 256,
  answerBytesMax: 64 * 2 ** 10,
  forgottenMax: 131_072,
};

/** What the table knows of a command. */
export type Known =
  | { readonly type: 'new' }
  | { readonly type: 'answered'; readonly answer: Uint8Array }
  | { readonly type: 'expired' };

interface Answer {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** Never changed, only replaced, so that a snapshot needs no copy. */
interface Session {
  readonly client: string;
  /** No answer at or below this one is known any more. */
  readonly floor: number;
  /** In the order in which they were given. */
  readonly answers: readonly Answer[];
  readonly bytes: number;
}

/** What a session and an answer are counted with beside their bytes. */
const SESSION_OVERHEAD_BYTES = 64;
const ANSWER_OVERHEAD_BYTES = 32;

const isNew: Known = { type: 'new' };
const isExpired: Known = { type: 'expired' };

export class Sessions {
  readonly #limits: SessionLimits;
  /** In the order of last use, by the log. */
  #sessions = new Map<string, Session>();
  #bytes = 0;
  /** In the order of their coming. */
  #forgotten = new Set<number>();

  constructor(limits: SessionLimits = sessionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#sessions.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Looks a command up. Its session counts as used now. */
  look({ client, sequence }: SessionMark): Known {
    const session = this.#sessions.get(client);
    if (session === undefined) {
      return sequence === 1 && !this.#forgotten.has(hashOf(client)) ? isNew : isExpired;
    }
    this.#sessions.delete(client);
    this.#sessions.set(client, session);
    // A retry mostly is of a late one.
    for (let i = session.answers.length - 1; i >= 0; i--) {
      const answer = session.answers[i]!;
      if (answer.sequence === sequence) return { type: 'answered', answer: answer.bytes };
    }
    return sequence <= session.floor ? isExpired : isNew;
  }

  /** A new command was applied, and answered. */
  keep({ client, sequence }: SessionMark, answer: Uint8Array): void {
    const known = this.#sessions.get(client);
    let { floor, answers, bytes } = known ?? emptySession(client);
    this.#bytes -= known?.bytes ?? 0;
    answers = [...answers, { sequence, bytes: answer }];
    bytes += answerBytes(answer);
    while (answers.length > this.#limits.answersPerSessionMax) {
      const dropped = answers[0]!;
      floor = Math.max(floor, dropped.sequence);
      bytes -= answerBytes(dropped.bytes);
      answers = answers.slice(1);
    }
    this.#sessions.delete(client);
    this.#sessions.set(client, { client, floor, answers, bytes });
    this.#bytes += bytes;
    this.#evict(client);
  }

  #evict(except: string): void {
    const { sessionsMax, bytesMax, forgottenMax } = this.#limits;
    for (const { client, bytes } of this.#sessions.values()) {
      if (this.#sessions.size <= sessionsMax && this.#bytes <= bytesMax) break;
      if (client === except) break;
      this.#sessions.delete(client);
      this.#bytes -= bytes;
      this.#forgotten.add(hashOf(client));
    }
    for (const hash of this.#forgotten) {
      if (this.#forgotten.size <= forgottenMax) break;
      this.#forgotten.delete(hash);
    }
  }

  /** The table as it is now; what comes out later does not change with it. */
  encode(): Iterator<Uint8Array, void> {
    return parts([...this.#sessions.values()], [...this.#forgotten]);
  }

  /** Replaces the table by one that was encoded. @throws QuorateError `malformed-message` */
  decode(reader: ByteReader): void {
    const sessions = new Map<string, Session>();
    let total = 0;
    const decoder = new TextDecoder();
    for (let left = reader.count(3); left > 0; left--) {
      const client = decoder.decode(reader.bytes());
      const floor = reader.number();
      let { bytes } = emptySession(client);
      const answers = Array.from({ length: reader.count(2) }, () => {
        const answer = { sequence: reader.number(), bytes: reader.bytes().slice() };
        bytes += answerBytes(answer.bytes);
        return answer;
      });
      sessions.set(client, { client, floor, answers, bytes });
      total += bytes;
    }
    const forgotten = new Set<number>();
    for (let left = reader.count(1); left > 0; left--) forgotten.add(reader.number());
    this.#sessions = sessions;
    this.#forgotten = forgotten;
    this.#bytes = total;
  }

  /** As at the beginning of a group. */
  clear(): void {
    this.#sessions = new Map();
    this.#forgotten = new Set();
    this.#bytes = 0;
  }
}

const CHUNK_BYTES = 64 * 2 ** 10;

function* parts(
  sessions: readonly Session[],
  forgotten: readonly number[],
): Generator<Uint8Array, void> {
  let writer = new ByteWriter(CHUNK_BYTES * 2).number(sessions.length);
  let written = 0;
  for (const { client, floor, answers } of sessions) {
    writer.bytes(new TextEncoder().encode(client)).number(floor).number(answers.length);
    for (const { sequence, bytes } of answers) writer.number(sequence).bytes(bytes);
    written += client.length + answers.length * 8;
    for (const { bytes } of answers) written += bytes.length;
    if (written < CHUNK_BYTES) continue;
    yield writer.finish();
    writer = new ByteWriter(CHUNK_BYTES * 2);
    written = 0;
  }
  writer.number(forgotten.length);
  for (const hash of forgotten) writer.number(hash);
  yield writer.finish();
}

function emptySession(client: string): Session {
  const bytes = SESSION_OVERHEAD_BYTES + 2 * client.length;
  return { client, floor: 0, answers: [], bytes };
}

function answerBytes(answer: Uint8Array): number {
  return ANSWER_OVERHEAD_BYTES + answer.length;
}

/** 53 bits: among a hundred thousand, two alike are not to be expected in ten thousand lives. */
function hashOf(client: string): number {
  const bytes = new TextEncoder().encode(client);
  return (crc32c(bytes) % 2 ** 21) * 2 ** 32 + xxhash32Of(bytes);
}
