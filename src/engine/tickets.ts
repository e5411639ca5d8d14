/**
 * Whose request a ticket is. The application's are counted upwards from zero by whoever drives the
 * engine, and their answers are effects; those that the engine makes itself, or on behalf of a
 * process that is no member, are counted downwards, and what waits for them is kept here.
 */
import type { Ticket } from './event.ts';
import type { Outcome } from './machine.ts';

type Done = (outcome: Outcome) => void;

export class Tickets {
  #nextOwn = -1;
  readonly #own = new Map<Ticket, Done>();
  readonly #answerApplication: (ticket: Ticket, outcome: Outcome) => void;

  constructor(answerApplication: (ticket: Ticket, outcome: Outcome) => void) {
    this.#answerApplication = answerApplication;
  }

  /** A ticket of the engine's own. */
  take(done: Done): Ticket {
    const ticket = this.#nextOwn--;
    this.#own.set(ticket, done);
    return ticket;
  }

  answer(ticket: Ticket, outcome: Outcome): void {
    if (ticket >= 0) return this.#answerApplication(ticket, outcome);
    const done = this.#own.get(ticket);
    this.#own.delete(ticket);
    done?.(outcome);
  }
}
