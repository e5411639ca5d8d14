/**
 * Groups of which this member lost a part of the log: found when the log was opened and the member
 * told to repair, or when a leader shows that what this member had acknowledged is not here any
 * more. What such a replica may and may not do is Raft's (raft/suspicion.ts); here is when it begins
 * and ends, so that no crash in between forgets it.
 *
 * - Found by a leader: without `repair` the member stops with `log-damaged`. With it the mark is
 *   made durable first. Until it is, the replica is held: it hears nothing and no time passes for
 *   it, for who answers as suspect once must not come back as trusted.
 * - Recovered: the mark is taken away with the next batch. Where that is lost, it recovers again.
 * - Where votes may be lost as well, every other voter is asked for its term.
 */
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { QuorateError } from '../base/errors.ts';
import type { LogFacts } from '../ports/logger.ts';
import type { MemberId } from '../raft/entry.ts';
import { callKinds } from './call-kinds.ts';
import type { GroupId } from './event.ts';
import type { MemberLog } from './log/member-log.ts';
import type { CallResult } from './peers/calls.ts';
import type { Replica } from './replica.ts';

/** What this needs of the engine. */
export interface LostLogsHost {
  readonly self: MemberId;
  readonly log: MemberLog;
  /** Whether the member was told to repair its log from its peers. */
  readonly repair: boolean;
  say(level: 'info' | 'warn', facts: LogFacts, message: string): void;
  stop(error: QuorateError): void;
  call(peer: MemberId, kind: number, payload: Uint8Array, done: (result: CallResult) => void): void;
  /** The replica has got back what it lacked. */
  recovered(group: GroupId): void;
}

/** What the other voters have said of their terms; `undefined` while the answer is on its way. */
type Terms = Map<MemberId, number | undefined>;

export class LostLogs {
  readonly #host: LostLogsHost;
  /** Suspect replicas. */
  readonly #suspect = new Map<Replica, Terms>();
  /** Their mark is on its way to the disk. */
  readonly #held = new Set<Replica>();

  constructor(host: LostLogsHost) {
    this.#host = host;
  }

  started(replica: Replica): void {
    if (replica.raft.core.suspicion === undefined) return;
    this.#suspect.set(replica, new Map());
    const { id: group } = replica;
    this.#host.say('warn', { group }, 'a part of the log is lost: repairing it from the others');
  }

  removed(replica: Replica): void {
    this.#suspect.delete(replica);
    this.#held.delete(replica);
  }

  /** Whether nothing may happen to the replica now. */
  holds(replica: Replica): boolean {
    return this.#held.size > 0 && this.#held.has(replica);
  }

  /** A leader has shown that the end of the replica's log is lost. */
  found(replica: Replica, error: QuorateError): void {
    const { log, repair } = this.#host;
    if (!repair) return this.#host.stop(error);
    this.#host.say('warn', { group: replica.id, err: error }, 'the end of the log is lost');
    log.markSuspect(replica.id);
    this.#held.add(replica);
  }

  /** Time has passed: goes on with all of them. */
  tick(): void {
    if (this.#held.size > 0 && this.#host.log.votesSettled) {
      for (const replica of this.#held) {
        replica.raft.becomeSuspect();
        this.started(replica);
      }
      this.#held.clear();
    }
    for (const [replica, terms] of this.#suspect) this.#goOn(replica, terms);
  }

  #goOn(replica: Replica, terms: Terms): void {
    const { suspicion, isOnlyVoter, log } = replica.raft.core;
    const { id: group } = replica;
    if (suspicion === undefined) {
      this.#suspect.delete(replica);
      this.#host.log.clearSuspect(group);
      this.#host.recovered(group);
      this.#host.say('info', { group }, 'the log is repaired: this member counts again');
    } else if (isOnlyVoter) {
      this.#host.stop(noPeers());
    } else if (suspicion.votesLost && log.committed >= (suspicion.confirmed ?? Infinity)) {
      this.#askTerms(replica, terms);
    }
  }

  #askTerms(replica: Replica, terms: Terms): void {
    const { self, call } = this.#host;
    const { voters, votersOutgoing } = replica.configuration;
    const others = [...new Set([...voters, ...votersOutgoing])].filter((id) => id !== self);
    const payload = encodeTermCall(replica.id);
    for (const peer of others) {
      if (terms.has(peer)) continue;
      terms.set(peer, undefined);
      call(peer, callKinds.term, payload, (result) => {
        if (result.ok) terms.set(peer, decodeTerm(result.value));
        else terms.delete(peer);
      });
    }
    const known = others.map((peer) => terms.get(peer));
    if (known.some((term) => term === undefined)) return;
    replica.raft.settleVotes(Math.max(0, ...known.map((term) => term!)));
  }
}

/** What a member without others is refused with: nobody has what it lost. */
export function noPeers(): QuorateError {
  const message = 'a part of the log is lost, and there are no other voters to repair it from';
  return new QuorateError('log-damaged', message);
}

export function encodeTermCall(group: GroupId): Uint8Array {
  return new ByteWriter(8).number(group).finish();
}

/** @throws QuorateError `malformed-message` */
export function decodeTermCall(payload: Uint8Array): GroupId {
  const reader = new ByteReader(payload);
  const group = reader.number();
  reader.end();
  return group;
}

/** What {@link encodeTermCall} asks for: the same form, a number. */
export const encodeTerm: (term: number) => Uint8Array = encodeTermCall;
const decodeTerm: (answer: Uint8Array) => number = decodeTermCall;
