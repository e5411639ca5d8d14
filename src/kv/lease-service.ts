/**
 * Leases as clients know them. Granting and revoking goes through the log; keeping alive does not:
 * the leader notes it in its own clock, after the others have confirmed that it still leads. In the
 * same way it makes sure before it lets leases expire: a leader that was replaced without knowing
 * would otherwise end leases that live.
 */
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { QuorateError } from '../base/errors.ts';
import type { KvOutcome } from '../mvcc/command.ts';
import { leaseBytes, leaseId } from '../mvcc/layout.ts';
import { leaseTtlSecondsMax } from '../mvcc/model.ts';
import type { Cancel } from '../ports/callbacks.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { Random } from '../ports/random.ts';
import type { CallOptions, KvLeases, LeaseGranted, LeaseStatus } from './api.ts';
import { LeaseClock } from './lease-clock.ts';
import type { KvMachine } from './machine.ts';
import { leaderQuestions, type Proposer } from './proposer.ts';

const LOOK_EVERY_MS = 500;
/** Leases that one look lets expire; the others wait for the next one. */
const EXPIRED_A_LOOK = 500;
/** Leases of five minutes and more are noted every five minutes, so many in one entry. */
const NOTED_FROM_SECONDS = 300;
const NOTE_EVERY_MS = 300_000;
const NOTED_AT_ONCE = 1000;

