/**
 * A member's own proposals to one group, from the request to its answer.
 *
 *     queued ──▶ offered to a leader, for its term ──▶ applied here: answered
 *
 * Queued proposals wait for a leader and go out together at the end of the turn, to be appended in
 * the term in which that leader leads, or not at all. So they can have no effect any more once a
 * later term has begun without them: like those that a leader refused they are queued again, and
 * the requester notices nothing but the time. Only at a deadline, or where a snapshot has taken the
 * place of the entries, is their fate unknown: then they fail with `maybeApplied`.
 */
import { assert } from '../base/assert.ts';
import { ByteSlab } from '../base/byte-slab.ts';
import { type ErrorCode, QuorateError } from '../base/errors.ts';
import type { Random } from '../ports/random.ts';
import type { MemberId, Proposal } from '../raft/entry.ts';
import { type Envelope, SEQUENCE_LIMIT, wrap } from './envelope.ts';
import type { Ticket } from './event.ts';
import type { Outcome } from './machine.ts';

/** One proposal on its way. */
export interface Pending {
  readonly ticket: Ticket;
  readonly sequence: number;
  readonly requiredTerm: number;
  readonly deadlineMs: number;
  readonly entry: Proposal;
  /** The only term in which a log can hold it, once it was offered. */
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
    readonly requiredTerm: number;
    readonly deadlineMs: number;
  }): void {
    const { ticket, command, requiredTerm, deadlineMs } = request;
    if (this.size >= this.#limit) {
      return this.#fail(ticket, 'over-quota', `${this.size} proposals are on their way already`);
    }
    const sequence = this.#nextSequence++;
    const envelope: Envelope = { kind: 'command', origin: this.#self, sequence, body: command };
    const data = wrap(envelope, this.#slab);
    const entry: Proposal = { type: 'normal', data };
    this.#queue.push({ ticket, sequence, requiredTerm, deadlineMs, entry, term: 0 });
  }

  /** Takes what is queued, to be offered to whoever leads in `term`. */
  offer(term: number): readonly Pending[] {
    const offered = this.#queue;
    this.#queue = [];
    for (const pending of offered) {
      pending.term = term;
      this.#open.set(pending.sequence, pending);
    }
    return offered;
  }

  /** The leader refused these: no log holds them. They wait for another, or fail by name. */
  refused(offered: readonly Pending[], error: QuorateError): void {
    const again = offered.filter((pending) => this.#open.delete(pending.sequence));
    if (waitsForLeader(error.code)) {
      this.#queue = again.concat(this.#queue);
      return;
    }
    for (const { ticket } of again) this.#answer(ticket, { ok: false, error });
  }

  /** An entry of this member was applied; an unknown sequence is of an earlier life, or given up. */
  applied(sequence: number, outcome: Outcome): void {
    const pending = this.#open.get(sequence);
    if (pending === undefined) return;
    this.#open.delete(sequence);
    this.#answer(pending.ticket, outcome);
  }

  /**
   * The first entry of `term` was applied. What was offered for an earlier term and has not been
   * applied by now never will be, for its place belongs to another entry: it is offered anew.
   */
  termBegan(term: number): void {
    const lost: Pending[] = [];
    for (const pending of this.#open.values()) {
      if (pending.term >= term) continue;
      this.#open.delete(pending.sequence);
      lost.push(pending);
    }
    if (lost.length > 0) this.#queue = lost.concat(this.#queue);
  }

  /**
   * A snapshot has taken the place of entries up to one of `term`: what was offered for that term,
   * or one before, may have been among them.
   */
  skipped(term: number): void {
    for (const pending of this.#open.values()) {
      if (pending.term > term) continue;
      this.#open.delete(pending.sequence);
      const text = 'a snapshot has taken the place of the answer';
      this.#unknown(pending.ticket, 'leadership-lost', text);
    }
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
]);

/** Whether a refusal only means that somebody else leads, or soon will. */
function waitsForLeader(code: ErrorCode): boolean {
  return waiting.has(code);
}

/** Cuts into runs that require the same term. */
export function runsOfOneTerm(offered: readonly Pending[]): readonly (readonly Pending[])[] {
  const runs: Pending[][] = [];
  for (const pending of offered) {
    const last = runs.at(-1);
    if (last?.[0]?.requiredTerm === pending.requiredTerm) last.push(pending);
    else runs.push([pending]);
  }
  return runs;
}
