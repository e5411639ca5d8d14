/**
 * Serf, as it stands on memberlist: what travels in its user messages and in the opaque part of a
 * push/pull, and what it makes of the members that SWIM finds. This module leads each message to
 * the part that knows it.
 */
import type { Address, LamportTimes } from './api.ts';
import type { BroadcastQueue } from './broadcast-queue.ts';
import type { Context } from './context.ts';
import { Coordinates } from './coordinate.ts';
import type { Disseminator } from './disseminator.ts';
import { InternalQueries } from './internal-queries.ts';
import { LamportClock } from './lamport-clock.ts';
import type { MemberRecord, MemberTable } from './member-table.ts';
import type { Membership } from './membership.ts';
import { Queries } from './queries.ts';
import { SerfMembers } from './serf-members.ts';
import { UserEvents } from './user-events.ts';
import { decodeCoordinate, decodeSerfMessage, decodeSerfState } from './wire/decode-serf.ts';
import type { Keyring } from './wire/keyring.ts';
import { encodeUser } from './wire/messages.ts';
import { encodeCoordinate, encodeSerfState, type SerfMessage } from './wire/serf-messages.ts';
import { WireError } from './wire/wire-error.ts';

/** What waits to be gossiped, in the order in which it may fill a packet. */
export interface Queues {
  readonly members: BroadcastQueue;
  readonly intents: BroadcastQueue;
  readonly queries: BroadcastQueue;
  readonly events: BroadcastQueue;
}

export class SerfLayer {
  readonly members: SerfMembers;
  readonly events: UserEvents;
  readonly queries: Queries;
  readonly internal: InternalQueries;
  readonly coordinates: Coordinates;
  readonly #context: Context;
  readonly #queues: Queues;
  readonly #clock: LamportClock;
  tags: ReadonlyMap<string, string>;
  /** The application's part of our push/pulls. */
  shared: Uint8Array | undefined;
  /** While a join is under way that is to hide what was told before it. */
  ignoreOldEvents = false;

  constructor(parts: {
    context: Context;
    table: MemberTable;
    queues: Queues;
    keyring: Keyring;
    self: string;
    tags: ReadonlyMap<string, string>;
    times: LamportTimes | undefined;
    membership: () => Membership;
    disseminator: () => Disseminator;
    mustGo: (reason: string) => void;
  }) {
    const { context, table, queues, keyring, membership, times } = parts;
    this.#context = context;
    this.#queues = queues;
    this.tags = parts.tags;
    this.coordinates = new Coordinates(context.random);
    this.#clock = new LamportClock(times?.member);
    this.members = new SerfMembers({
      context,
      clock: this.#clock,
      queue: queues.intents,
      self: parts.self,
      forgotten: (name) => this.coordinates.forget(name),
    });
    this.events = new UserEvents({ context, queue: queues.events, time: times?.event ?? 1 });
    this.queries = new Queries({
      context,
      table,
      queue: queues.queries,
      membership,
      time: times?.query ?? 1,
      host: {
        tags: () => this.tags,
        internal: (query, answer) => this.internal.take(query, answer),
        sendUser: (to, payload) => parts.disseminator().send(to, encodeUser(payload)),
      },
    });
    this.internal = new InternalQueries({
      context,
      table,
      keyring,
      membership,
      queries: this.queries,
      mustGo: parts.mustGo,
    });
  }

  get lamportTimes(): LamportTimes {
    const [event, query] = [this.events.clock.time, this.queries.clock.time];
    return { member: this.#clock.time, event, query };
  }

  /** Takes a user message of memberlist. */
  userMessage(payload: Uint8Array, from: Address): void {
    let message: SerfMessage;
    try {
      message = decodeSerfMessage(payload);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#context.count(`serf-${error.reason}`);
      return;
    }
    switch (message.type) {
      case 'leave':
        if (this.members.leaveIntent(message)) this.#passOn(payload);
        break;
      case 'join':
        if (this.members.joinIntent(message.node, message.lamportTime)) this.#passOn(payload);
        break;
      case 'user-event':
        this.events.heard(message);
        break;
      case 'query':
        this.queries.heard(message, payload);
        break;
      case 'query-response':
        this.queries.responded(message);
        break;
      case 'relay':
        this.queries.relay(message);
        break;
      case 'direct':
        this.#context.emit({ type: 'direct', from, payload: message.payload.slice() });
        break;
    }
  }

  /** What our acks carry. */
  ackPayload(): Uint8Array | undefined {
    return this.#context.settings.coordinates ? encodeCoordinate(this.coordinates.own) : undefined;
  }

  /** A direct ack came: a round trip was measured. */
  acked(record: MemberRecord, roundTripMs: number, payload: Uint8Array | undefined): void {
    if (!this.#context.settings.coordinates || payload === undefined) return;
    try {
      const coordinate = decodeCoordinate(payload);
      if (coordinate === undefined) return;
      if (this.coordinates.update(record.name, coordinate, roundTripMs)) return;
      this.#context.count('coordinate-rejected');
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#context.count(`coordinate-${error.reason}`);
    }
  }

  /** Our part of a push/pull. */
  localState(): Uint8Array {
    return encodeSerfState({
      ...this.members.fillState(),
      lamportTime: this.#clock.time,
      eventTime: this.events.clock.time,
      events: this.events.fillState(),
      queryTime: this.queries.clock.time,
      shared: this.shared,
    });
  }

  /** Learns from another's part. */
  remoteState(bytes: Uint8Array, join: boolean): void {
    try {
      const state = decodeSerfState(bytes);
      // What they say is their next time; what they have heard of is the one before.
      if (state.lamportTime > 0) this.#clock.witness(state.lamportTime - 1);
      if (state.eventTime > 0) this.events.clock.witness(state.eventTime - 1);
      if (state.queryTime > 0) this.queries.clock.witness(state.queryTime - 1);
      this.members.mergeState(state);
      if (join && this.ignoreOldEvents) this.events.ignoreBefore(state.eventTime);
      this.events.mergeState(state.events);
      if (state.shared !== undefined) this.#takeShared(state.shared, join);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#context.count(`serf-state-${error.reason}`);
      this.#context.log('error', `cannot read the state of a member: ${error.reason}`);
    }
  }

  #takeShared(shared: Uint8Array, join: boolean): void {
    if (shared.length > this.#context.settings.sharedStateBytesMax) {
      this.#context.count('shared-state-too-large');
      return;
    }
    this.#context.emit({ type: 'shared-state', payload: shared.slice(), join });
  }

  #passOn(payload: Uint8Array): void {
    this.#queues.intents.add({ bytes: encodeUser(payload) });
  }
}
