/**
 * A member's linearizable reads of one group: all that wait in a turn share one read index, and are
 * answered once that index is applied here. The read itself is then done on local state.
 */
import { type ErrorCode, QuorateError } from '../base/errors.ts';
import type { Ticket } from './event.ts';
import type { Answer } from './proposals.ts';

interface Waiting {
  readonly ticket: Ticket;
  readonly deadlineMs: number;
}

interface Batch {
  readonly waiting: Waiting[];
  /** Known once the leader has answered. */
  index: number | undefined;
}

export class Reads {
  readonly #answer: Answer;
  readonly #limit: number;
  #queue: Waiting[] = [];
  #size = 0;
  #nextBatch = 1;
  readonly #batches = new Map<number, Batch>();

  constructor(limit: number, answer: Answer) {
    this.#answer = answer;
    this.#limit = limit;
  }

  get hasQueued(): boolean {
    return this.#queue.length > 0;
  }

  add(ticket: Ticket, deadlineMs: number): void {
    if (this.#size >= this.#limit) {
      return this.#fail(ticket, 'over-quota', `${this.#size} reads are waiting already`);
    }
    this.#size++;
    this.#queue.push({ ticket, deadlineMs });
  }

  /** Waits until `index` is applied here, without asking the leader. */
  waitFor(
    ticket: Ticket,
    deadlineMs: number,
    { index, applied }: { index: number; applied: number },
  ) {
    if (this.#size >= this.#limit) {
      return this.#fail(ticket, 'over-quota', `${this.#size} reads are waiting already`);
    }
    this.#size++;
    this.#batches.set(this.#nextBatch++, { waiting: [{ ticket, deadlineMs }], index });
    this.advance(applied);
  }

  /** Takes what is queued as one batch; returns its number, to be asked of the leader. */
  ask(): number {
    const batch = this.#nextBatch++;
    this.#batches.set(batch, { waiting: this.#queue, index: undefined });
    this.#queue = [];
    return batch;
  }

  /** The leader is gone or could not be asked: the batch's reads wait for another. */
  again(batch: number): void {
    const found = this.#batches.get(batch);
    if (found === undefined) return;
    this.#batches.delete(batch);
    this.#queue = found.waiting.concat(this.#queue);
  }

  /** The leader named the batch's index. */
  confirmed(batch: number, index: number, applied: number): void {
    const found = this.#batches.get(batch);
    if (found === undefined) return;
    found.index = index;
    this.advance(applied);
  }

  /** State is applied up to here: answers what has waited for it. */
  advance(applied: number): void {
    for (const [batch, { index, waiting }] of this.#batches) {
      if (index === undefined || index > applied) continue;
      this.#batches.delete(batch);
      this.#size -= waiting.length;
      for (const { ticket } of waiting) this.#answer(ticket, { ok: true, value: applied });
    }
  }

  /** Fails what has waited too long: a read has no effect, so it may always be tried again. */
  expire(nowMs: number): void {
    this.#queue = this.#without(this.#queue, (read) => read.deadlineMs <= nowMs, 'timeout');
    for (const [number, batch] of this.#batches) {
      const kept = this.#without(batch.waiting, (read) => read.deadlineMs <= nowMs, 'timeout');
      batch.waiting.splice(0, batch.waiting.length, ...kept);
      if (kept.length === 0) this.#batches.delete(number);
    }
  }

  /** The requester lost interest: nothing more is answered. */
  cancel(ticket: Ticket): void {
    const drop = (waiting: Waiting[]) => {
      const at = waiting.findIndex((read) => read.ticket === ticket);
      if (at === -1) return;
      waiting.splice(at, 1);
      this.#size--;
    };
    drop(this.#queue);
    for (const { waiting } of this.#batches.values()) drop(waiting);
  }

  failAll(code: ErrorCode, message: string): void {
    for (const { ticket } of this.#queue) this.#fail(ticket, code, message);
    for (const { waiting } of this.#batches.values()) {
      for (const { ticket } of waiting) this.#fail(ticket, code, message);
    }
    this.#queue = [];
    this.#batches.clear();
    this.#size = 0;
  }

  #without(reads: Waiting[], drop: (read: Waiting) => boolean, code: ErrorCode): Waiting[] {
    if (!reads.some(drop)) return reads;
    return reads.filter((read) => {
      if (!drop(read)) return true;
      this.#size--;
      this.#fail(read.ticket, code, 'the read was not confirmed before its deadline');
      return false;
    });
  }

  #fail(ticket: Ticket, code: ErrorCode, message: string): void {
    this.#answer(ticket, { ok: false, error: new QuorateError(code, message) });
  }
}
