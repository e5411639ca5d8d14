/**
 * A running agent: what applications hold. It turns calls into commands of the core, and the core's
 * effects into promises, iterators and log lines. It owns no protocol: every rule of the cluster is
 * in `swim/`.
 */

import { assert } from '../base/assert.ts';
import { QuorateError } from '../base/errors.ts';
import type { Cancel } from '../ports/callbacks.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { Address, Streams } from '../ports/streams.ts';
import type {
  GossipCommand,
  GossipStatistics,
  KeyOperation,
  Member,
  QueryKey,
} from '../swim/api.ts';
import type { Coordinate } from '../swim/coordinate.ts';
import { formatAddress } from './address.ts';
import type {
  CloseReason,
  ClusterKeys,
  EventsOptions,
  Gossip,
  JoinOptions,
  JoinResult,
  Members,
  QueryAnswer,
  QueryHandler,
  QueryOptions,
} from './api.ts';
import { keyBytes, type ResolvedConfig } from './config.ts';
import type { Driver, OwnEffect } from './driver.ts';
import { EventHub } from './event-hub.ts';
import type { AgentEvent, UserEvent } from './events.ts';
import { joinFailed, resolveAddresses } from './joining.ts';
import type { LogTail } from './log-tail.ts';
import { MembersView } from './members-view.ts';
import { bytesOf, Queries } from './queries.ts';
import { Requests } from './requests.ts';
import { roundTripSeconds } from './round-trip.ts';
import type { KeysOutcome } from './rpc/reply.ts';
import { ValuesService } from './values/service.ts';
import type { SharedMap, SharedValue } from './values/shared.ts';

/** The tag by which members that share values know each other. */
export const valuesTag = 'quorate-values';

/** What an {@link Agent} needs. */
export interface AgentOptions {
  readonly config: ResolvedConfig;
  readonly address: Address;
  readonly clock: Clock;
  readonly random: Random;
  readonly streams: Streams;
  readonly log: LogTail;
  /** What the agent's owner does for it: files. */
  readonly keysChanged: (keys: readonly Uint8Array[]) => void;
  readonly stateChanged: () => void;
  /** Frees all that the agent holds, in the order that befits a `left` or another end. */
  readonly release: (left: boolean) => Promise<void>;
}

/** Implements {@link Gossip}. */
export class Agent implements Gossip {
  readonly name: string;
  readonly address: Address;
  readonly members: Members;
  readonly keys: ClusterKeys;
  readonly closed: Promise<CloseReason>;
  rpcAddress: Address | undefined;
  readonly #options: AgentOptions;
  readonly #view: MembersView;
  readonly #values: ValuesService;
  readonly #hub = new EventHub();
  readonly #requests: Requests;
  readonly #queries: Queries;
  /** Members alive that share values, without this one; kept up to date by their changes. */
  readonly #valuesPeers = new Set<string>();
  #driver: Driver | undefined;
  #tags: ReadonlyMap<string, string>;
  #closing: Promise<void> | undefined;
  #leaving: Promise<void> | undefined;
  #resolveClosed: (reason: CloseReason) => void = () => {};

