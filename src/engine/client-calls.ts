/**
 * What processes that are no members may ask: to propose, to read and to ask a group's leader, by
 * the group's name. Nothing else is open to them beside joining: no message of Raft, no piece of a
 * snapshot. Whoever is asked passes on to the leader as for a caller of its own.
 *
 *     propose: group · ms left · [client · sequence] · command
 *     query: group · ms left · linearizable or local · question
 *     leader: group · ms left · payload
 *
 * A machine's own refusal travels as an outcome, what failed before it as the call's error.
 */
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { type ErrorCode, QuorateError } from '../base/errors.ts';
import { encodeFor } from './answer-codec.ts';
import { callKinds } from './call-kinds.ts';
import type { SessionMark } from './envelope.ts';
import type { Event, GroupId, Ticket } from './event.ts';
import type { Machine, Outcome } from './machine.ts';
import type { CallResult } from './peers/calls.ts';

/** A question of a process that is no member. */
export interface ClientCall {
  readonly group: string;
  /** How long the answer is waited for; at most {@link clientWaitMsMax}. */
  readonly timeoutMs: number;
  /** The command, question or payload. */
  readonly bytes: Uint8Array;
  /** Of a proposal. */
  readonly session?: SessionMark | undefined;
  /** Of a query: any state of the member that is asked will do. */
  readonly local?: boolean;
}

export type ClientCallType = 'propose' | 'query' | 'leader' | 'backup';

/** Longer than this no member waits on a client's behalf. */
export const clientWaitMsMax = 60_000;

/** The wire's numbers of what clients may ask. */
export const clientKinds: Readonly<Record<ClientCallType, number>> = {
  propose: callKinds.clientPropose,
  query: callKinds.clientQuery,
  leader: callKinds.clientLeader,
  backup: callKinds.clientBackup,
};

const NAME_BYTES_MAX = 4096;

export function encodeClientCall(type: ClientCallType, call: ClientCall): Uint8Array {
  const { group, timeoutMs, bytes, session, local = false } = call;
  // A backup is of several groups, and says itself what it waits for.
  if (type === 'backup') return bytes;
  const writer = new ByteWriter(bytes.length + 64).bytes(new TextEncoder().encode(group));
  writer.number(Math.max(0, Math.min(Math.ceil(timeoutMs), clientWaitMsMax)));
  if (type === 'query') writer.flag(local);
  if (type === 'propose') {
    writer.flag(session !== undefined);
    if (session !== undefined) {
      writer.bytes(new TextEncoder().encode(session.client)).number(session.sequence);
    }
  }
  return writer.raw(bytes).finish();
}

/** @throws QuorateError `malformed-message` */
function decodeClientCall(type: ClientCallType, payload: Uint8Array): ClientCall {
  const reader = new ByteReader(payload);
  const group = text(reader);
  const timeoutMs = Math.min(reader.number(), clientWaitMsMax);
  const local = type === 'query' && reader.flag();
  const inSession = type === 'propose' && reader.flag();
  const session = inSession ? decodeSession(reader) : undefined;
  return { group, timeoutMs, local, session, bytes: reader.raw(reader.remaining).slice() };
}

function decodeSession(reader: ByteReader): SessionMark {
  const client = text(reader);
  const sequence = reader.number();
  if (client !== '' && sequence > 0) return { client, sequence };
  throw new QuorateError('malformed-message', 'a session without its client or sequence');
}

function text(reader: ByteReader): string {
  const bytes = reader.bytes();
  if (bytes.length <= NAME_BYTES_MAX) return new TextDecoder().decode(bytes);
  throw new QuorateError('malformed-message', `a name of ${bytes.length} bytes`);
}

/** What this needs of the engine. */
export interface ClientHost {
  nowMs(): number;
  wallMs(): number;
  groupNamed(name: string): GroupId | undefined;
  machine(group: GroupId): Machine | undefined;
  /** Makes a request of the engine as its application would. */
  request(make: (ticket: Ticket) => Event, done: (outcome: Outcome) => void): void;
}

type AnswerCall = (result: CallResult) => void;

export class ClientCalls {
  readonly #host: ClientHost;

  constructor(host: ClientHost) {
    this.#host = host;
  }

  /**
   * Takes a call, if it is of a kind for clients.
   * @throws QuorateError `malformed-message`, `unknown-group`, `unknown-command`
   */
  take(kind: number, payload: Uint8Array, answer: AnswerCall): boolean {
    const type = types.get(kind);
    if (type === undefined) return false;
    const call = decodeClientCall(type, payload);
    const group = this.#host.groupNamed(call.group);
    const machine = group === undefined ? undefined : this.#host.machine(group);
    if (group === undefined || machine === undefined) {
      throw new QuorateError('unknown-group', `group ${call.group} is not open here`);
    }
    if (type === 'propose') this.#propose(group, call, (outcome) => answer(told(machine, outcome)));
    else if (type === 'query') this.#query(group, machine, { call, answer });
    else this.#askLeader(group, call, answer);
    return true;
  }

  #propose(
    group: GroupId,
    { session, bytes, timeoutMs }: ClientCall,
    done: (outcome: Outcome) => void,
  ): void {
    const timeMs = this.#host.wallMs();
    const deadlineMs = this.#host.nowMs() + timeoutMs;
    const facts = { group, command: bytes, timeMs, requiredTerm: 0, session, deadlineMs };
    this.#host.request((ticket) => ({ type: 'propose', ticket, ...facts }), done);
  }

  #query(
    group: GroupId,
    machine: Machine,
    { call, answer }: { readonly call: ClientCall; readonly answer: AnswerCall },
  ): void {
    if (machine.query === undefined) {
      throw new QuorateError('unknown-command', 'the machine answers no questions of clients');
    }
    const ask = (): void => answer(told(machine, machine.query!(call.bytes)));
    const deadlineMs = this.#host.nowMs() + call.timeoutMs;
    this.#host.request(
      (ticket) =>
        call.local === true
          ? { type: 'await-applied', ticket, group, deadlineMs, index: 0 }
          : { type: 'read', ticket, group, deadlineMs },
      (outcome) => {
        if (outcome.ok) ask();
        else answer(told(machine, outcome));
      },
    );
  }

  #askLeader(group: GroupId, { bytes: payload, timeoutMs }: ClientCall, answer: AnswerCall): void {
    const deadlineMs = this.#host.nowMs() + timeoutMs;
    this.#host.request(
      (ticket) => ({ type: 'call-leader', ticket, group, payload, deadlineMs }),
      (outcome) => answer(outcome.ok ? (outcome as CallResult) : failed(outcome.error)),
    );
  }
}

const types: ReadonlyMap<number, ClientCallType> = new Map(
  (['propose', 'query', 'leader'] as const).map((type) => [clientKinds[type], type]),
);

/** What says nothing of the machine: the client tries again, or elsewhere. */
const ofTheEngine: ReadonlySet<ErrorCode> = new Set([
  'session-expired',
  'answer-not-kept',
  'entry-too-large',
  'replica-diverged',
]);

function told(machine: Machine, outcome: Outcome): CallResult {
  if (!outcome.ok && outcome.error instanceof QuorateError) {
    const { error } = outcome;
    if (error.retryable || ofTheEngine.has(error.code)) return { ok: false, error };
  }
  try {
    return { ok: true, value: encodeFor(machine, outcome) };
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
    return { ok: false, error };
  }
}

function failed(error: Error): CallResult {
  const coded = error instanceof QuorateError;
  return { ok: false, error: coded ? error : new QuorateError('peer-failed', error.message) };
}
