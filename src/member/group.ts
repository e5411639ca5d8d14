/** One replicated machine, as the application on this member sees it. */
import { QuorateError } from '../base/errors.ts';
import type { Engine } from '../engine/engine.ts';
import type { SessionMark } from '../engine/envelope.ts';
import type { Event, GroupId } from '../engine/event.ts';
import type { Machine } from '../engine/machine.ts';
import type { Cancel } from '../ports/callbacks.ts';
import type { MemberId } from '../raft/entry.ts';
import type { Status } from '../raft/status.ts';
import { Backup, type BackupOptions, type Backups, type BackupTaking } from './backups.ts';
import type { Leadership } from './leadership.ts';
import { runLeading } from './leading.ts';
import type { RequestFacts, RequestKind } from './request-watch.ts';
import type { RequestOptions, Requests } from './requests.ts';

/** How a command is proposed. */
export interface ProposeOptions extends RequestOptions {
  /**
   * The command only takes effect if it is appended in this term; else it fails as `stale-term`.
   * A leader that names its own term cannot write any more once another has taken over.
   */
  readonly requiredTerm?: number;
  /**
   * The command takes effect once, however often it is proposed, on whichever member: a repetition
   * is answered as the first was. `client` says whose it is, in at most 256 characters, and
   * `sequence` which of that client's commands, counted from 1.
   */
  readonly session?: SessionMark;
  /** The same for a single command: a client of its own, named by this key, with one command. */
  readonly idempotencyKey?: string;
}

/** What a job runs with while this member leads; see {@link Group.lead}. */
export interface Leading {
  /** Fires when leadership is lost, or is about to be. */
  readonly signal: AbortSignal;
  /** The term in which this member leads: it only grows, and is a fencing token for other systems. */
  readonly term: number;
  /** As `Group.propose`, for as long as the term lasts: later it is refused as `stale-term`. */
  propose(command: Uint8Array, options?: ProposeOptions): Promise<unknown>;
}

/** What a group needs of the member that it is part of. */
export interface GroupHost {
  readonly requests: Requests;
  /** @throws QuorateError `closing` */
  readonly engine: Engine;
  readonly defaultTimeoutMs: number;
  /** The shortest time without a leader after which another may be elected. */
  readonly electionTimeoutMs: number;
  /** Settles when the member has ended. */
  readonly closed: Promise<QuorateError | null>;
  after(delayMs: number, callback: () => void): Cancel;
  nowMs(): number;
  /** The wall clock in whole ms. */
  wallMs(): number;
  dispatch(event: Event): void;
  readonly backups: Backups;
}

/** The longest name of a session's client. */
export const clientCharactersMax = 256;

/** Answers questions that other members ask this one as the group's leader. */
export type LeaderHandler = (payload: Uint8Array) => Uint8Array | Promise<Uint8Array>;

