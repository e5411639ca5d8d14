/**
 * A member's own proposals to one group, from the request to its answer.
 *
 *     queued ──▶ offered to a leader, for its term ──▶ applied here: answered
 *
 * Queued proposals wait for a leader and go out together at the end of the turn, to be appended in
 * the term that is known here and in no other. Those that a leader refused are certain not to be in
 * any log, and so are those of an earlier term that were not applied when the next term's first
 * entry was, whatever became of that leader's answer: both are queued again, unless the requester
 * requires that term. Those whose fate is unknown when the deadline comes fail with `maybeApplied`.
 */
import { assert } from '../base/assert.ts';
import { ByteSlab } from '../base/byte-slab.ts';
import { type ErrorCode, QuorateError } from '../base/errors.ts';
import { RecentTable } from '../base/recent-table.ts';
import type { Random } from '../ports/random.ts';
import type { MemberId, Proposal } from '../raft/entry.ts';
import { type Envelope, noGuards, SEQUENCE_LIMIT, type SessionMark, wrap } from './envelope.ts';
import type { Ticket } from './event.ts';
import type { Outcome } from './machine.ts';

/** One proposal on its way: what the leader gets of it, and what it is here. */
export interface Pending extends Proposal {
  readonly ticket: Ticket;
  readonly sequence: number;
  readonly requiredTerm: number;
  readonly deadlineMs: number;
  /** In a session: to offer it again can never give it a second effect. */
  readonly repeatable: boolean;
  /** Where it is: only `queued` ones are certain to be in no log. */
  state: 'queued' | 'offered' | 'placed';
  /** Not `queued`: the only term in which it can have been appended. */
  term: number;
}

/** How a ticket ends. */
export type Answer = (ticket: Ticket, outcome: Outcome) => void;

export class Proposals {
  readonly #self: MemberId;
  readonly #answer: Answer;
  readonly #limit: number;
  readonly #slab = new ByteSlab();
  #nextSequence: number;
  /** Those that wait for a leader, in the order in which they shall go out. */
  #queue: Pending[] = [];
  /** All of them, by sequence. */
  readonly #pending = new RecentTable<Pending>();
  /** No deadline of these is before this: until then there is nobody to look for. */
  #earliestMs = Number.POSITIVE_INFINITY;

