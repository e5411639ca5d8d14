/**
 * A running member: the engine on ports, with promises, signals and a life cycle around it.
 *
 * Length: what an application may ask of a member stands here in one class, with what is said of it;
 * the work itself is done in files of their own.
 */
import type { Registry } from 'prom-client';
import { QuorateError } from '../base/errors.ts';
import { type Engine, SYSTEM_GROUP } from '../engine/engine.ts';
import type { Event } from '../engine/event.ts';
import { deletedError } from '../engine/group-opening.ts';
import type { Machine } from '../engine/machine.ts';
import { Startup } from '../engine/startup.ts';
import { encodeSystemCommand, type SystemCommand } from '../engine/system-machine.ts';
import type { AnyDefinition } from '../machine/definition.ts';
import type { Cancel } from '../ports/callbacks.ts';
import type { DirectoryLock } from '../ports/disk.ts';
import type { Ports } from '../ports/ports.ts';
import type { Address, Credentials } from '../ports/streams.ts';
import type { MemberId } from '../raft/entry.ts';
import { BackupCalls } from './backup-calls.ts';
import type { BackupSource } from './backup-source.ts';
import { type Backup, type BackupOptions, Backups } from './backups.ts';
import { DeadMemberWatch } from './discovery.ts';
import { DiskDriver } from './disk-driver.ts';
import { Driver, type MemberEffect, wholeMs } from './driver.ts';
import { LeaderChanges, memberFigures } from './figures.ts';
import type { Group } from './group.ts';
import { resultOf } from './leader-calls.ts';
import { Learners } from './learners.ts';
import type { LinkDriver } from './link-driver.ts';
import { backupOf } from './member-backup.ts';
import {
  checkGroupName,
  type EnterGroup,
  type GroupInfo,
  groupInfos,
  MemberGroups,
} from './member-groups.ts';
import { type MemberInfo, memberInfos } from './member-info.ts';
import { memberRegistry } from './metrics.ts';
import type { MemberOptions } from './options.ts';
import { type RaftEvent, type RaftEventOptions, RaftEvents } from './raft-events.ts';
import { RequestWatch, slowRequestDefaults } from './request-watch.ts';
import { type RequestOptions, Requests } from './requests.ts';
import { placeGroup, type RestoreGroupOptions, type RestoreHost } from './restored-group.ts';
import { startupOptions, type Tuning } from './startup-options.ts';
import type { TypedGroup, TypedGroupHost } from './typed-group.ts';

const DEFAULT_TIMEOUT_MS = 5000;

