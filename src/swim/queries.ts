/**
 * Queries: a question that is gossiped to everybody, and answers that come back to the asker
 * directly. A query is known by its Lamport time and a random id. Where packets get lost, answers
 * can travel through a few other members besides; so each answer may come several times, and counts
 * once for each member.
 *
 * Answers go only to addresses of members: a query with a forged address would else aim the whole
 * cluster at somebody.
 */
import { QuorateError } from '../base/errors.ts';
import type { Address, QueryFilter, QueryKey } from './api.ts';
import type { BroadcastQueue } from './broadcast-queue.ts';
import type { Context } from './context.ts';
import { LamportClock } from './lamport-clock.ts';
import { type MemberTable, sameAddress } from './member-table.ts';
import type { Membership } from './membership.ts';
import { filtersOf, isMeant } from './query-filters.ts';
import { SeenRing } from './seen-ring.ts';
import type { Timer } from './timers.ts';
import { encodeUser } from './wire/messages.ts';
import {
  encodeQuery,
  encodeQueryResponse,
  encodeRelay,
  type QueryMessage,
  type QueryResponseMessage,
  queryFlags,
  type RelayMessage,
  responseFlags,
} from './wire/serf-messages.ts';

/** More relays than this answer nothing that fewer would not. */
const relayFactorMax = 5;

/** A query of ours. */
export interface Question {
  readonly name: string;
  readonly payload: Uint8Array;
  readonly filter?: QueryFilter;
  readonly acknowledge?: boolean;
  readonly relayFactor?: number;
  readonly timeoutMs?: number;
  readonly acked?: (from: string) => void;
  readonly answered?: (from: string, payload: Uint8Array) => void;
  readonly done: (acks: number, responses: number) => void;
}

interface Asked {
  readonly question: Question;
  readonly acks: Set<string>;
  readonly responses: Set<string>;
  readonly timer: Timer;
}

/** A query of somebody that we may answer. */
interface Open {
  readonly key: QueryKey;
  readonly address: Address;
  readonly sourceNode: string;
  readonly relayFactor: number;
}

export interface QueriesHost {
  /** Our own tags. */
  tags(): ReadonlyMap<string, string>;
  /** Takes a query that is internal; false if it is for the application. */
  internal(query: QueryMessage, answer: (payload: Uint8Array) => void): boolean;
  sendUser(to: Address, payload: Uint8Array): void;
}

const keyText = (key: QueryKey): string => `${key.lamportTime} ${key.id}`;

export class Queries {
  readonly clock: LamportClock;
  readonly #context: Context;
  readonly #queue: BroadcastQueue;
  readonly #table: MemberTable;
  readonly #membership: () => Membership;
  readonly #host: QueriesHost;
  readonly #seen = new SeenRing<number>((a, b) => a === b);
  readonly #asked = new Map<string, Asked>();
  readonly #open = new Map<string, Open>();

  constructor(parts: {
    context: Context;
    queue: BroadcastQueue;
    table: MemberTable;
    membership: () => Membership;
    host: QueriesHost;
    time: number;
  }) {
    this.#context = parts.context;
    this.#queue = parts.queue;
    this.#table = parts.table;
    this.#membership = parts.membership;
    this.#host = parts.host;
    this.clock = new LamportClock(parts.time);
  }

