/**
 * The way to the group: proposes commands and asks for linearizable reads, with etcd's limits and
 * etcd's words for what goes wrong.
 */
import type { CancelSignal } from '../base/cancel-signal.ts';
import { type ErrorCode, QuorateError } from '../base/errors.ts';
import type { Group } from '../member/group.ts';
import type { Leadership } from '../member/leadership.ts';
import type { Clock } from '../ports/clock.ts';
import type { CallOptions } from './api.ts';
import { type Command, encodeCommand } from './command.ts';
import { type KvMachine, memberIdentity } from './machine.ts';

export interface ProposerInit {
  readonly group: Group<KvMachine>;
  readonly clock: Clock;
  readonly electionTimeoutMs: number;
  /** The largest command; beyond it `request-too-large`. */
  readonly requestBytesMax: number;
}

/** Answers what a member asks the leader, on the leader. */
export type LeaderAnswer = (payload: Uint8Array) => Promise<Uint8Array>;

/** What members ask the leader, by first byte. */
export const leaderQuestions = { keepAlive: 0, timeToLive: 1, isInSync: 2 } as const;

function timedOut(cause: QuorateError): QuorateError {
  return new QuorateError('timeout', cause.message, { cause });
}

/** So many entries may wait between commit and apply, as in etcd; beyond it `too-many-requests`. */
const UNAPPLIED_ENTRIES_MAX = 5000;
const PENDING_FEW = 1000;

export class Proposer {
  readonly group: Group<KvMachine>;
  readonly requestTimeoutMs: number;
  readonly electionTimeoutMs: number;
  readonly #clock: Clock;
  readonly #requestBytesMax: number;
  readonly figures = { pending: 0, failed: 0, leaderChanges: 0 };
  #leader = 0;
  #leaderSinceMs = 0;
  #leadership: Leadership = { role: 'follower', term: 0, leader: 0, isLeader: false };
  #closed = false;
  readonly #stopListening: () => void;
  readonly #answering = new Map<number, LeaderAnswer>();

  constructor({ group, clock, electionTimeoutMs, requestBytesMax }: ProposerInit) {
    this.group = group;
    this.#clock = clock;
    this.electionTimeoutMs = electionTimeoutMs;
    this.requestTimeoutMs = 5000 + 2 * electionTimeoutMs;
    this.#requestBytesMax = requestBytesMax;
    group.onLeaderCall((payload) => this.#answer(payload));
    this.#stopListening = group.onLeadership(({ leader }) => {
      if (leader === this.#leader) return;
      this.#leader = leader;
      this.#leaderSinceMs = clock.monotonicMs();
      if (leader !== 0) this.figures.leaderChanges++;
    });
  }

  /** Whether the service on this member has ended. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Who leads; nobody, once the member has closed. */
  get leadership(): Leadership {
    try {
      this.#leadership = this.group.leadership;
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      this.#leadership = { ...this.#leadership, role: 'follower', leader: 0, isLeader: false };
    }
    return this.#leadership;
  }

  close(): void {
    this.#closed = true;
    this.#stopListening();
  }

  /**
   * Replicates a command on behalf of a caller.
   * @returns what the machine answered
   * @throws QuorateError its refusal, or why it could not be replicated, in etcd's words
   */
  propose<Value>(
    command: Command,
    options: CallOptions & {
      readonly requiredTerm?: number;
      /** Nobody asked: the member does this itself. */
      readonly asMember?: boolean;
    } = {},
  ): Promise<Value> {
    // Not `async`, which would cost each write a promise and a frame more.
    const { requiredTerm = 0, asMember = false } = options;
    // An empty name is the members' own, which nobody else may have.
    const caller = options.caller?.user === '' ? undefined : options.caller;
    let bytes: Uint8Array;
    try {
      bytes = encodeCommand(command, asMember ? memberIdentity : caller);
    } catch (error) {
      return Promise.reject(error);
    }
    if (bytes.length > this.#requestBytesMax) {
      const text = `the request has ${bytes.length} bytes`;
      return Promise.reject(new QuorateError('request-too-large', text));
    }
    const sinceMs = this.#clock.monotonicMs();
    try {
      this.#checkBacklog();
      // Spelled out: spreading costs more than all the rest of this.
      const { timeoutMs, signal } = this.#waiting(options);
      const request =
        signal === undefined ? { timeoutMs, requiredTerm } : { timeoutMs, requiredTerm, signal };
      const asked = this.group.propose(bytes, request);
      this.figures.pending++;
      return asked.then(this.#answered, (error) => {
        this.figures.pending--;
        this.figures.failed++;
        throw this.#proposalError(error, sinceMs);
      }) as Promise<Value>;
    } catch (error) {
      this.figures.failed++;
      return Promise.reject(this.#proposalError(error, sinceMs));
    }
  }

