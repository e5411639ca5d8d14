/**
 * What the engine itself keeps with a group's machine, replicated like its state: the group's time
 * and its sessions. It stands beside the machine's state in snapshots, and in the store of a machine
 * that is kept in one.
 */
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { QuorateError } from '../base/errors.ts';
import { joinBytes } from '../base/join-bytes.ts';
import type { ConfigurationState, MemberId } from '../raft/configuration.ts';
import { decodeFor, encodeFor } from './answer-codec.ts';
import type { Envelope } from './envelope.ts';
import type { GroupId } from './event.ts';
import type { CommandContext, Machine, Outcome } from './machine.ts';
import { Sessions, sessionLimits } from './sessions.ts';

/** The form of an encoded state. */
const version = 1;

export class GroupState {
  readonly sessions = new Sessions();
  /** The largest time that a command has carried. Invariant: never goes back. */
  timeMs = 0;

  /** Applies a command to the machine, after what guards it. */
  apply(machine: Machine, envelope: Envelope, index: number, term: number): Outcome {
    const { timeMs, guards, body } = envelope;
    if (timeMs > this.timeMs) this.timeMs = timeMs;
    const context: CommandContext = { index, term, timeMs: this.timeMs };
    const { requiredTerm, session } = guards;
    if (requiredTerm !== 0 && requiredTerm !== term) {
      const text = `term ${requiredTerm} is required, but the entry is of ${term}`;
      const details = { requiredTerm, term };
      return { ok: false, error: new QuorateError('stale-term', text, { details }) };
    }
    if (session === undefined) return machine.apply(body, context);
    const known = this.sessions.look(session);
    if (known.type === 'answered') return decodeFor(machine, known.answer);
    if (known.type === 'expired') return expired;
    const outcome = machine.apply(body, context);
    this.sessions.keep(session, keptAnswer(machine, outcome));
    return outcome;
  }

  /** The state as it is now, in parts that may be taken later. */
  encode(): Iterator<Uint8Array, void> {
    const head = new ByteWriter(16).number(version).number(this.timeMs).finish();
    return parts(head, this.sessions.encode());
  }

  /** @throws QuorateError `malformed-message`, `format-too-new` */
  decode(bytes: Uint8Array): void {
    const reader = new ByteReader(bytes);
    const found = reader.number();
    if (found > version) {
      throw new QuorateError('format-too-new', `sessions of form ${found}, known is ${version}`);
    }
    const timeMs = reader.number();
    this.sessions.decode(reader);
    reader.end();
    this.timeMs = timeMs;
  }

  /** As at the beginning of a group. */
  clear(): void {
    this.timeMs = 0;
    this.sessions.clear();
  }
}

function* parts(
  head: Uint8Array,
  sessions: Iterator<Uint8Array, void>,
): Generator<Uint8Array, void> {
  yield head;
  for (let next = sessions.next(); next.done !== true; next = sessions.next()) yield next.value;
}

/** The engine's part of a {@link KeptMark}: what a snapshot's header and engine pieces hold. */
export function encodeKeptState(
  group: GroupId,
  configuration: ConfigurationState,
  state: GroupState,
): Uint8Array {
  const head = new ByteWriter().number(group).flag(configuration.autoLeave);
  for (const members of memberLists(configuration)) {
    head.number(members.length);
    for (const member of members) head.number(member);
  }
  const all = [head.finish()];
  const encoded = state.encode();
  for (let next = encoded.next(); next.done !== true; next = encoded.next()) all.push(next.value);
  return joinBytes(all);
}

/**
 * Fills `state` and returns the configuration.
 * @throws QuorateError `malformed-message`, `format-too-new`; `group-deleted` where the store is that
 *   of another group, which had the same name
 */
export function decodeKeptState(
  group: GroupId,
  bytes: Uint8Array,
  state: GroupState,
): ConfigurationState {
  const reader = new ByteReader(bytes);
  if (reader.number() !== group) {
    throw new QuorateError('group-deleted', 'the store holds the state of a deleted group');
  }
  const autoLeave = reader.flag();
  const list = (): number[] => Array.from({ length: reader.count(1) }, () => reader.number());
  const [voters, votersOutgoing, learners, learnersNext] = [list(), list(), list(), list()];
  state.decode(reader.raw(reader.remaining));
  return { voters, votersOutgoing, learners, learnersNext, autoLeave };
}

function memberLists(state: ConfigurationState): readonly (readonly MemberId[])[] {
  return [state.voters, state.votersOutgoing, state.learners, state.learnersNext];
}

const expired: Outcome = {
  ok: false,
  error: new QuorateError(
    'session-expired',
    'what became of this command is not remembered any more: it takes no effect now',
    { maybeApplied: true },
  ),
};

/** A retry shall hear that it took effect, even where the answer cannot be repeated. */
function keptAnswer(machine: Machine, outcome: Outcome): Uint8Array {
  try {
    const answer = encodeFor(machine, outcome);
    if (answer.length <= sessionLimits.answerBytesMax) return answer;
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
  }
  return encodeFor(machine, notKept);
}

const notKept: Outcome = {
  ok: false,
  error: new QuorateError(
    'answer-not-kept',
    'the command took effect before, but its answer was too large to be kept, or has no form',
    { maybeApplied: true },
  ),
};
