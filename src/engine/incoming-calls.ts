/**
 * What other members ask of this one beside Raft's messages: to append for them, to answer for a
 * group that it leads, to let a process join.
 */
import { QuorateError } from '../base/errors.ts';
import { emptyBytes, type MemberId, NOBODY } from '../raft/entry.ts';
import {
  callKinds,
  decodeForward,
  decodeJoin,
  decodeLeaderCall,
  encodeJson,
  encodeLeaderCall,
} from './call-kinds.ts';
import { ClientCalls, type ClientHost } from './client-calls.ts';
import type { Effect } from './effect.ts';
import type { GroupId } from './event.ts';
import type { HashChecks } from './hash-checks.ts';
import { decodeTermCall, encodeTerm } from './lost-logs.ts';
import type { Outcome } from './machine.ts';
import type { CallResult } from './peers/calls.ts';
import type { Replica } from './replica.ts';
import type { SnapshotWork } from './snapshot-work.ts';
import {
  encodeSystemCommand,
  type MemberRecord,
  type SystemCommand,
  type SystemMachine,
} from './system-machine.ts';

type AnswerCall = (result: CallResult) => void;

/** What this needs of the engine. */
export interface CallHost extends Omit<ClientHost, 'groupNamed' | 'machine'> {
  readonly clusterId: number;
  readonly system: SystemMachine;
  readonly snapshots: SnapshotWork;
  readonly hashes: HashChecks;
  /** The replica of a group, noted as busy. */
  replica(group: GroupId): Replica | undefined;
  /** Proposes to the system group on the engine's own behalf. */
  propose(command: Uint8Array, done: (outcome: Outcome) => void): void;
  emit(effect: Effect): void;
  /** A member waits for what it has passed on, up to this entry, to be applied. */
  passedOn(member: MemberId, group: GroupId, index: number): void;
}

export class IncomingCalls {
  readonly #host: CallHost;
  #next = 1;
  /** Questions that the application has to answer. */
  readonly #open = new Map<number, AnswerCall>();
  readonly #clients: ClientCalls;

  constructor(host: CallHost) {
    this.#host = host;
    this.#clients = new ClientCalls({
      nowMs: () => host.nowMs(),
      wallMs: () => host.wallMs(),
      groupNamed: (name) => host.system.groupNamed(name)?.id,
      machine: (group) => host.replica(group)?.machine,
      request: (make, done) => host.request(make, done),
    });
  }

  take(from: MemberId, kind: number, payload: Uint8Array, answer: AnswerCall): void {
    try {
      this.#take(from, kind, payload, answer);
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      answer({ ok: false, error });
    }
  }

  /** This member leads the group: it answers its own question. */
  askSelf(group: GroupId, payload: Uint8Array, answer: AnswerCall): void {
    this.take(
      this.#host.replica(group)!.leader,
      callKinds.leader,
      encodeLeaderCall(group, payload),
      answer,
    );
  }

  /** The application answers. */
  answer(call: number, result: CallResult): void {
    const answer = this.#open.get(call);
    this.#open.delete(call);
    answer?.(result);
  }

  #take(from: MemberId, kind: number, payload: Uint8Array, answer: AnswerCall): void {
    if (from === NOBODY && kind === callKinds.clientBackup) {
      const call = this.#next++;
      this.#open.set(call, answer);
      return this.#host.emit({ type: 'backup-called', call, payload: payload.slice() });
    }
    if (from === NOBODY && kind !== callKinds.join) {
      if (this.#clients.take(kind, payload, answer)) return;
      throw new QuorateError('unknown-member', 'only a member may ask that');
    }
    if (kind === callKinds.forward) {
      const { group, requiredTerm, entries } = decodeForward(payload);
      const placed = this.#leading(group).appendFor(entries, requiredTerm);
      if (placed instanceof QuorateError) throw placed;
      this.#host.passedOn(from, group, placed.index + entries.length - 1);
      answer({ ok: true, value: emptyBytes });
    } else if (kind === callKinds.leader) {
      this.#called(payload, answer);
    } else if (kind === callKinds.hash) {
      this.#host.hashes.report(from, payload, answer);
    } else if (kind === callKinds.term) {
      answer({ ok: true, value: encodeTerm(this.#opened(decodeTermCall(payload)).raft.core.term) });
    } else if (kind === callKinds.join) {
      this.#join(payload, answer);
    } else if (kind === callKinds.members) {
      const { clusterId, system } = this.#host;
      answer({
        ok: true,
        value: encodeJson({ clusterId, id: from, members: system.state.members }),
      });
    } else if (!this.#host.snapshots.called(from, kind, payload, answer)) {
      throw new QuorateError('malformed-message', `there is no call of kind ${kind}`);
    }
  }

  #opened(group: GroupId): Replica {
    const replica = this.#host.replica(group);
    if (replica !== undefined) return replica;
    throw new QuorateError('unknown-group', `group ${group} is not open here`);
  }

  /** The replica of a group that this member leads. */
  #leading(group: GroupId): Replica {
    const replica = this.#host.replica(group);
    if (replica?.role !== 'leader') {
      throw new QuorateError('no-leader', `this member does not lead group ${group}`, {
        details: { leader: replica?.leader ?? NOBODY },
      });
    }
    return replica;
  }

  #called(question: Uint8Array, answer: AnswerCall): void {
    const { group, payload } = decodeLeaderCall(question);
    const { diverged } = this.#leading(group);
    if (diverged !== undefined) throw diverged;
    const call = this.#next++;
    this.#open.set(call, answer);
    this.#host.emit({ type: 'called', call, group, payload });
  }

  /** A process asks to become a member: whoever is asked brings it before the system group. */
  #join(payload: Uint8Array, answer: AnswerCall): void {
    const command: SystemCommand = { type: 'add-member', ...decodeJoin(payload) };
    const { clusterId, system } = this.#host;
    this.#host.propose(encodeSystemCommand(command), (outcome) => {
      if (!outcome.ok) return answer({ ok: false, error: asCoded(outcome.error) });
      const { id } = outcome.value as MemberRecord;
      const { members } = system.state;
      answer({ ok: true, value: encodeJson({ clusterId, id, members }) });
    });
  }
}

export function asCoded(error: Error): QuorateError {
  return error instanceof QuorateError
    ? error
    : new QuorateError('peer-failed', error.message, { cause: error });
}