  /** That it waited for a leader in vain is, in etcd's words, a timeout like others. */
  #proposalError(error: unknown, sinceMs: number): unknown {
    const isLeaderless = error instanceof QuorateError && error.code === 'no-leader';
    return this.#inEtcdsWords(isLeaderless ? timedOut(error) : error, sinceMs);
  }

  /** One for all proposals. */
  readonly #answered = (value: unknown): unknown => {
    this.figures.pending--;
    return value;
  };

  /** Waits until this member's state is one that was, which it is but while it takes in a snapshot. */
  async whole(options: CallOptions = {}): Promise<void> {
    const sinceMs = this.#clock.monotonicMs();
    try {
      await this.group.whole(this.#waiting(options));
    } catch (error) {
      throw this.#inEtcdsWords(error, sinceMs);
    }
  }

  /** Waits until what is read here is linearizable. */
  async readIndex(options: CallOptions = {}): Promise<void> {
    const sinceMs = this.#clock.monotonicMs();
    try {
      await this.group.readIndex(this.#waiting(options));
    } catch (error) {
      throw this.#inEtcdsWords(error, sinceMs);
    }
  }

  /** Sets who answers a question that members ask the leader; its number is its first byte. */
  onLeaderCall(question: number, answer: LeaderAnswer): void {
    this.#answering.set(question, answer);
  }

  async #answer(payload: Uint8Array): Promise<Uint8Array> {
    const answer = this.#answering.get(payload[0] ?? 255);
    if (answer !== undefined) return answer(payload);
    throw new QuorateError('malformed-message', `there is no question ${payload[0]}`);
  }

  /** Asks the leader's service, outside the log, also where this member leads. */
  async callLeader(payload: Uint8Array, options: CallOptions = {}): Promise<Uint8Array> {
    const sinceMs = this.#clock.monotonicMs();
    try {
      return await this.group.callLeader(payload, this.#waiting(options));
    } catch (error) {
      throw this.#inEtcdsWords(error, sinceMs);
    }
  }

  #waiting({ signal, timeoutMs }: CallOptions): { timeoutMs: number; signal?: CancelSignal } {
    const limit = Math.min(timeoutMs ?? this.requestTimeoutMs, this.requestTimeoutMs);
    return signal === undefined ? { timeoutMs: limit } : { timeoutMs: limit, signal };
  }

  #checkBacklog(): void {
    // To ask costs more than a proposal: it is asked only when much is under way.
    if (this.figures.pending < PENDING_FEW) return;
    const { commit, applied } = this.group.status();
    if (commit - applied <= UNAPPLIED_ENTRIES_MAX) return;
    throw new QuorateError('too-many-requests', `${commit - applied} entries wait to be applied`);
  }

  #inEtcdsWords(error: unknown, sinceMs: number): unknown {
    if (!(error instanceof QuorateError)) return error;
    const code = this.#codeFor(error.code, sinceMs);
    if (code === error.code) return error;
    const { maybeApplied, details } = error;
    return new QuorateError(code, error.message, { maybeApplied, details, cause: error });
  }

  #codeFor(code: ErrorCode, sinceMs: number): ErrorCode {
    switch (code) {
      case 'timeout':
        return this.#timedOut(sinceMs);
      case 'connection-lost':
      case 'unreachable':
        return 'request-timed-out-connection-lost';
      case 'aborted':
        return 'request-canceled';
      case 'closing':
      case 'member-failed':
      case 'removed-member':
      case 'removed':
        return 'server-stopped';
      case 'leadership-lost':
      case 'transferring':
      case 'stale-term':
        return 'leader-changed';
      case 'entry-too-large':
        return 'request-too-large';
      case 'over-quota':
      case 'too-many-calls':
        return 'too-many-requests';
      case 'disk-full':
        return 'no-space';
      default:
        return code;
    }
  }

  /** As etcd tells them apart: whether the leader fell, and another was found, while it waited. */
  #timedOut(sinceMs: number): ErrorCode {
    if (this.#leader === 0) return 'request-timed-out';
    const lostMs = this.#leaderSinceMs - 2 * this.electionTimeoutMs;
    const fell = sinceMs > lostMs && sinceMs < this.#leaderSinceMs;
    return fell ? 'request-timed-out-leader-failure' : 'request-timed-out';
  }
}
