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
import type { Random } from '../ports/random.ts';
import type { MemberId, Proposal } from '../raft/entry.ts';
import { type Envelope, noGuards, SEQUENCE_LIMIT, type SessionMark, wrap } from './envelope.ts';
import type { Ticket } from './event.ts';
import type { Outcome } from './machine.ts';

/** One proposal on its way. */
export interface Pending {
  readonly ticket: Ticket;
  readonly sequence: number;
  readonly requiredTerm: number;
  readonly deadlineMs: number;
  /** In a session: to offer it again can never give it a second effect. */
  readonly repeatable: boolean;
  readonly entry: Proposal;
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
  #queue: Pending[] = [];
  /** Offered ones by sequence; a Map keeps them in the order in which they came. */
  readonly #open = new Map<number, Pending>();

  constructor(self: MemberId, random: Random, limit: number, answer: Answer) {
    this.#self = self;
    this.#answer = answer;
    this.#limit = limit;
    // A random start tells this life's proposals from those of an earlier one.
    this.#nextSequence = random.uint32() * 2 ** 15 + (random.uint32() >>> 17);
    assert(this.#nextSequence < SEQUENCE_LIMIT / 2, 'no room for sequences');
  }

  get size(): number {
    return this.#queue.length + this.#open.size;
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
      return this.#fail(ticket, 'over-quota', `${this.size} proposals are on their way already`);
    }
    const sequence = this.#nextSequence++;
    const unguarded = requiredTerm === 0 && session === undefined;
    const guards = unguarded ? noGuards : { requiredTerm, session };
    const origin = this.#self;
    const envelope: Envelope = { kind: 'command', origin, sequence, timeMs, guards, body: command };
    const data = wrap(envelope, this.#slab);
    const entry: Proposal = { type: 'normal', data };
    const state = 'queued';
    const repeatable = session !== undefined && requiredTerm === 0;
    this.#queue.push({
      ticket,
      sequence,
      requiredTerm,
      deadlineMs,
      repeatable,
      entry,
      state,
      term: 0,
    });
  }

  /** Takes what is queued, to be offered now to the leader of `term`, and to no other. */
  offer(term: number): readonly Pending[] {
    const offered = this.#queue;
    this.#queue = [];
    for (const pending of offered) {
      pending.state = 'offered';
      pending.term = pending.requiredTerm || term;
      this.#open.set(pending.sequence, pending);
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
    const open = offered.filter((pending) => {
      const same = pending.state === 'offered' && pending.term === term;
      return same && this.#open.delete(pending.sequence);
    });
    const again = open.filter(({ requiredTerm }) => waitsForLeader(error.code, requiredTerm));
    for (const pending of again) pending.state = 'queued';
    this.#queue = again.concat(this.#queue);
    for (const { ticket, state } of open) {
      if (state !== 'queued') this.#answer(ticket, { ok: false, error });
    }
  }

  /** An entry of this member was applied; an unknown sequence is of an earlier life, or given up. */
  applied(sequence: number, outcome: Outcome): void {
    const pending = this.#open.get(sequence);
    if (pending === undefined) return;
    this.#open.delete(sequence);
    this.#answer(pending.ticket, outcome);
  }

  /**
   * The first entry of `term` was applied. What could only be appended in an earlier term and has
   * not been applied by now never will be: it may be offered to the new leader.
   */
  termBegan(term: number): void {
    const again: Pending[] = [];
    for (const pending of this.#open.values()) {
      if (pending.term >= term) continue;
      this.#open.delete(pending.sequence);
      if (pending.requiredTerm === 0) {
        pending.state = 'queued';
        again.push(pending);
        continue;
      }
      const text = `the leader of term ${pending.term} was replaced before it could commit`;
      this.#fail(pending.ticket, 'leadership-lost', text);
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
    for (const pending of this.#open.values()) {
      if (pending.term > term) continue;
      this.#open.delete(pending.sequence);
      if (pending.repeatable) {
        pending.state = 'queued';
        again.push(pending);
        continue;
      }
      this.#unknown(pending.ticket, 'leadership-lost', text);
    }
    this.#queue = again.concat(this.#queue);
  }

  /** Fails what has waited too long. */
  expire(nowMs: number): void {
    const late = (pending: Pending) => pending.deadlineMs <= nowMs;
    if (this.#queue.some(late)) {
      const expired = this.#queue.filter(late);
      this.#queue = this.#queue.filter((pending) => !late(pending));
      for (const { ticket } of expired) {
        this.#fail(ticket, 'no-leader', 'no leader took the proposal before its deadline');
      }
    }
    for (const pending of this.#open.values()) {
      if (!late(pending)) continue;
      this.#open.delete(pending.sequence);
      this.#unknown(pending.ticket, 'timeout', 'the proposal was not answered before its deadline');
    }
  }

  /** The requester lost interest: nothing more is answered. */
  cancel(ticket: Ticket): void {
    this.#queue = this.#queue.filter((pending) => pending.ticket !== ticket);
    for (const pending of this.#open.values()) {
      if (pending.ticket === ticket) this.#open.delete(pending.sequence);
    }
  }

  /** The member stops, or the group goes away. */
  failAll(code: ErrorCode, message: string): void {
    const queue = this.#queue;
    this.#queue = [];
    for (const { ticket } of queue) this.#fail(ticket, code, message);
    for (const { ticket } of this.#open.values()) this.#unknown(ticket, code, message);
    this.#open.clear();
  }

  #fail(ticket: Ticket, code: ErrorCode, message: string): void {
    this.#answer(ticket, { ok: false, error: new QuorateError(code, message) });
  }

  #unknown(ticket: Ticket, code: ErrorCode, message: string): void {
    const error = new QuorateError(code, message, { maybeApplied: true });
    this.#answer(ticket, { ok: false, error });
  }
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
