/**
 * What the application asks of a group: which replica answers, what waits for it to be applied, who
 * leads instead. A request that nobody here may answer is told why at once.
 */
import { QuorateError } from '../base/errors.ts';
import { type MemberId, NOBODY } from '../raft/entry.ts';
import { callKinds, encodeLeaderCall } from './call-kinds.ts';
import type { AwaitApplied, CallLeader, GroupId, Ticket, TransferLeadership } from './event.ts';
import { deletedError } from './group-opening.ts';
import type { Outcome } from './machine.ts';
import type { CallResult } from './peers/calls.ts';
import type { Replica } from './replica.ts';
import type { Transfers } from './transfers.ts';

type Settle = (result: CallResult) => void;

/** What this needs of the engine. */
export interface RequestHost {
  readonly transfers: Transfers;
  replica(group: GroupId): Replica | undefined;
  busy(replica: Replica): void;
  isClosing(): boolean;
  isRemoved(group: GroupId): boolean;
  isInstalling(replica: Replica): boolean;
  answer(ticket: Ticket, outcome: Outcome): void;
  /** A call to the leader's machine, of this member or of another. */
  askSelf(group: GroupId, payload: Uint8Array, settle: Settle): void;
  call(peer: MemberId, kind: number, payload: Uint8Array, settle: Settle): void;
}

interface Asked {
  readonly group: GroupId;
  readonly ticket: Ticket;
}

export class Requests {
  readonly #host: RequestHost;

  constructor(host: RequestHost) {
    this.#host = host;
  }

  /** The replica that is asked, if it may answer for its group; else the request is told why not. */
  serving(request: Asked): Replica | undefined {
    const replica = this.#asked(request);
    if (replica?.diverged === undefined) return replica;
    this.#refuse(request, replica.diverged);
    return undefined;
  }

  awaitApplied(event: AwaitApplied): void {
    const replica = this.serving(event);
    if (replica === undefined) return;
    const applied = replica.appliedIndex;
    // While a snapshot is taken in there is no state to be seen: the one that comes is waited for.
    const isInPieces = this.#host.isInstalling(replica);
    const index = isInPieces ? Math.max(event.index, applied + 1) : event.index;
    replica.reads.waitFor(event.ticket, event.deadlineMs, { index, applied });
  }

  transferLeadership(event: TransferLeadership): void {
    const replica = this.#asked(event);
    if (replica !== undefined) this.#host.transfers.begin(replica, event);
  }

  callLeader(event: CallLeader): void {
    const replica = this.serving(event);
    if (replica === undefined) return;
    const { id, role, leader } = replica;
    const settle: Settle = (result) => this.#host.answer(event.ticket, result);
    if (role === 'leader') return this.#host.askSelf(id, event.payload, settle);
    if (leader === NOBODY) {
      return this.#refuse(event, new QuorateError('no-leader', 'no leader is known'));
    }
    this.#host.call(leader, callKinds.leader, encodeLeaderCall(id, event.payload), settle);
  }

  #asked(request: Asked): Replica | undefined {
    const replica = this.#host.replica(request.group);
    if (replica === undefined) {
      this.#refuse(request, this.#unopened(request.group));
    } else if (this.#host.isClosing()) {
      this.#refuse(request, new QuorateError('closing', 'this member is closing'));
    } else {
      this.#host.busy(replica);
      return replica;
    }
    return undefined;
  }

  #unopened(group: GroupId): QuorateError {
    if (this.#host.isRemoved(group)) return deletedError(group);
    return new QuorateError('unknown-group', `group ${group} is not open here`);
  }

  #refuse({ ticket }: Asked, error: QuorateError): void {
    this.#host.answer(ticket, { ok: false, error });
  }
}