  constructor(options: AgentOptions) {
    const { config } = options;
    this.#options = options;
    this.name = config.name;
    this.address = options.address;
    this.#tags = config.tags;
    this.#view = new MembersView(() => this.#running().core);
    this.members = this.#view;
    this.keys = {
      install: async (key) => this.changeKeys({ kind: 'install', key: keyBytes(key) }),
      use: async (key) => this.changeKeys({ kind: 'use', key: keyBytes(key) }),
      remove: async (key) => this.changeKeys({ kind: 'remove', key: keyBytes(key) }),
      list: async () => this.changeKeys({ kind: 'list' }),
    };
    this.#requests = new Requests((command) => this.#command(command));
    this.#queries = new Queries({
      requests: this.#requests,
      command: (command) => this.#command(command),
      failed: (name, err) => options.log.write('warn', 'a query was not answered', { name, err }),
    });
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#values = new ValuesService({
      ...config.values,
      name: config.name,
      clock: options.clock,
      random: options.random,
      fanout: config.settings.gossipNodes,
      retransmitMult: config.settings.retransmitMult,
      gossipIntervalMs: config.settings.gossipIntervalMs,
      peers: () => [...this.#valuesPeers],
      send: ({ to, bytes }) => this.#sendValues(to, bytes),
      awake: () => this.#announceTags(true),
      warn: (message, facts) => options.log.write('warn', message, facts),
    });
  }

  /** Connects the agent to its driver; to be called once, before anything else. */
  attach(driver: Driver): void {
    this.#driver = driver;
  }

  join(addresses: readonly string[], options: JoinOptions = {}): Promise<JoinResult> {
    return this.#joinAll(addresses, options);
  }

  async leave(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    await this.leaveCluster();
    await this.stop({ reason: 'left' });
  }

  /** The first half of {@link leave}: the cluster knows, and the agent is still there. */
  leaveCluster(): Promise<void> {
    this.#leaving ??= this.#leaveCluster();
    return this.#leaving;
  }

  close(): Promise<void> {
    return this.stop({ reason: 'closed' });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }

  setTags(tags: Readonly<Record<string, string>>): void {
    this.replaceTags(new Map(Object.entries(tags)));
  }

  event(
    name: string,
    payload: Uint8Array | string = '',
    { coalesce = false }: { coalesce?: boolean } = {},
  ): void {
    this.#command({ type: 'user-event', name, payload: bytesOf(payload), coalesce });
  }

  events(options: EventsOptions = {}): AsyncIterableIterator<UserEvent> {
    this.#running();
    return this.#hub.events(options);
  }

  query(
    name: string,
    payload: Uint8Array | string = '',
    options: QueryOptions = {},
  ): AsyncIterableIterator<QueryAnswer> {
    this.#running();
    return this.#queries.ask(name, payload, options);
  }

  answer(name: string, handler: QueryHandler): () => void {
    this.#running();
    return this.#queries.answer(name, handler);
  }

  async forceLeave(name: string, { prune = false }: { prune?: boolean } = {}): Promise<void> {
    if (this.members.get(name) === undefined) {
      throw new QuorateError('gossip-unknown', `no member "${name}" is known`);
    }
    await this.#requests.ask((request) => ({ type: 'force-leave', request, name, prune }));
  }

  value<T>(name: string): SharedValue<T> {
    return this.#values.shared.value<T>(name);
  }

  map<T>(name: string): SharedMap<T> {
    return this.#values.shared.map<T>(name);
  }

  pullValues({ signal }: { signal?: AbortSignal } = {}): Promise<string | undefined> {
    return this.#values.pull(signal);
  }

  roundTripMs(name: string): number | undefined {
    const ours = this.coordinate();
    const theirs = this.coordinate(name);
    if (ours === undefined || theirs === undefined || name === this.name) return undefined;
    return roundTripSeconds(ours, theirs) * 1_000;
  }

  coordinate(name?: string): Coordinate | undefined {
    return this.#running().core.coordinate(name);
  }

  statistics(): GossipStatistics {
    return this.#running().core.statistics();
  }

  /** This member's tags without the one that says that it shares values. */
  ownTags(): ReadonlyMap<string, string> {
    return this.#tags;
  }

  replaceTags(tags: ReadonlyMap<string, string>): void {
    const before = this.#tags;
    this.#tags = new Map([...tags].filter(([name]) => name !== valuesTag));
    try {
      this.#announceTags(this.members.get(this.name)?.tags.has(valuesTag) ?? false);
    } catch (error) {
      this.#tags = before;
      throw error;
    }
  }

  async changeKeys(operation: KeyOperation): Promise<KeysOutcome> {
    const outcome = await this.#requests.ask((request) => ({ type: 'keys', request, operation }));
    assert(outcome.type === 'keys', 'an operation on keys ends as one');
    return outcome;
  }

  respond(query: QueryKey, payload: Uint8Array): void {
    this.#command({ type: 'respond', query, payload });
  }

  /** Calls `listener` for everything that happens until cancelled. */
  listen(listener: (event: AgentEvent) => void): Cancel {
    return this.#hub.listen(listener);
  }

  /** Stops everything; a second call waits for the first. */
  stop(reason: CloseReason): Promise<void> {
    this.#closing ??= this.#stop(reason);
    return this.#closing;
  }

  /** Takes an effect of the core that is not about the network. */
  effect(effect: OwnEffect): void {
    switch (effect.type) {
      case 'member':
        this.#memberChanged(effect);
        return;
      case 'user-event':
        // The Lamport times belong to the state that is kept.
        this.#options.stateChanged();
        this.#hub.tell(effect);
        return;
      case 'query':
        this.#options.stateChanged();
        this.#asked(effect);
        return;
      case 'query-ack':
      case 'query-response':
        this.#queries.answered(effect);
        return;
      case 'done':
        this.#requests.settle(effect.request, effect.outcome);
        return;
      case 'direct':
        this.#values.receive(effect.payload);
        return;
      case 'shared-state':
        // Values are compared by messages of their own, and ride on no push/pull.
        return;
      case 'keyring':
        this.#options.keysChanged(effect.keys);
        return;
      case 'shutdown':
        this.#options.log.write('error', 'the agent must stop', { reason: effect.reason });
        void this.stop({
          reason: 'failed',
          error: new QuorateError('gossip-name-conflict', effect.reason),
        });
        return;
      case 'log':
        this.#options.log.write(effect.level, effect.message);
        return;
    }
  }

  async #joinAll(addresses: readonly string[], options: JoinOptions): Promise<JoinResult> {
    options.signal?.throwIfAborted();
    this.#running();
    const { streams, address: own } = this.#options;
    const { found, failures } = await resolveAddresses(streams, addresses, own);
    if (addresses.length === 0) return { joined: 0, failures };
    if (found.length === 0) throw joinFailed(failures);
    const ignoreOldEvents = options.ignoreOldEvents ?? this.#options.config.ignoreOldEvents;
    const outcome = await this.#requests.ask(
      (request) => ({ type: 'join', request, addresses: found, ignoreOldEvents }),
      options.signal,
    );
    assert(outcome.type === 'join', 'a join ends as a join');
    const all = [
      ...failures,
      ...outcome.failures.map(({ address, reason }) => ({
        address: formatAddress(address),
        reason,
      })),
    ];
    if (outcome.joined === 0) throw joinFailed(all);
    return { joined: outcome.joined, failures: all };
  }

  async #leaveCluster(): Promise<void> {
    this.#values.close();
    await this.#requests.ask((request) => ({ type: 'leave', request }));
  }

  async #stop(reason: CloseReason): Promise<void> {
    this.#values.close();
    const gone = new QuorateError('gossip-stopped', 'the agent is closed');
    this.#queries.close();
    this.#requests.failAll(gone);
    this.#view.close();
    this.#hub.close();
    await this.#options.release(reason.reason === 'left');
    this.#resolveClosed(reason);
  }

  #running(): Driver {
    if (this.#driver === undefined || this.#closing !== undefined) {
      throw new QuorateError('gossip-stopped', 'the agent is closed');
    }
    return this.#driver;
  }

  #command(command: GossipCommand): void {
    this.#running().handle(command);
  }

  /** By packet where it fits into one; never once the core has stopped: values can wait. */
  #sendValues(to: string, payload: Uint8Array): void {
    const driver = this.#running();
    if (driver.core.state !== 'running' || !this.#valuesPeers.has(to)) return;
    const reliable = payload.length > this.#options.config.values.packetBytesMax;
    driver.handle({ type: 'send-direct', to, payload, reliable });
  }

  #announceTags(sharesValues: boolean): void {
    const tags = sharesValues ? new Map([...this.#tags, [valuesTag, '1']]) : this.#tags;
    this.#command({ type: 'set-tags', tags });
  }

  #memberChanged(event: Extract<OwnEffect, { type: 'member' }>): void {
    const { change, member } = event;
    const { log } = this.#options;
    const level = change === 'update' ? 'debug' : 'info';
    log.write(level, `member ${change}: ${member.name} ${formatAddress(member.address)}`);
    this.#options.stateChanged();
    this.#trackValuesPeer(member, change === 'reap');
    this.#view.publish({ change, member });
    this.#hub.tell(event);
  }

  #trackValuesPeer(member: Member, reaped: boolean): void {
    if (member.name === this.name) return;
    const shares = !reaped && member.status === 'alive' && member.tags.has(valuesTag);
    if (!shares) {
      this.#valuesPeers.delete(member.name);
    } else if (!this.#valuesPeers.has(member.name)) {
      this.#valuesPeers.add(member.name);
      this.#values.peerJoined(member.name);
    }
  }

  #asked(effect: Extract<OwnEffect, { type: 'query' }>): void {
    const timeLeftMs = Math.max(0, effect.deadlineMs - this.#running().nowMs());
    const { query: key, name, payload, from } = effect;
    const query = { key, name, payload, from, timeLeftMs };
    this.#hub.tell({ type: 'query', ...query });
    this.#queries.received(query);
  }
}