/** This member's part in one group: proposals, reads, leadership. Made by `Member.group`. */
export class Group<State extends Machine = Machine> {
  readonly id: GroupId;
  readonly name: string;
  /** The machine as it is on this member: reads of it see what is applied here. */
  readonly machine: State;
  readonly #host: GroupHost;
  readonly #listeners = new Set<(leadership: Leadership) => void>();
  #leaderHandler: LeaderHandler | undefined;
  #settleDeleted: (error: QuorateError) => void = () => {};
  /** Settles when the member has ended, or with `group-deleted` when the group is no more. */
  readonly ended: Promise<QuorateError | null>;
  /** One for all requests. */
  readonly #cancel = (ticket: number): void => {
    this.#host.dispatch({ type: 'cancel', group: this.id, ticket });
  };

  constructor(init: { id: GroupId; name: string; machine: State; host: GroupHost }) {
    this.id = init.id;
    this.name = init.name;
    this.machine = init.machine;
    this.#host = init.host;
    const deleted = new Promise<QuorateError>((resolve) => {
      this.#settleDeleted = resolve;
    });
    this.ended = Promise.race([deleted, init.host.closed]);
  }

  /**
   * Replicates a command and applies it. Any member may be asked: it passes the command to the
   * leader, and answers with what its own machine answered.
   *
   * @returns the machine's answer, once a quorum holds the command durably and it is applied here
   * @throws QuorateError the machine's own refusal; `timeout`, `aborted` and `closing`, with
   *   `maybeApplied` where the command may take effect all the same; `no-leader`,
   *   `leadership-lost`, `over-quota`, `disk-full`, `stale-term`, `entry-too-large`: it has none;
   *   `session-expired` where a repetition comes so late that the first answer is forgotten
   */
  propose(command: Uint8Array, options: ProposeOptions = {}): Promise<unknown> {
    const { id: group } = this;
    const { requiredTerm = 0 } = options;
    const session = sessionOf(options);
    const facts = this.#facts('propose');
    const deadlineMs = this.#deadlineMs(options, facts);
    const timeMs = this.#host.wallMs();
    return this.#ask(options, facts, (ticket) => {
      this.#host.dispatch({
        type: 'propose',
        group,
        ticket,
        command,
        timeMs,
        requiredTerm,
        session,
        deadlineMs,
      });
    });
  }

  /**
   * Waits until this member's machine has applied everything that was acknowledged anywhere before
   * this call: what is then read of it is linearizable.
   *
   * @returns the applied index, at least that
   * @throws QuorateError `timeout`, `aborted`, `closing`, `over-quota`
   */
  readIndex(options: RequestOptions = {}): Promise<number> {
    const { id: group } = this;
    const facts = this.#facts('read');
    const deadlineMs = this.#deadlineMs(options, facts);
    return this.#ask(options, facts, (ticket) => {
      this.#host.dispatch({ type: 'read', group, ticket, deadlineMs });
    });
  }

  /**
   * Reads linearizably: runs `query` on the machine once {@link readIndex} allows it, in the same
   * turn, so that nothing is applied in between.
   */
  async read<Value>(
    query: (machine: State) => Value,
    options: RequestOptions = {},
  ): Promise<Value> {
    await this.readIndex(options);
    // A snapshot may have begun to be taken in meanwhile: what comes is no older than what was there.
    for (let whole = this.whole(options); whole !== undefined; whole = this.whole(options)) {
      await whole;
    }
    return query(this.machine);
  }

  /**
   * Whether the machine may be read without asking the others, as it is now. While it takes in a
   * snapshot its state is in pieces: then this is a promise of when it is whole.
   */
  whole(options: RequestOptions = {}): Promise<unknown> | undefined {
    return this.#host.engine.isInstalling(this.id) ? this.applied(0, options) : undefined;
  }

  /** Who leads now, as far as this member knows. */
  get leadership(): Leadership {
    const replica = this.#host.engine.replica(this.id);
    const { role, leader, term } = replica?.raft.core ?? { role: 'follower', leader: 0, term: 0 };
    return { role, leader, term, isLeader: role === 'leader' };
  }

  /** Calls `listener` whenever leadership changes, and once now; returns how to stop that. */
  onLeadership(listener: (leadership: Leadership) => void): () => void {
    this.#listeners.add(listener);
    listener(this.leadership);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Runs `job` on exactly the member that leads: whenever this one does, from when a quorum has said
   * so, until the job ends while leading. What it proposes through what it is given is fenced: once
   * another member leads it is refused as `stale-term`, on every replica, however late it arrives.
   *
   * The signal fires when leadership is lost, and half of the shortest election timeout before
   * another member can lead if this one is cut off from the others. It is a courtesy: a process that
   * is paused hears of nothing. What must not happen twice has to go through the fence, or carry the
   * term as a token to a system that refuses smaller ones. A job whose signal has fired shall return
   * or throw; it is run again when this member leads again, and not before it has returned.
   *
   * @returns what the job returned while it led
   * @throws what the job threw while it led; QuorateError `aborted` if `options.signal` fired,
   *   `closing` with the member, `group-deleted` with the group
   */
  lead<Value>(
    job: (leading: Leading) => Value | Promise<Value>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Value> {
    const run = (term: number, signal: AbortSignal): Value | Promise<Value> =>
      job({
        signal,
        term,
        propose: (command, more) => this.propose(command, { ...more, requiredTerm: term }),
      });
    return this.runLeading(run, options.signal);
  }

  /** For groups of other kinds: as {@link lead}, with the term. */
  protected runLeading<Value>(
    run: (term: number, signal: AbortSignal) => Value | Promise<Value>,
    signal: AbortSignal | undefined,
  ): Promise<Value> {
    const group = this;
    const host = this.#host;
    const leadHost = {
      get leadership(): Leadership {
        return group.leadership;
      },
      onLeadership: (listener: (leadership: Leadership) => void) => this.onLeadership(listener),
      confirm: (timeoutMs: number) => this.readIndex({ timeoutMs }),
      electionTimeoutMs: host.electionTimeoutMs,
      nowMs: () => host.nowMs(),
      after: (delayMs: number, callback: () => void) => host.after(delayMs, callback),
      closed: this.ended,
    };
    return runLeading(leadHost, run, signal);
  }

  /** Asks the leader, outside the log: its {@link onLeaderCall} handler answers. */
  callLeader(payload: Uint8Array, options: RequestOptions = {}): Promise<Uint8Array> {
    const { id: group } = this;
    const facts = this.#facts('call-leader');
    const deadlineMs = this.#deadlineMs(options, facts);
    return this.#ask(options, facts, (ticket) => {
      this.#host.dispatch({ type: 'call-leader', group, ticket, payload, deadlineMs });
    });
  }

  /** Sets who answers {@link callLeader} while this member leads. */
  onLeaderCall(handler: LeaderHandler): void {
    this.#leaderHandler = handler;
  }

  /**
   * Hands leadership to another voter, by default whoever is furthest.
   * @returns the new leader
   * @throws QuorateError `not-a-voter`, `no-leader`, `timeout`
   */
  transferLeadership(target: MemberId = 0, options: RequestOptions = {}): Promise<MemberId> {
    const { id: group } = this;
    const facts = this.#facts('transfer-leadership');
    const deadlineMs = this.#deadlineMs(options, facts);
    return this.#ask(options, facts, (ticket) => {
      this.#host.dispatch({ type: 'transfer-leadership', group, ticket, target, deadlineMs });
    });
  }

  /** Why this member answers nothing about the group: its state is not what the others have. */
  get quarantine(): QuorateError | undefined {
    return this.#host.engine.replica(this.id)?.diverged;
  }

  /**
   * Waits until this member has applied up to an index, without asking any other.
   * @returns the applied index, at least that
   * @throws QuorateError `timeout`, `aborted`, `closing`, `over-quota`, `replica-diverged`
   */
  applied(index: number, options: RequestOptions = {}): Promise<number> {
    const { id: group } = this;
    const deadlineMs = this.#host.nowMs() + (options.timeoutMs ?? this.#host.defaultTimeoutMs);
    return this.#host.requests.ask(
      options,
      (ticket) => {
        this.#host.dispatch({ type: 'await-applied', group, ticket, index, deadlineMs });
      },
      this.#cancel,
    );
  }

  /**
   * A backup of the group as it stands at one applied index, on whichever member: its state, its
   * sessions, its time. Commands go on meanwhile. The bytes are taken with `for await`, or written to
   * a file with `backupFile(path).write(…)`.
   *
   * @returns once the state is held; `groups[0].index` tells where
   * @throws QuorateError as {@link readIndex}; `replica-diverged`, `group-deleted`
   */
  async backup(options: BackupOptions = {}): Promise<Backup> {
    const { backups } = this.#host;
    return new Backup(backups, { first: await backups.walk(this.taking(options)) });
  }

  /** For the member: how the group is taken into a backup. */
  taking(options: BackupOptions): BackupTaking {
    const { consistency = 'linearizable', at = 0 } = options;
    const ready = async (): Promise<void> => {
      if (consistency === 'linearizable') await this.readIndex(options);
      await this.whole(options);
      await this.applied(at, options);
    };
    return { group: this.id, name: this.name, ready };
  }

  status(): Status {
    const replica = this.#host.engine.replica(this.id);
    if (replica === undefined) throw new QuorateError('group-deleted', `${this.name} was deleted`);
    return replica.raft.status();
  }

  /** For the member: leadership of this group has changed. */
  leadershipChanged(leadership: Leadership): void {
    for (const listener of this.#listeners) listener(leadership);
  }

  /** For the member: the group is no more. */
  deleted(error: QuorateError): void {
    this.#settleDeleted(error);
    this.#listeners.clear();
  }

  /** For the member: another one asks this group's leader. */
  async answerLeaderCall(payload: Uint8Array): Promise<Uint8Array> {
    if (this.#leaderHandler === undefined) {
      throw new QuorateError('unknown-group', `nobody answers calls to ${this.name} here`);
    }
    return this.#leaderHandler(payload);
  }

  #facts(kind: RequestKind): RequestFacts {
    return { kind, group: this.id, beganMs: this.#host.nowMs() };
  }

  #deadlineMs({ timeoutMs }: RequestOptions, { beganMs }: RequestFacts): number {
    return beganMs + (timeoutMs ?? this.#host.defaultTimeoutMs);
  }

  #ask<Value>(
    options: RequestOptions,
    facts: RequestFacts,
    begin: (ticket: number) => void,
  ): Promise<Value> {
    return this.#host.requests.ask(options, begin, this.#cancel, facts);
  }
}

/** @throws QuorateError `invalid-config` for a session that cannot be */
export function sessionOf({ session, idempotencyKey }: ProposeOptions): SessionMark | undefined {
  if (session === undefined && idempotencyKey === undefined) return undefined;
  const mark = session ?? { client: idempotencyKey!, sequence: 1 };
  const { client, sequence } = mark;
  if (session !== undefined && idempotencyKey !== undefined) {
    throw new QuorateError('invalid-config', 'a session and an idempotency key at once');
  }
  if (client.length === 0 || client.length > clientCharactersMax) {
    const text = `a session's client has 1 to ${clientCharactersMax} characters`;
    throw new QuorateError('invalid-config', text, { details: { characters: client.length } });
  }
  if (!Number.isSafeInteger(sequence) || sequence < 1) {
    throw new QuorateError('invalid-config', 'a session counts its commands from 1', {
      details: { sequence },
    });
  }
  return mark;
}
