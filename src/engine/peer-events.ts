/**
 * What other members bring: messages of Raft for a group's replica, links that come up or break,
 * and why a link was refused, which may be the end of this member.
 */
import { QuorateError } from '../base/errors.ts';
import type { LogFacts } from '../ports/logger.ts';
import type { MemberId } from '../raft/entry.ts';
import type { Message } from '../raft/message.ts';
import { directoryError, removedError } from './cluster.ts';
import type { GroupId } from './event.ts';
import type { LostLogs } from './lost-logs.ts';
import type { Newcomers } from './newcomers.ts';
import type { EngineObserver } from './observer.ts';
import { isBeginning } from './opening.ts';
import type { CallResult } from './peers/calls.ts';
import type { PeerHandler, RefusalOrigin } from './peers/peer-handler.ts';
import type { Replica } from './replica.ts';

/** What this needs of the engine. */
export interface PeerHost {
  readonly self: MemberId;
  readonly lost: LostLogs;
  readonly newcomers: Newcomers;
  observer(): EngineObserver | undefined;
  replica(group: GroupId): Replica | undefined;
  replicas(): Iterable<Replica>;
  busy(replica: Replica): void;
  called: PeerHandler['call'];
  /** Keeps the system group's first state, which is in no file, before anything rests on it. */
  keepBeginning(state: Uint8Array, then: (error: QuorateError | null) => void): void;
  say(level: 'debug' | 'info' | 'warn', facts: LogFacts, message: string): void;
  stop(error: QuorateError): void;
}

export class PeerEvents implements PeerHandler {
  readonly #host: PeerHost;
  /** How the system group began is being written. */
  #keepsBeginning = false;

  constructor(host: PeerHost) {
    this.#host = host;
  }

  message(from: MemberId, group: GroupId, message: Message): void {
    const brings = message.type === 'snapshot' && isBeginning(message.snapshot);
    if (!brings || message.snapshot.data.length === 0) return this.#receive(from, group, message);
    // It is sent again where the answer takes long: one at a time is enough.
    if (this.#keepsBeginning) return;
    this.#keepsBeginning = true;
    this.#host.keepBeginning(message.snapshot.data, (error) => {
      this.#keepsBeginning = false;
      if (error !== null) return this.#host.stop(error);
      this.#receive(from, group, message);
    });
  }

  #receive(from: MemberId, group: GroupId, message: Message): void {
    const { lost } = this.#host;
    const replica = this.#host.replica(group);
    // A group that is not open yet: Raft sends again, for as long as it takes.
    if (replica === undefined || lost.holds(replica)) return;
    this.#host.busy(replica);
    this.#host.observer()?.received(group, message);
    const refused = replica.step(message);
    if (!(refused instanceof QuorateError)) return;
    if (refused.code === 'log-damaged') return lost.found(replica, refused);
    const facts = { from, group, type: message.type, err: refused };
    this.#host.say('debug', facts, 'a message was refused');
  }

  call(
    from: MemberId,
    kind: number,
    payload: Uint8Array,
    answer: (result: CallResult) => void,
  ): void {
    this.#host.called(from, kind, payload, answer);
  }

  peerUp(peer: MemberId): void {
    this.#host.say('info', { peer }, 'connected to a member');
  }

  /** Every group that follows this peer, or sends to it, shall find out what is lost. */
  peerDown(peer: MemberId): void {
    this.#host.say('info', { peer }, 'lost the connection to a member');
    for (const replica of this.#host.replicas()) {
      replica.step({ type: 'report-unreachable', member: peer });
      if (replica.leader === peer) replica.step({ type: 'wake' });
    }
  }

  dropped(peer: MemberId, groups: ReadonlySet<GroupId>): void {
    for (const group of groups) {
      this.#host.replica(group)?.step({ type: 'report-unreachable', member: peer });
    }
  }

  refused(peer: MemberId, error: QuorateError, { by, proven }: RefusalOrigin): void {
    const { self, newcomers } = this.#host;
    this.#host.say(
      'warn',
      { peer, code: error.code, err: error },
      'a link between members was refused',
    );
    if (by === 'self' && error.code === 'unknown-member') newcomers.unknown(peer);
    if (by === 'self' || !proven) return;
    if (error.code === 'removed-member') this.#host.stop(removedError(self));
    // What this member once told the others is in the directory that they know: it must not vote here.
    if (error.code === 'wrong-incarnation') this.#host.stop(directoryError(self));
  }
}