  /** How long a query runs by default. */
  get timeoutMs(): number {
    const { gossipIntervalMs, queryTimeoutMult } = this.#context.settings;
    return gossipIntervalMs * queryTimeoutMult * Math.ceil(Math.log10(this.#table.living + 1));
  }

  /** Whether one more query of ours may run. */
  get hasRoom(): boolean {
    return this.#asked.size < this.#context.settings.queriesMax;
  }

  /**
   * Asks everybody, ourselves too.
   *
   * @throws QuorateError `gossip-too-large`, `gossip-overloaded`
   */
  ask(question: Question): QueryKey {
    const { queryBytesMax, queriesMax } = this.#context.settings;
    const timeoutMs = question.timeoutMs ?? this.timeoutMs;
    const query: QueryMessage = {
      type: 'query',
      lamportTime: this.clock.time,
      id: this.#context.random.uint32(),
      address: this.#membership().self.address,
      sourceNode: this.#membership().self.name,
      filters: filtersOf(question.filter),
      flags: question.acknowledge ? queryFlags.acknowledge : 0,
      relayFactor: Math.min(relayFactorMax, question.relayFactor ?? 0),
      timeoutMs,
      name: question.name,
      payload: question.payload,
    };
    const bytes = encodeQuery(query);
    if (bytes.length > queryBytesMax) {
      throw new QuorateError(
        'gossip-too-large',
        `query '${question.name}' takes ${bytes.length} bytes of at most ${queryBytesMax}`,
        { details: { bytes: bytes.length, bytesMax: queryBytesMax } },
      );
    }
    if (!this.hasRoom) {
      throw new QuorateError('gossip-overloaded', `${queriesMax} queries of ours run already`);
    }
    const timer = this.#context.after(timeoutMs, () => this.cancel(query));
    this.#asked.set(keyText(query), { question, acks: new Set(), responses: new Set(), timer });
    this.clock.tick();
    this.#take(query, bytes);
    return { lamportTime: query.lamportTime, id: query.id };
  }

  /** Ends a query of ours, if it still runs. */
  cancel(key: QueryKey): void {
    const asked = this.#asked.get(keyText(key));
    if (asked === undefined) return;
    this.#asked.delete(keyText(key));
    asked.timer.cancel();
    asked.question.done(asked.acks.size, asked.responses.size);
  }

  /** Ends all queries of ours. */
  stop(): void {
    for (const { question, acks, responses, timer } of this.#asked.values()) {
      timer.cancel();
      question.done(acks.size, responses.size);
    }
    this.#asked.clear();
    this.#open.clear();
  }

  /** A query came by gossip; `bytes` are its own. */
  heard(query: QueryMessage, bytes: Uint8Array): void {
    this.#take({ ...query, payload: query.payload.slice() }, bytes);
  }

  /** An ack or an answer came to a query of ours. */
  responded(response: QueryResponseMessage): void {
    const asked = this.#asked.get(keyText(response));
    if (asked === undefined) {
      this.#context.count('responses-late');
      return;
    }
    const isAck = (response.flags & responseFlags.acknowledge) !== 0;
    const heard = isAck ? asked.acks : asked.responses;
    // Relays bring the same several times.
    if (heard.has(response.from)) return;
    if (heard.size >= this.#context.settings.membersMax) return;
    heard.add(response.from);
    if (isAck) asked.question.acked?.(response.from);
    else asked.question.answered?.(response.from, response.payload.slice());
  }

  /**
   * Answers a query that was handed to the application.
   *
   * @throws QuorateError `gossip-unknown` if none of this key waits; `gossip-too-large`
   */
  answer(key: QueryKey, payload: Uint8Array): void {
    const open = this.#open.get(keyText(key));
    if (open === undefined) {
      throw new QuorateError('gossip-unknown', 'the query was answered or has ended');
    }
    this.#respond(open, payload);
    this.#open.delete(keyText(key));
  }

  /** Passes an answer on, to a member only. */
  relay(message: RelayMessage): void {
    if (!this.#table.knowsAddress(message.address)) {
      this.#context.count('relay-to-unknown');
      return;
    }
    this.#host.sendUser(message.address, message.inner.slice());
  }

  #take(query: QueryMessage, bytes: Uint8Array): void {
    this.clock.witness(query.lamportTime);
    const novelty = this.#seen.add(query.lamportTime, this.clock.time, query.id);
    if (novelty === 'seen') return;
    if (novelty !== 'new') {
      this.#context.count(`queries-${novelty}`);
      return;
    }
    if ((query.flags & queryFlags.noBroadcast) === 0) {
      this.#queue.add({ bytes: encodeUser(bytes), group: query.name });
    }
    if (!isMeant(query.filters, this.#membership().self.name, this.#host.tags())) return;
    if (!this.#table.knowsAddress(query.address)) {
      this.#context.count('query-from-unknown');
      return;
    }
    const open: Open = {
      key: { lamportTime: query.lamportTime, id: query.id },
      address: query.address,
      sourceNode: query.sourceNode,
      relayFactor: Math.min(relayFactorMax, query.relayFactor),
    };
    if ((query.flags & queryFlags.acknowledge) !== 0) {
      this.#send(open, responseFlags.acknowledge, new Uint8Array(0));
    }
    const internal = this.#host.internal(query, (payload) => {
      const { queryResponseBytesMax } = this.#context.settings;
      const bytes = this.#send(open, 0, payload, queryResponseBytesMax);
      if (bytes > queryResponseBytesMax) this.#context.count('answer-too-large');
    });
    if (internal) return;
    this.#hand(query, open);
  }

  #hand(query: QueryMessage, open: Open): void {
    if (this.#open.size >= this.#context.settings.queriesMax) {
      this.#context.count('queries-unanswered-full');
      return;
    }
    this.#open.set(keyText(open.key), open);
    const timer = this.#context.after(query.timeoutMs, () => this.#open.delete(keyText(open.key)));
    this.#context.emit({
      type: 'query',
      query: open.key,
      name: query.name,
      payload: query.payload,
      from: query.sourceNode,
      deadlineMs: timer.atMs,
    });
  }

  #respond(open: Open, payload: Uint8Array): void {
    const { queryResponseBytesMax } = this.#context.settings;
    const bytes = this.#send(open, 0, payload, queryResponseBytesMax);
    if (bytes > queryResponseBytesMax) {
      throw new QuorateError(
        'gossip-too-large',
        `the answer takes ${bytes} bytes of at most ${queryResponseBytesMax}`,
        { details: { bytes, bytesMax: queryResponseBytesMax } },
      );
    }
  }

  /** Sends an ack or an answer, unless it is larger than allowed; returns how large it is. */
  #send(
    open: Open,
    flags: number,
    payload: Uint8Array,
    bytesMax = Number.MAX_SAFE_INTEGER,
  ): number {
    const { self } = this.#membership();
    const response = { ...open.key, from: self.name, flags, payload };
    const bytes = encodeQueryResponse(response);
    if (bytes.length > bytesMax) return bytes.length;
    if (sameAddress(open.address, self.address)) {
      // Our own question: no packet needs to travel.
      this.responded({ type: 'query-response', ...response });
      return bytes.length;
    }
    this.#host.sendUser(open.address, bytes);
    this.#sendThroughOthers(open, bytes);
    return bytes.length;
  }

  #sendThroughOthers(open: Open, inner: Uint8Array): void {
    if (open.relayFactor === 0) return;
    const relay = encodeRelay({ address: open.address, name: open.sourceNode, inner });
    if (relay.length > this.#context.settings.queryResponseBytesMax) {
      this.#context.count('relay-too-large');
      return;
    }
    const helpers = this.#table.pick(
      open.relayFactor,
      (record) =>
        record.state === 'alive' &&
        record !== this.#membership().self &&
        record.name !== open.sourceNode,
    );
    for (const helper of helpers) this.#host.sendUser(helper.address, relay);
  }
}
