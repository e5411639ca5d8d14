/**
 * Exactly once (thesis §6.3; reliability.md, invariant 13): changes of sessions that have no answer
 * yet, because the process that asked has crashed or does not know what became of them. Any client on
 * any member asks for them again now and then, also while another still does, and however late;
 * all must be told the same, and in the end every member's state says how often each took effect.
 */
import type { SessionMark } from '../../engine/envelope.ts';
import type { Operation } from '../checkers/history.ts';
import type { Register, RegisterInput } from './registers.ts';

/** How many are asked for again; the oldest are left alone when there are more. */
const openMax = 30;

/** A change of a session. */
export interface SessionChange {
  readonly id: string;
  readonly session: SessionMark;
  readonly input: RegisterInput;
  readonly operation: Operation<RegisterInput, Register>;
  /** How often it was asked for and is not known to have ended without an effect. */
  attempts: number;
}

/** All changes of a run's sessions. */
export class SessionChanges {
  readonly #sequences = new Map<number, number>();
  readonly #open = new Set<SessionChange>();
  readonly #answered = new Map<string, Register>();
  /** What was found wrong so far. */
  readonly wrong: string[] = [];
  /** How often a change was asked for again, and how often that was answered. */
  repeated = 0;
  answeredAgain = 0;

  /** Changes that were answered. */
  get answered(): number {
    return this.#answered.size;
  }

  /** A client asks for the next change of its session. */
  begin(client: number, operation: Operation<RegisterInput, Register>): SessionChange {
    const sequence = (this.#sequences.get(client) ?? 0) + 1;
    this.#sequences.set(client, sequence);
    const session = { client: `client ${client}`, sequence };
    const id = `${client}/${sequence}`;
    const change = { id, session, input: operation.input, operation, attempts: 0 };
    this.#open.add(change);
    for (const oldest of this.#open) {
      if (this.#open.size <= openMax) break;
      this.#open.delete(oldest);
    }
    return change;
  }

  /** The client's own change that has no answer: it asks for that before it begins another. */
  openOf(client: number): SessionChange | undefined {
    for (const change of this.#open) if (change.operation.client === client) return change;
    return undefined;
  }

  /** One that has no answer, whoever asked for it. */
  anyOpen(below: (limit: number) => number): SessionChange | undefined {
    if (this.#open.size === 0) return undefined;
    return [...this.#open][below(this.#open.size)];
  }

  /** It was answered; true where this is the first answer. */
  answer(change: SessionChange, register: Register): boolean {
    const { id } = change;
    const before = this.#answered.get(id);
    this.#open.delete(change);
    if (before === undefined) {
      this.#answered.set(id, register);
      return true;
    }
    this.answeredAgain++;
    if (before.version !== register.version || before.value !== register.value) {
      const [first, second] = [JSON.stringify(before), JSON.stringify(register)];
      this.wrong.push(`change ${id} was answered with ${first}, and when repeated with ${second}`);
    }
    return false;
  }

  /** An attempt failed; true where it is certain that none has had an effect. */
  failed(change: SessionChange, maybeApplied: boolean): boolean {
    if (maybeApplied) return false;
    change.attempts--;
    const isVoid = change.attempts === 0 && !this.#answered.has(change.id);
    if (!isVoid) return false;
    this.#open.delete(change);
    // Sequences have no gaps: what never took effect leaves its own to the next change.
    const { client } = change.operation;
    if (this.#sequences.get(client) === change.session.sequence) {
      this.#sequences.set(client, change.session.sequence - 1);
    }
    return true;
  }

  /** What is wrong with the effects in a member's state: undefined if nothing. */
  check(effects: Iterable<readonly [id: string, count: number]>): string | undefined {
    const counts = new Map(effects);
    for (const [id, count] of counts) {
      if (count !== 1) return `change ${id} took effect ${count} times`;
    }
    for (const id of this.#answered.keys()) {
      if (!counts.has(id)) return `change ${id} was answered, and took no effect`;
    }
    return undefined;
  }
}