  constructor(self: MemberId, random: Random, limit: number, answer: Answer) {
    this.#self = self;
    this.#answer = answer;
    this.#limit = limit;
    // A random start tells this life's proposals from those of an earlier one.
    this.#nextSequence = random.uint32() * 2 ** 15 + (random.uint32() >>> 17);
    assert(this.#nextSequence < SEQUENCE_LIMIT / 2, 'no room for sequences');
  }

  get size(): number {
    return this.#pending.size;
  }

  get hasQueued(): boolean {
    return this.#queue.length > 0;
  }

  /** Takes a command from a requester; beyond the limit it is refused at once. */
  add(request: {
    readonly ticket: Ticket;
    readonly command: Uint8Array;
    readonly timeMs: number;
    readonly requiredTerm: number;
    readonly session?: SessionMark | undefined;
    readonly deadlineMs: number;
  }): void {
    const { ticket, command, timeMs, requiredTerm, session, deadlineMs } = request;
    if (this.size >= this.#limit) {
      const text = `${this.size} proposals are on their way already`;
      this.#answer(ticket, { ok: false, error: new QuorateError('over-quota', text) });
      return;
    }
    const sequence = this.#nextSequence++;
    const unguarded = requiredTerm === 0 && session === undefined;
    const guards = unguarded ? noGuards : { requiredTerm, session };
    const origin = this.#self;
    const envelope: Envelope = { kind: 'command', origin, sequence, timeMs, guards, body: command };
    const data = wrap(envelope, this.#slab);
    const state = 'queued';
    const repeatable = session !== undefined && requiredTerm === 0;
    const type = 'normal';
    const pending: Pending = {
      type,
      data,
      ticket,
      sequence,
      requiredTerm,
      deadlineMs,
      repeatable,
      state,
      term: 0,
    };
    this.#pending.add(sequence, pending);
    if (deadlineMs < this.#earliestMs) this.#earliestMs = deadlineMs;
    this.#queue.push(pending);
  }

  /** Takes what is queued, to be offered now to the leader of `term`, and to no other. */
  offer(term: number): readonly Pending[] {
    const offered = this.#queue;
    this.#queue = [];
    for (const pending of offered) {
      pending.state = 'offered';
      pending.term = pending.requiredTerm || term;
    }
    return offered;
  }

  /** The leader appended these in `term`. */
  placed(offered: readonly Pending[], term: number): void {
    for (const pending of offered) {
      if (pending.state !== 'offered' || pending.term !== term) continue;
      pending.state = 'placed';
    }
  }

  /**
   * The leader of `term` refused these: no log holds them. They wait for another, or fail by name.
   * A late refusal says nothing of what has been offered to a later leader since.
   */
  refused(offered: readonly Pending[], term: number, error: QuorateError): void {
    const again: Pending[] = [];
    for (const pending of offered) {
      const same = pending.state === 'offered' && pending.term === term;
      if (!same || this.#pending.get(pending.sequence) !== pending) continue;
      if (waitsForLeader(error.code, pending.requiredTerm)) {
        pending.state = 'queued';
        again.push(pending);
      } else {
        this.#end(pending, error);
      }
    }
    this.#queue = again.concat(this.#queue);
  }

  /** An entry of this member was applied; an unknown sequence is of an earlier life, or given up. */
  applied(sequence: number, outcome: Outcome): void {
    const pending = this.#pending.take(sequence);
    if (pending === undefined) return;
    if (pending.state === 'queued') {
      // Its first copy lay behind the snapshot after all; the session sees to it that one counts.
      assert(pending.repeatable, 'a proposal was applied that is in no log');
      this.#queue = this.#queue.filter((queued) => queued !== pending);
    }
    this.#answer(pending.ticket, outcome);
  }

  /**
   * The first entry of `term` was applied. What could only be appended in an earlier term and has
   * not been applied by now never will be: it may be offered to the new leader.
   */
  termBegan(term: number): void {
    const again: Pending[] = [];
    for (const pending of this.#offered()) {
      if (pending.term >= term) continue;
      if (pending.requiredTerm === 0) {
        pending.state = 'queued';
        again.push(pending);
        continue;
      }
      const text = `the leader of term ${pending.term} was replaced before it could commit`;
      this.#end(pending, new QuorateError('leadership-lost', text));
    }
    this.#queue = again.concat(this.#queue);
  }

  /**
   * A snapshot was installed over entries up to `term` that may have been this member's own. Those
   * of a session are offered again: if they took effect, the snapshot knows their answers.
   */
  skipped(term: number): void {
    const text = 'a snapshot was installed here, which does not tell what became of the proposal';
    const again: Pending[] = [];
    for (const pending of this.#offered()) {
      if (pending.term > term) continue;
      if (pending.repeatable) {
        pending.state = 'queued';
        again.push(pending);
      } else {
        this.#end(pending, unknown('leadership-lost', text));
      }
    }
    this.#queue = again.concat(this.#queue);
  }

  /** Fails what has waited too long. */
  expire(nowMs: number): void {
    if (nowMs < this.#earliestMs) return;
    this.#earliestMs = Number.POSITIVE_INFINITY;
    let queueIsOld = false;
    for (const pending of this.#pending.values()) {
      if (pending.deadlineMs > nowMs) {
        this.#earliestMs = Math.min(this.#earliestMs, pending.deadlineMs);
        continue;
      }
      if (pending.state === 'queued') {
        queueIsOld = true;
        const text = 'no leader took the proposal before its deadline';
        this.#end(pending, new QuorateError('no-leader', text));
      } else {
        const text = 'the proposal was not answered before its deadline';
        this.#end(pending, unknown('timeout', text));
      }
    }
    if (queueIsOld) this.#queue = this.#queue.filter(({ deadlineMs }) => deadlineMs > nowMs);
  }

  /** The requester lost interest: nothing more is answered. */
  cancel(ticket: Ticket): void {
    for (const pending of this.#pending.values()) {
      if (pending.ticket === ticket) this.#pending.take(pending.sequence);
    }
    this.#queue = this.#queue.filter((pending) => pending.ticket !== ticket);
  }

  /** The member stops, or the group goes away. */
  failAll(code: ErrorCode, message: string): void {
    for (const pending of this.#pending.values()) {
      const queued = pending.state === 'queued';
      this.#end(pending, queued ? new QuorateError(code, message) : unknown(code, message));
    }
    this.#queue = [];
  }

  /** Those that some log may hold. */
  #offered(): readonly Pending[] {
    if (this.size === this.#queue.length) return [];
    return this.#pending.values().filter(({ state }) => state !== 'queued');
  }

  #end({ sequence, ticket }: Pending, error: QuorateError): void {
    this.#pending.take(sequence);
    this.#answer(ticket, { ok: false, error });
  }
}

function unknown(code: ErrorCode, message: string): QuorateError {
  return new QuorateError(code, message, { maybeApplied: true });
}

const waiting: ReadonlySet<ErrorCode> = new Set([
  'no-leader',
  'transferring',
  'forwarding-disabled',
  'unreachable',
  'too-many-calls',
  // The leader is: it leads for a moment longer than it is part of the group.
  'removed',
]);

/** Whether a refusal only means that somebody else leads, or soon will, or in another term. */
function waitsForLeader(code: ErrorCode, requiredTerm: number): boolean {
  return waiting.has(code) || (code === 'stale-term' && requiredTerm === 0);
}