/** This process's part in a cluster. Made by `openMember`. */
export class Member implements TypedGroupHost {
  readonly requests: Requests;
  /** For groups. */
  readonly backups: Backups;
  readonly #backupCalls: BackupCalls;
  /** For members that shall not vote before they are told to. */
  readonly learners = new Learners((command, options) => this.#proposeSystem(command, options));
  readonly electionTimeoutMs: number;
  /** Where this member listens for others. */
  readonly address: Address;
  readonly defaultTimeoutMs: number;
  readonly #ports: Ports;
  readonly #options: MemberOptions;
  readonly #advertise: string;
  #watch: DeadMemberWatch | undefined;
  readonly #driver: Driver;
  readonly #startup: Startup;
  readonly #links: LinkDriver;
  readonly #disk: DiskDriver;
  readonly #lock: DirectoryLock;
  readonly #groups: MemberGroups;
  readonly #events = new RaftEvents();
  readonly #membershipListeners = new Set<() => void>();
  #ended: QuorateError | null | undefined;
  #settleOpened: ((error: QuorateError | null) => void) | undefined;
  #settleClosed: (error: QuorateError | null) => void = () => {};
  #handOver: Promise<void> | undefined;
  readonly #leaderChanges = new LeaderChanges();
  #registry: Registry | undefined;

  /**
   * Settles when the member has ended, however that came: with null after {@link Member.close},
   * with `removed-member` once the cluster has let it go, else with what made it stop.
   */
  readonly closed: Promise<QuorateError | null>;

  /** Use {@link openMember}. */
  constructor(init: {
    readonly ports: Ports;
    readonly options: MemberOptions;
    readonly lock: DirectoryLock;
    readonly links: LinkDriver;
    /** Where the links' driver listens. */
    readonly address: Address;
    readonly advertise: string;
    readonly tuning: Tuning;
  }) {
    const { ports, options, lock, links, address, advertise, tuning } = init;
    this.address = address;
    this.#options = options;
    this.#advertise = advertise;
    this.#ports = ports;
    this.#lock = lock;
    this.#links = links;
    this.#disk = new DiskDriver(ports.disk);
    const logger = options.logger ?? ports.logger;
    this.#groups = new MemberGroups(this, ports.stores, logger);
    const { slowRequestMs = slowRequestDefaults.slowRequestMs } = options;
    const nowMs = (): number => ports.clock.monotonicMs();
    this.backups = new Backups(this, options.name, ports);
    this.#backupCalls = new BackupCalls(ports, (asked) => this.backup(asked));
    this.requests = new Requests(new RequestWatch({ nowMs, logger, options: { slowRequestMs } }));
    this.defaultTimeoutMs = options.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    const startup = startupOptions(ports, options, { advertise, tuning });
    this.#startup = new Startup({ ...startup, wake: () => this.#driver.wake() });
    const { tickMs, electionTicks } = startup.settings;
    this.electionTimeoutMs = tickMs * electionTicks;
    this.#driver = new Driver({
      startup: this.#startup,
      clock: ports.clock,
      logger,
      disk: this.#disk,
      links,
      tickMs,
      handle: (effect) => this.#handle(effect),
    });
  }

  /** For {@link openMember}: begins, and settles when requests may come. */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settleOpened = (error) => (error === null ? resolve() : reject(error));
      this.#driver.start();
    });
  }

  /** This member's directory, as it was opened with. */
  get dataDir(): string {
    return this.#options.dataDir;
  }

  /** This member's id. */
  get id(): MemberId {
    return this.engine.self;
  }

  /** Connections of this member's: one for each other member it talks to, and what it serves. */
  get openConnections(): number {
    return this.#links.openConnections;
  }

  get engine(): Engine {
    const { engine } = this.#startup;
    if (engine === undefined || this.#ended !== undefined) {
      throw new QuorateError('closing', 'this member has closed');
    }
    return engine;
  }

  /** For the driver of links. */
  deliver(event: Event): void {
    this.#driver.dispatch(event);
  }

  /** For groups. */
  after(delayMs: number, callback: () => void): Cancel {
    return this.#ports.clock.after(delayMs, callback);
  }

  nowMs(): number {
    return this.#ports.clock.monotonicMs();
  }

  wallMs(): number {
    return wholeMs(this.#ports.clock.wallMs());
  }

  dispatch(event: Event): void {
    if (this.#ended !== undefined) throw new QuorateError('closing', 'this member has closed');
    this.#driver.dispatch(event);
  }

  /**
   * Takes part in a group with this machine; the group is created if no member has yet. Every
   * member opens its groups each time it starts.
   *
   * @throws QuorateError `invalid-name`, `group-open`, `timeout`, `aborted`, `over-quota`, `closing`
   */
  group<Definition extends AnyDefinition>(
    name: string,
    definition: Definition,
    options?: RequestOptions,
  ): Promise<TypedGroup<Definition>>;
  group<State extends Machine>(
    name: string,
    machine: State,
    options?: RequestOptions,
  ): Promise<Group<State>>;
  async group(
    name: string,
    stated: AnyDefinition | Machine,
    options: RequestOptions = {},
  ): Promise<Group> {
    const enter: EnterGroup = (group, machine) => this.#openGroup(group, machine, options);
    return this.#groups.open(name, stated, enter);
  }

  /** The cluster's groups, as far as this member knows. */
  groups(): readonly GroupInfo[] {
    return groupInfos(this.engine);
  }

  /**
   * Deletes a group on all members, with everything that it holds: who is away does it when it is
   * back. Nothing brings it back but a backup; another group may have the name.
   * @throws QuorateError `unknown-group`, `invalid-name`, `timeout`, `aborted`
   */
  async deleteGroup(name: string, options: RequestOptions = {}): Promise<void> {
    checkGroupName(name);
    const known = this.engine.system.groupNamed(name);
    if (known === undefined) throw new QuorateError('unknown-group', `there is no group ${name}`);
    await this.#proposeSystem({ type: 'remove-group', id: known.id }, options);
    await this.#groups.gone(known.id);
  }

  /**
   * A backup of all groups that are open here, one after the other: each as it stands at one applied
   * index of its own, which `groups` tells once it has come to that; `missing` names those that are
   * not open on this member.
   * @param options.groups only these
   * @throws QuorateError `unknown-group`, `closing`; the rest, while it is taken, as `Group.backup`
   */
  backup(options: BackupOptions & { readonly groups?: readonly string[] } = {}): Backup {
    return backupOf(this.engine, options, { backups: this.backups, groups: this.#groups });
  }

  /**
   * Restores a group from a backup, under a name that no group has, and opens it here: with its
   * state, sessions and time, its indexes and terms going on from where they were. The other members
   * are brought in as they open it. A backup of an earlier version of the machine is migrated as a
   * running group would be.
   *
   * @param options.group which of the backup's groups, where it has several
   * @throws QuorateError `group-exists`, `backup-damaged`, `format-too-new`, `wrong-machine`,
   *   `machine-too-old`, `machine-too-new`, `unknown-group`: then nothing was written; and as
   *   {@link Member.group}
   */
  async restoreGroup<Definition extends AnyDefinition>(
    name: string,
    definition: Definition,
    source: BackupSource,
    options?: RestoreGroupOptions,
  ): Promise<TypedGroup<Definition>>;
  async restoreGroup<State extends Machine>(
    name: string,
    machine: State,
    source: BackupSource,
    options?: RestoreGroupOptions,
  ): Promise<Group<State>>;
  async restoreGroup(
    name: string,
    machine: AnyDefinition | Machine,
    source: BackupSource,
    options: RestoreGroupOptions = {},
  ): Promise<Group> {
    checkGroupName(name);
    const { disk, crypto } = this.#ports;
    const host: RestoreHost = {
      ...{ engine: this.engine, disk, crypto },
      propose: (command) => this.#proposeSystem(command, options),
    };
    await placeGroup(host, { name, machine, source, group: options.group });
    const enter: EnterGroup = (group, stated) => this.#openGroup(group, stated, options);
    return this.#groups.open(name, machine, enter);
  }

  #openGroup(name: string, machine: Machine, options: RequestOptions): Promise<number> {
    const deadlineMs = this.nowMs() + (options.timeoutMs ?? this.defaultTimeoutMs);
    return this.requests.ask<number>(
      options,
      (ticket) => this.dispatch({ type: 'open-group', ticket, name, machine, deadlineMs }),
      () => {},
    );
  }

  /** The cluster's members, as far as this one knows. */
  members(): readonly MemberInfo[] {
    return memberInfos(this.engine);
  }

  /**
   * This member's figures as Prometheus reads them; docs/metrics.md lists them.
   * @throws QuorateError `closing`
   */
  metrics(): Promise<string> {
    return this.metricsRegistry.metrics();
  }

  /** The same as a registry of prom-client's, to be merged with an application's own. */
  get metricsRegistry(): Registry {
    const { requests } = this;
    const parts = { requests, leaderChanges: this.#leaderChanges };
    this.#registry ??= memberRegistry(() => memberFigures(this.#options.name, this.engine, parts));
    return this.#registry;
  }

  /** Calls `listener` after each change of members, groups or configurations. */
  onMembership(listener: () => void): () => void {
    this.#membershipListeners.add(listener);
    return () => this.#membershipListeners.delete(listener);
  }

  /**
   * Calls `listener` with what Raft does on this member, in all its groups: roles, terms, votes,
   * appends, commits, applies, configurations; returns how to stop that.
   * @throws QuorateError `closing`
   */
  onRaft(listener: (event: RaftEvent) => void, options: RaftEventOptions = {}): () => void {
    return this.#events.listen(this.engine, listener, options);
  }

  /**
   * Removes a member from the cluster. It is part of no group any more when all groups have
   * followed, shortly after; it then ends by itself. Its id is never used again.
   * @throws QuorateError `unknown-member`, `unsafe-change`, `timeout`, `aborted`
   */
  async removeMember(id: MemberId, options: RequestOptions = {}): Promise<void> {
    await this.#proposeSystem({ type: 'remove-member', id }, options);
  }

  /**
   * Says where a member is reached now, for one that cannot say so itself any more.
   * @throws QuorateError `unknown-member`, `timeout`, `aborted`
   */
  async setMemberAddress(
    id: MemberId,
    address: string,
    options: RequestOptions = {},
  ): Promise<void> {
    await this.#proposeSystem({ type: 'update-member', id, address }, options);
  }

  /**
   * Takes new certificates for all connections from now on, of a member that was opened with TLS.
   * @throws QuorateError `tls-failed`; then the old ones stay in use
   */
  reload(credentials: Credentials): void {
    this.#links.reload(credentials);
  }

  /**
   * Hands leadership over, lets others know, seals the log and ends. Requests that are under way
   * fail as `closing`.
   */
  close(): Promise<void> {
    this.#handOver ??= this.#close();
    return this.#handOver;
  }

  async #close(): Promise<void> {
    if (this.#ended === undefined) this.#driver.dispatch({ type: 'close' });
    await this.closed;
  }

  #proposeSystem(command: SystemCommand, options: RequestOptions): Promise<unknown> {
    const deadlineMs = this.nowMs() + (options.timeoutMs ?? this.defaultTimeoutMs);
    const bytes = encodeSystemCommand(command);
    const request = {
      type: 'propose',
      group: 0,
      command: bytes,
      timeMs: this.wallMs(),
      requiredTerm: 0,
      deadlineMs,
    } as const;
    return this.requests.ask(
      options,
      (ticket) => this.dispatch({ ...request, ticket }),
      (ticket) => this.dispatch({ type: 'cancel', group: 0, ticket }),
    );
  }

  #handle(effect: MemberEffect): void {
    switch (effect.type) {
      case 'answer':
        return this.requests.settle(effect.ticket, effect.outcome);
      case 'opened':
        this.#beginDiscovery();
        return this.#settleOpened?.(null);
      case 'leadership': {
        const { role, term, leader } = effect;
        this.#leaderChanges.note(effect.group, leader);
        const isLeader = role === 'leader';
        return this.#groups.get(effect.group)?.leadershipChanged({ role, term, leader, isLeader });
      }
      case 'membership':
        for (const listener of this.#membershipListeners) listener();
        return;
      case 'group-deleted':
        this.backups.stop(deletedError(effect.group), effect.group);
        return this.#groups.deleted(effect.group);
      case 'called':
        return this.#answerCall(
          effect.call,
          this.#groups.get(effect.group)?.answerLeaderCall(effect.payload),
        );
      case 'backup-called':
        return this.#answerCall(effect.call, this.#backupCalls.answer(effect.payload));
      case 'closed':
        void this.#end(effect.error);
    }
  }

  /** The answer leaves with the next turn. */
  #answerCall(call: number, answered: Promise<Uint8Array> | undefined): void {
    resultOf(answered, (result) => {
      this.#startup.engine?.answerCall(call, result);
      this.#driver.wake();
    });
  }

  /** Others may find this member from now on; who is gone for long is noticed. */
  #beginDiscovery(): void {
    const { name, discovery, deadMembers = {}, logger = this.#ports.logger } = this.#options;
    if (discovery === undefined) return;
    discovery.announce({ name, address: this.#advertise });
    const { clock } = this.#ports;
    this.#watch = new DeadMemberWatch({
      ...{ clock, logger, discovery, policy: deadMembers },
      members: () => this.members(),
      leads: () => this.engine.replica(SYSTEM_GROUP)?.role === 'leader',
      remove: ({ id }) => this.removeMember(id),
    });
  }

  async #end(error: QuorateError | null): Promise<void> {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#driver.stop();
    this.#watch?.stop();
    // What is walked in a store must not be when that closes.
    this.backups.stop(new QuorateError('closing', 'this member has closed'));
    this.#backupCalls.stop();
    const { code, message } = error ?? new QuorateError('closing', 'this member has closed');
    // The engine has answered what it knew of; of what is left nobody knows.
    this.requests.failAll(new QuorateError(code, message, { maybeApplied: true, cause: error }));
    await new Promise<void>((resolve) => this.#links.close(() => resolve()));
    await this.#groups.closeAll();
    await new Promise<void>((resolve) => this.#disk.close(resolve));
    await new Promise<void>((resolve) => this.#lock.release(() => resolve()));
    this.#settleOpened?.(error ?? new QuorateError('closing', 'closed before it had opened'));
    this.#settleClosed(error);
  }
}
