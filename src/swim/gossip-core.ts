/**
 * A gossip member as a function: `handle(input, nowMs)` changes its state and returns what is to be
 * done. This module only puts the parts together and leads each input to the part that knows it:
 *
 *     packets ── PacketCodec ──┬─ Prober        pings, acks, nacks          SWIM, Lifeguard
 *                              ├─ Membership    alive, suspect, dead        SWIM, Lifeguard
 *     streams ── Exchanges ────┘                push/pull
 *                              ┌─ SerfMembers   intents, status, reaping    Serf
 *     user messages ───────────┼─ UserEvents, Queries, InternalQueries      Serf
 *                              └─ Coordinates                               Vivaldi
 *     what is to be told ── BroadcastQueues ── Disseminator ── packets
 *
 * See {@link file://./api.ts api} for what its driver must do.
 */
import { QuorateError } from '../base/errors.ts';
import type {
  Address,
  GossipEffect,
  GossipInput,
  GossipMachine,
  GossipOptions,
  GossipStatistics,
  LamportTimes,
  Member,
} from './api.ts';
import { Awareness } from './awareness.ts';
import { BroadcastQueue } from './broadcast-queue.ts';
import { Commands, encodedTags, stopped } from './commands.ts';
import { Context } from './context.ts';
import type { Coordinate } from './coordinate.ts';
import { Departure } from './departure.ts';
import { Disseminator } from './disseminator.ts';
import { Exchanges } from './exchanges.ts';
import { type MemberRecord, MemberTable } from './member-table.ts';
import { incarnationMax, Membership } from './membership.ts';
import { Prober } from './prober.ts';
import { RepeatFilter } from './repeat-filter.ts';
import { type Queues, SerfLayer } from './serf-layer.ts';
import { validateSettings } from './settings.ts';
import { parseIp } from './wire/ip.ts';
import { Keyring } from './wire/keyring.ts';
import type { PacketMessage } from './wire/messages.ts';
import { PacketCodec } from './wire/packet.ts';

const nameCharsMax = 128;
/** A name that is fought for would else fill the log. */
const conflictLogIntervalMs = 10_000;
const nothing: readonly GossipEffect[] = Object.freeze([]);

export class GossipCore implements GossipMachine {
  readonly #context: Context;
  readonly #keyring: Keyring;
  readonly #codec: PacketCodec;
  readonly #awareness: Awareness;
  readonly #queues: Queues;
  readonly #disseminator: Disseminator;
  readonly #membership: Membership;
  readonly #prober: Prober;
  readonly #exchanges: Exchanges;
  readonly #serf: SerfLayer;
  readonly #departure: Departure;
  readonly #commands: Commands;
  readonly #repeats = new RepeatFilter();
  #conflictLoggedMs = Number.NEGATIVE_INFINITY;