export interface LeaseServiceInit {
  readonly proposer: Proposer;
  readonly machine: KvMachine;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export class LeaseService implements KvLeases {
  readonly #proposer: Proposer;
  readonly #machine: KvMachine;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #times = new LeaseClock();
  /** The term in which this member keeps the time of leases; 0: it does not. */
  #term = 0;
  #looking = false;
  #notedMs = 0;
  #cancelLook: Cancel = () => {};
  readonly #stop: (() => void)[] = [];
  readonly figures = { granted: 0, revoked: 0, expired: 0 };

  constructor({ proposer, machine, clock, random, logger }: LeaseServiceInit) {
    this.#proposer = proposer;
    this.#machine = machine;
    this.#clock = clock;
    this.#random = random;
    this.#logger = logger;
    for (const question of [leaderQuestions.keepAlive, leaderQuestions.timeToLive]) {
      proposer.onLeaderCall(question, (payload) => this.#answer(payload));
    }
    this.#stop.push(
      machine.onApplied(({ command }) => {
        if (command.type === 'lease-grant') this.#granted(command.id);
        else if (command.type === 'lease-revoke') this.#revoked(command.id);
      }),
      proposer.group.onLeadership(({ isLeader, term }) => void this.#lead(isLeader ? term : 0)),
    );
    this.#scheduleLook();
  }

  close(): void {
    this.#term = 0;
    this.#cancelLook();
    for (const stop of this.#stop.splice(0)) stop();
  }

  /** How many leases there are: asked rarely, for they are counted one by one. */
  get count(): number {
    let count = 0;
    for (const _ of this.#machine.model.leases()) count++;
    return count;
  }

  /** The shortest time that is granted: whatever is asked for, a change of leader must fit in. */
  get #ttlSecondsMin(): number {
    return Math.ceil((1.5 * this.#proposer.electionTimeoutMs) / 1000);
  }

  async leaseGrant(
    request: { readonly id: bigint; readonly ttlSeconds: number },
    options: CallOptions = {},
  ): Promise<LeaseGranted> {
    if (request.ttlSeconds > leaseTtlSecondsMax) {
      throw new QuorateError('lease-ttl-too-large', `${request.ttlSeconds} s`);
    }
    const ttlSeconds = Math.max(request.ttlSeconds, this.#ttlSecondsMin);
    const id = request.id === 0n ? this.#newId() : request.id;
    await this.#proposer.propose({ type: 'lease-grant', id, ttlSeconds }, options);
    return { id, ttlSeconds };
  }

  async leaseRevoke(id: bigint, options: CallOptions = {}): Promise<{ revision: number }> {
    return this.#revoke(id, options);
  }

  async leaseKeepAlive(id: bigint, options: CallOptions = {}): Promise<LeaseGranted> {
    this.#machine.rules.checkUser(options.caller);
    this.#machine.access(options.caller).lease(id);
    const ttlSeconds = await this.#ask(leaderQuestions.keepAlive, id, options);
    return { id, ttlSeconds: Math.max(ttlSeconds, 0) };
  }

  async leaseTimeToLive(
    { id, keys }: { readonly id: bigint; readonly keys: boolean },
    options: CallOptions = {},
  ): Promise<LeaseStatus> {
    this.#machine.rules.checkUser(options.caller);
    const ttlSeconds = await this.#ask(leaderQuestions.timeToLive, id, options);
    const absent = { id, ttlSeconds: -1, grantedTtlSeconds: 0, keys: [] };
    if (ttlSeconds < 0) return absent;
    if (keys) await this.#proposer.readIndex(options);
    const lease = this.#machine.model.lease(id);
    if (lease === undefined) return absent;
    this.#machine.access(options.caller).leaseKeys(id);
    const held = keys ? this.#machine.model.leaseKeys(id) : [];
    return { id, ttlSeconds, grantedTtlSeconds: lease.ttlSeconds, keys: held };
  }

  async leases(options: CallOptions = {}): Promise<readonly bigint[]> {
    await this.#proposer.readIndex(options);
    this.#machine.rules.checkUser(options.caller);
    const access = this.#machine.access(options.caller);
    const ids = Array.from(this.#machine.model.leases(), ({ id }) => id);
    for (const id of ids) access.leaseKeys(id);
    return ids;
  }

  #newId(): bigint {
    for (;;) {
      const id = (BigInt(this.#random.uint32() >>> 1) << 32n) | BigInt(this.#random.uint32());
      if (id !== 0n && this.#machine.model.lease(id) === undefined) return id;
    }
  }

  /** One with many keys ends in several steps, so that it holds up nobody. */
  async #revoke(
    id: bigint,
    options: CallOptions & { readonly requiredTerm?: number; readonly asMember?: boolean },
  ): Promise<{ revision: number }> {
    for (;;) {
      const command = { type: 'lease-revoke', id } as const;
      const outcome = await this.#proposer.propose<KvOutcome>(command, options);
      if (outcome.type !== 'lease-revoke' || !outcome.remaining) return outcome;
    }
  }

  /** Seconds, −1 where there is no such lease. Asked again while leaders change. */
  async #ask(question: number, id: bigint, options: CallOptions): Promise<number> {
    const payload = new ByteWriter(16).byte(question).raw(leaseBytes(id)).finish();
    const untilMs = this.#clock.monotonicMs() + this.#proposer.requestTimeoutMs;
    for (;;) {
      try {
        const answer =
          this.#term !== 0 && this.#proposer.leadership.isLeader
            ? await this.#answer(payload)
            : await this.#proposer.callLeader(payload, options);
        return new ByteReader(answer).number() - 1;
      } catch (error) {
        if (!(error instanceof QuorateError) || !againCodes.has(error.code)) throw error;
        if (options.signal?.aborted === true) {
          throw new QuorateError('request-canceled', 'the caller gave up');
        }
        if (this.#clock.monotonicMs() >= untilMs) throw error;
        await this.#pause();
      }
    }
  }

  /** For the leader: answers one question with seconds + 1. */
  async #answer(payload: Uint8Array): Promise<Uint8Array> {
    const reader = new ByteReader(payload);
    const question = reader.byte();
    const id = leaseId(reader.raw(8));
    const term = this.#term;
    if (term === 0) throw new QuorateError('no-leader', 'this member does not lead for sure');
    await this.#confirm(term);
    const nowMs = this.#clock.monotonicMs();
    const seconds =
      question === leaderQuestions.keepAlive
        ? this.#renew(id, nowMs)
        : this.#times.secondsLeft(id, nowMs);
    return new ByteWriter(8).number((seconds ?? -1) + 1).finish();
  }

  #renew(id: bigint, nowMs: number): number | undefined {
    const seconds = this.#times.renew(id, nowMs);
    const lease = seconds === undefined ? undefined : this.#machine.model.lease(id);
    if (lease !== undefined && lease.remainingSeconds > 0) {
      // What was noted of it holds no longer: the next leader must not go by that.
      this.#note([{ id, remainingSeconds: lease.ttlSeconds }], this.#term);
    }
    return seconds;
  }

  /** Makes sure that this member still leads, in this term. */
  async #confirm(term: number): Promise<void> {
    await this.#proposer.readIndex({ timeoutMs: this.#proposer.electionTimeoutMs });
    if (this.#term === term) return;
    throw new QuorateError('leader-changed', 'this member was replaced meanwhile');
  }

  /** This member begins or ceases to lead. */
  async #lead(term: number): Promise<void> {
    this.#term = 0;
    if (term === 0) return this.#times.clear(this.#clock.monotonicMs());
    while (this.#leads(term)) {
      try {
        // Only then all that earlier leaders granted is known here.
        await this.#proposer.readIndex({ timeoutMs: 10 * this.#proposer.electionTimeoutMs });
        break;
      } catch (error) {
        this.#logger.debug({ err: error }, 'leadership could not be confirmed yet');
        await this.#pause();
      }
    }
    if (!this.#leads(term) || this.#term === term) return;
    const nowMs = this.#clock.monotonicMs();
    this.#times.clear(nowMs);
    for (const { id, ttlSeconds, remainingSeconds, revoking } of this.#machine.model.leases()) {
      const seconds = remainingSeconds > 0 ? remainingSeconds : ttlSeconds;
      const wholeMs = seconds * 1000 + this.#proposer.electionTimeoutMs;
      this.#times.set(id, ttlSeconds, nowMs + (revoking ? 0 : wholeMs));
    }
    this.#notedMs = nowMs;
    this.#term = term;
  }

  #leads(term: number): boolean {
    if (this.#proposer.closed) return false;
    const { leadership } = this.#proposer;
    return leadership.isLeader && leadership.term === term;
  }

  #granted(id: bigint): void {
    this.figures.granted++;
    if (this.#term === 0) return;
    const lease = this.#machine.model.lease(id);
    if (lease === undefined) return;
    const { ttlSeconds } = lease;
    this.#times.set(id, ttlSeconds, this.#clock.monotonicMs() + ttlSeconds * 1000);
  }

  #revoked(id: bigint): void {
    this.figures.revoked++;
    const { model } = this.#machine;
    // One with many keys goes on being revoked, by the next leader if need be.
    if (model.leaseKeys(id, 1).length === 0) this.#times.remove(id);
    else this.#times.set(id, 0, this.#clock.monotonicMs());
  }

  #scheduleLook(): void {
    this.#cancelLook = this.#clock.after(LOOK_EVERY_MS, () => {
      void this.#look();
      this.#scheduleLook();
    });
  }

  /** Lets leases end whose time is up, and notes the time of long ones. */
  async #look(): Promise<void> {
    const term = this.#term;
    if (term === 0 || this.#looking) return;
    this.#looking = true;
    try {
      await this.#expire(term);
      const nowMs = this.#clock.monotonicMs();
      if (nowMs - this.#notedMs >= NOTE_EVERY_MS && this.#term === term) {
        this.#notedMs = nowMs;
        this.#noteLongTerms(nowMs, term);
      }
    } catch (error) {
      this.#logger.debug({ err: error }, 'expired leases could not be revoked yet');
    } finally {
      this.#looking = false;
    }
  }

  async #expire(term: number): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const ended = this.#times.expired(nowMs, EXPIRED_A_LOOK);
    if (ended.length === 0) return;
    await this.#confirm(term);
    // Who was kept alive while that was asked lives on.
    const dead = ended.filter((id) => this.#times.secondsLeft(id, nowMs) === 0);
    const revoked = dead.map((id) => this.#revoke(id, { requiredTerm: term, asMember: true }));
    this.figures.expired += dead.length;
    for (const outcome of await Promise.allSettled(revoked)) {
      if (outcome.status === 'fulfilled') continue;
      this.#logger.debug({ err: outcome.reason as unknown }, 'a lease was not revoked');
    }
  }

  #noteLongTerms(nowMs: number, term: number): void {
    let leases: { id: bigint; remainingSeconds: number }[] = [];
    for (const { id, seconds } of this.#times.longTerms(nowMs, NOTED_FROM_SECONDS)) {
      leases.push({ id, remainingSeconds: seconds });
      if (leases.length < NOTED_AT_ONCE) continue;
      this.#note(leases, term);
      leases = [];
    }
    if (leases.length > 0) this.#note(leases, term);
  }

  #note(leases: readonly { id: bigint; remainingSeconds: number }[], requiredTerm: number): void {
    const options = { requiredTerm, asMember: true };
    const noted = this.#proposer.propose({ type: 'lease-checkpoint', leases }, options);
    noted.catch((error: unknown) => {
      this.#logger.debug({ err: error }, 'the time of leases was not noted');
    });
  }

  #pause(): Promise<void> {
    const delayMs = this.#proposer.electionTimeoutMs / 20;
    return new Promise((resolve) => void this.#clock.after(delayMs, resolve));
  }
}

/** Another leader, or this one a moment later, may answer. */
const againCodes: ReadonlySet<string> = new Set([
  'no-leader',
  'leader-changed',
  'unknown-group',
  'request-timed-out-connection-lost',
]);