  /** @throws QuorateError `invalid-config` */
  constructor(options: GossipOptions) {
    const settings = validateSettings(options.settings);
    checkIdentity(options);
    const tags = new Map(options.tags ?? []);
    const meta = encodedTags(tags);
    const context = new Context(settings, options.random, options.nowMs);
    const table = new MemberTable(options.random);
    const keyring = new Keyring(options.keys ?? [], options.cipher);
    this.#context = context;

    this.#keyring = keyring;
    this.#awareness = new Awareness(settings.lifeguard.localHealth ? settings.awarenessMax : 1);
    this.#codec = new PacketCodec(
      {
        label: settings.label,
        compression: settings.packetCompression,
        decompressedBytesMax: settings.packetDecompressedBytesMax,
      },
      keyring,
    );
    this.#queues = {
      members: this.#queue('members'),
      intents: this.#queue('intents'),
      queries: this.#queue('queries', settings.userEventsPerNameMax),
      events: this.#queue('events', settings.userEventsPerNameMax),
    };
    this.#serf = new SerfLayer({
      context,
      table,
      queues: this.#queues,
      keyring,
      self: options.name,
      tags,
      times: options.lamportTimes,
      membership: () => this.#membership,
      disseminator: () => this.#disseminator,
      mustGo: (reason) => this.#departure.shutdown(reason),
    });
    this.#membership = new Membership({
      context,
      table,
      queue: this.#queues.members,
      awareness: this.#awareness,
      listener: {
        joined: (record) => this.#serf.members.joined(record),
        updated: (record) => this.#serf.members.updated(record),
        gone: (record) => this.#serf.members.gone(record),
        conflict: (record, claimant) => this.#conflict(record, claimant),
        correct: (to, message) => this.#disseminator.send(to, message),
      },
      self: {
        name: options.name,
        address: options.address,
        meta,
        incarnation: Math.min(incarnationMax, Math.max(1, Math.floor(options.incarnation ?? 1))),
      },
    });
    const membership = this.#membership;
    this.#disseminator = new Disseminator({
      context,
      table,
      codec: this.#codec,
      queues: Object.values(this.#queues),
      self: options.name,
    });
    this.#exchanges = new Exchanges({
      context,
      table,
      membership,
      keyring,
      host: {
        localState: () => this.#serf.localState(),
        remoteState: (state, join) => this.#serf.remoteState(state, join),
        userMessage: (payload, from) => this.#serf.userMessage(payload, from),
      },
    });
    this.#prober = new Prober({
      context,
      table,
      membership,
      disseminator: this.#disseminator,
      awareness: this.#awareness,
      host: {
        ackPayload: () => this.#serf.ackPayload(),
        acked: (record, roundTripMs, payload) => this.#serf.acked(record, roundTripMs, payload),
        pingOverTcp: (ping) => this.#exchanges.pingOverTcp(ping),
      },
    });
    this.#departure = new Departure({ context, table, membership, members: this.#serf.members });
    this.#commands = new Commands({
      context,
      table,
      membership,
      disseminator: this.#disseminator,
      exchanges: this.#exchanges,
      serf: this.#serf,
      departure: this.#departure,
    });
    this.#serf.members.joined(membership.self);
    this.#start();
  }

  handle(input: GossipInput, nowMs: number): readonly GossipEffect[] {
    if (this.#departure.isOver) {
      if (isCommand(input)) throw stopped();
      return nothing;
    }
    // A clock that went back would make every timer late; we keep what we had.
    this.#context.nowMs = Math.max(this.#context.nowMs, nowMs);
    this.#dispatch(input);
    if (this.#departure.isOver) this.#stop();
    else this.#disseminator.schedule();
    return this.#context.takeEffects();
  }

  get wakeAtMs(): number {
    return this.#context.timers.nextAtMs;
  }

  get state(): GossipMachine['state'] {
    return this.#departure.state;
  }

  get incarnation(): number {
    return this.#membership.self.incarnation;
  }

  get lamportTimes(): LamportTimes {
    return this.#serf.lamportTimes;
  }

  members(): readonly Member[] {
    return this.#serf.members.all();
  }

  member(name: string): Member | undefined {
    return this.#serf.members.get(name);
  }

  coordinate(name?: string): Coordinate | undefined {
    const isSelf = name === undefined || name === this.#membership.self.name;
    return isSelf ? this.#serf.coordinates.own : this.#serf.coordinates.of(name);
  }

  keys(): readonly Uint8Array[] {
    return this.#keyring.keys;
  }

  statistics(): GossipStatistics {
    const { members, intents, queries, events } = this.#queues;
    return {
      members: this.#serf.members.all().length,
      alive: this.#serf.members.count('alive'),
      failed: this.#serf.members.count('failed'),
      left: this.#serf.members.count('left'),
      healthScore: this.#awareness.score,
      memberQueue: members.length,
      intentQueue: intents.length,
      queryQueue: queries.length,
      eventQueue: events.length,
      lamportTimes: this.lamportTimes,
      encrypted: this.#keyring.encrypts,
      counters: new Map(this.#context.counters),
    };
  }

  #queue(name: string, perGroupMax = Number.POSITIVE_INFINITY): BroadcastQueue {
    const { settings } = this.#context;
    return new BroadcastQueue({
      retransmitMult: settings.retransmitMult,
      piecesMax: settings.broadcastsMax,
      pieceBytesMax: settings.packetBytesMax - this.#codec.overheadBytes - 4,
      perGroupMax,
      dropped: (reason) => this.#context.count(`${name}-${reason}`),
    });
  }

  #start(): void {
    const { settings } = this.#context;
    this.#prober.start();
    this.#exchanges.start();
    const { reapIntervalMs, reconnectIntervalMs } = settings;
    this.#context.every(
      () => reapIntervalMs,
      () => {
        this.#serf.members.reap();
        this.#membership.reap();
      },
    );
    this.#context.every(
      () => reconnectIntervalMs,
      () => {
        const address = this.#serf.members.pickFailed();
        if (address === undefined) return;
        this.#context.count('reconnects');
        this.#exchanges.pushPull(address, true, () => {});
      },
    );
  }

  /** Settles every request that is open; nothing comes after. */
  #stop(): void {
    this.#exchanges.stop();
    this.#serf.queries.stop();
    this.#departure.stop();
    this.#context.timers.clear();
  }

  #dispatch(input: GossipInput): void {
    switch (input.type) {
      case 'wake':
        this.#context.timers.run(this.#context.nowMs);
        return;
      case 'packet':
        this.#packet(input.from, input.bytes);
        return;
      case 'stream-accepted':
        this.#exchanges.accepted(input.stream, input.from);
        return;
      case 'stream-data':
        this.#exchanges.data(input.stream, input.bytes);
        return;
      case 'stream-closed':
        this.#exchanges.closed(input.stream, input.error);
        return;
      default:
        this.#commands.run(input);
        return;
    }
  }

  #packet(from: Address, bytes: Uint8Array): void {
    this.#context.count('packets-received');
    this.#codec.open(bytes, {
      repeated: (body) => this.#repeats.heard(body, this.#context.nowMs),
      message: (message) => this.#message(message, from),
      dropped: (reason) => this.#context.count(`packet-${reason}`),
    });
  }

  #message(message: PacketMessage, from: Address): void {
    switch (message.type) {
      case 'ping':
        this.#prober.ping(message, from);
        return;
      case 'indirect-ping':
        this.#prober.indirectPing(message, from);
        return;
      case 'ack':
        this.#prober.ack(message);
        return;
      case 'nack':
        this.#prober.nack(message);
        return;
      case 'alive':
        this.#membership.alive(message);
        return;
      case 'suspect':
        this.#membership.suspect(message);
        return;
      case 'dead':
        this.#membership.dead(message);
        return;
      case 'user':
        this.#serf.userMessage(message.payload, from);
        return;
    }
  }

  #conflict(record: MemberRecord, claimant: Address): void {
    if (record === this.#membership.self) {
      this.#serf.internal.resolveConflict(claimant);
      return;
    }
    const { nowMs } = this.#context;
    if (nowMs - this.#conflictLoggedMs < conflictLogIntervalMs) return;
    this.#conflictLoggedMs = nowMs;
    const { host, port } = claimant;
    this.#context.log('warn', `the name '${record.name}' is also claimed by ${host}:${port}`);
  }
}

const inputsOfTheWorld = ['wake', 'packet', 'stream-accepted', 'stream-data', 'stream-closed'];

function isCommand(input: GossipInput): boolean {
  return !inputsOfTheWorld.includes(input.type);
}

function checkIdentity(options: GossipOptions): void {
  const { name, address } = options;
  if (name.length === 0 || name.length > nameCharsMax) {
    throw new QuorateError('invalid-config', `a name has 1 … ${nameCharsMax} characters`);
  }
  const port = address.port;
  if (parseIp(address.host) === undefined || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new QuorateError(
      'invalid-config',
      `'${address.host}:${port}' is no address in numbers with a port in 1 … 65535`,
    );
  }
}
