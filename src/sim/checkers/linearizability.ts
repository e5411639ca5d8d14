/**
 * Is there one order of all operations, each between its call and its return, that a sequential
 * model explains? The search of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993)
 * with the memory of Lowe ("Testing for Linearizability", 2017):
 *
 * Calls and returns lie in one list, by time. Take a call that the model allows next, lift it and its
 * return out of the list, and begin again at its head. A return that is met before its call was
 * taken means a wrong turn: put back what was taken last, and go on behind it. What was taken (a set
 * of bits) together with the model's state is remembered, so that no place is searched twice.
 *
 * An operation whose outcome is unknown may be taken anywhere behind its call, or never. So it does
 * not lie in the list: it is tried only where the search would have to go back otherwise, right
 * before an operation that it makes legal; see `unknown-outcomes.ts`.
 */
import type { Model, Observed } from './model.ts';
import {
  type Ahead,
  type Borrowed,
  type Borrower,
  borrowedNothing,
  hinders,
  UnknownOutcomes,
} from './unknown-outcomes.ts';

export type { Model, Observed } from './model.ts';

/** What came of a check. */
export type Verdict<Input, Output> =
  | { readonly linearizable: true }
  | {
      readonly linearizable: false;
      readonly part: string;
      /** No order explains this answer together with those before it. */
      readonly stuck: Observed<Input, Output>;
      /** The longest order that explained anything, for people to look at: its last operations. */
      readonly before: readonly Observed<Input, Output>[];
    };

/** How far it is looked ahead for operations that a state comes too late for. */
const aheadMax = 64;
/** How many operations of the longest order are shown. */
const shownMax = 12;

/** Checks a history, part by part. */
export function checkLinearizable<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Observed<Input, Output>[],
): Verdict<Input, Output> {
  const parts = new Map<string, Observed<Input, Output>[]>();
  for (const operation of history) {
    const part = model.partOf?.(operation.input) ?? '';
    const known = parts.get(part);
    if (known === undefined) parts.set(part, [operation]);
    else known.push(operation);
  }
  for (const [part, operations] of parts) {
    const found = new Search(model, operations).run();
    if (found !== undefined) return { linearizable: false, part, ...found };
  }
  return { linearizable: true };
}

interface Taken<State> {
  readonly operation: number;
  /** The state before, and which unknown outcomes it rests on. */
  readonly state: State;
  readonly borrowed: Borrowed;
  /** It changes nothing, ever: to take it at once was no choice, for it hinders nothing. */
  readonly forced: boolean;
  /** Where it needed unknown outcomes before it: what else could be done so there. */
  readonly others: Iterator<Borrower<State>> | undefined;
}

/** The search through one part's operations. Node 2i is the call of operation i, 2i + 1 its return. */
class Search<State, Input, Output> {
  readonly #model: Model<State, Input, Output>;
  /** Those with a known outcome, by their calls. */
  readonly #operations: readonly Observed<Input, Output>[];
  readonly #unknown: UnknownOutcomes<State, Input, Output>;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #head: number;
  /** A bit for each operation that is taken. */
  readonly #done: Uint32Array;
  /** Where {@link #doneText} begins to look for words of {@link #done} that are not full. */
  #fullWords = 0;
  /** The highest operation that was ever taken. */
  #highest = 0;
  readonly #seen = new Map<string, Borrowed[]>();
  /** Operations that are not taken. */
  #left: number;

  constructor(model: Model<State, Input, Output>, all: readonly Observed<Input, Output>[]) {
    this.#model = model;
    const byCall = [...all].sort((a, b) => compare(a.call, b.call));
    const operations = byCall.filter((each) => each.return !== Number.POSITIVE_INFINITY);
    this.#operations = operations;
    this.#unknown = new UnknownOutcomes(
      model,
      byCall.filter((each) => each.return === Number.POSITIVE_INFINITY),
    );
    const count = operations.length;
    this.#left = count;
    this.#head = 2 * count;
    this.#next = new Int32Array(2 * count + 1);
    this.#previous = new Int32Array(2 * count + 1);
    this.#done = new Uint32Array((count + 31) >> 5);
    const timeOf = (node: number): number => {
      const { call, return: end } = operations[node >> 1]!;
      return node % 2 === 0 ? call : end;
    };
    const nodes = Array.from({ length: 2 * count }, (_, node) => node);
    // Where a return and a call have the same time, the two are taken to overlap.
    nodes.sort((a, b) => compare(timeOf(a), timeOf(b)) || (a % 2) - (b % 2) || a - b);
    let last = this.#head;
    for (const node of nodes) {
      this.#next[last] = node;
      this.#previous[node] = last;
      last = node;
    }
    this.#next[last] = -1;
  }

  /** Answers nothing if all is well, else where it got stuck at the furthest. */
  run(): { stuck: Observed<Input, Output>; before: Observed<Input, Output>[] } | undefined {
    const operations = this.#operations;
    const taken: Taken<State>[] = [];
    let state = this.#model.initial;
    let borrowed = borrowedNothing;
    let best: number[] = [];
    let stuck = -1;
    let node = this.#next[this.#head]!;
    let others: Iterator<Borrower<State>> | undefined;
    const take = ({ operation, state: after, borrowed: with_ }: Borrower<State>): void => {
      if (after !== state && this.#passes(after, operation)) return;
      if (!this.#remember(operation, after, with_)) return;
      const forced = others === undefined && this.#reads(operation);
      taken.push({ operation, state, borrowed, forced, others });
      this.#lift(operation);
      state = after;
      borrowed = with_;
      node = this.#next[this.#head]!;
      others = undefined;
    };
    while (this.#left > 0) {
      const operation = node >> 1;
      if (others === undefined && node % 2 === 0) {
        const { input, output } = operations[operation]!;
        const after = this.#model.step(state, input, output);
        // Where it is taken, all begins again at the head of the list.
        node = this.#next[node]!;
        if (after !== undefined) take({ operation, state: after, borrowed });
        continue;
      }
      if (others === undefined) {
        // A return whose call could not be taken.
        if (stuck === -1 || taken.length > best.length) {
          best = taken.map((each) => each.operation);
          stuck = operation;
        }
        others = this.#unknown.before(this.#ahead(operation), state, borrowed);
      }
      const next = others.next();
      if (next.done !== true) {
        take(next.value);
        continue;
      }
      let last = taken.pop();
      while (last?.forced) {
        this.#putBack(last.operation);
        last = taken.pop();
      }
      if (last === undefined) {
        const before = best.slice(-shownMax).map((each) => operations[each]!);
        return { stuck: operations[stuck]!, before };
      }
      this.#putBack(last.operation);
      ({ state, borrowed, others } = last);
      node = this.#next[2 * last.operation]!;
    }
    // Unknown outcomes need not have had an effect: every return is passed, so all is explained.
    return undefined;
  }

  #reads(operation: number): boolean {
    return this.#model.reads?.(this.#operations[operation]!.input) === true;
  }

  /** What comes next, where `first` returns before all others that are not taken. */
  #ahead(first: number): Ahead<Input, Output> {
    const pending = [];
    const later = [];
    const { return: end } = this.#operations[first]!;
    let node = this.#next[this.#head]!;
    for (let seen = 0; node !== -1 && seen < aheadMax; node = this.#next[node]!) {
      if (node % 2 === 1) continue;
      const each = { ...this.#operations[node >> 1]!, operation: node >> 1 };
      if (each.call <= end) pending.push(each);
      else {
        later.push(each);
        seen++;
      }
    }
    return { pending, later, end };
  }

  /** Whether a state comes too late for any of the next operations that are not taken, but for one. */
  #passes(state: State, except: number): boolean {
    const model = this.#model;
    if (model.distance === undefined) return false;
    let node = this.#next[this.#head]!;
    for (let seen = 0; node !== -1 && seen < aheadMax; node = this.#next[node]!) {
      if (node % 2 === 1 || node >> 1 === except) continue;
      seen++;
      const { input, output } = this.#operations[node >> 1]!;
      if (output !== undefined && model.distance(state, input, output) === Infinity) return true;
    }
    return false;
  }

  /**
   * Marks that an operation is taken next, with this state after it: false if the same operations,
   * with the same state, were tried before with nothing that hinders more.
   */
  #remember(operation: number, state: State, borrowed: Borrowed): boolean {
    const word = operation >> 5;
    const bit = 1 << (operation & 31);
    this.#done[word]! |= bit;
    this.#highest = Math.max(this.#highest, operation);
    const key = `${this.#model.key(state)} ${this.#doneText()}`;
    const known = this.#seen.get(key);
    if (known === undefined) this.#seen.set(key, [borrowed]);
    else if (known.some((each) => hinders(borrowed, each))) {
      this.#done[word]! &= ~bit;
      return false;
    } else known.push(borrowed);
    return true;
  }

  /** The same for the same operations: nearly all of those that were called first are taken. */
  #doneText(): string {
    const done = this.#done;
    let from = this.#fullWords;
    while (from > 0 && done[from - 1] !== full) from--;
    while (done[from] === full) from++;
    this.#fullWords = from;
    let text = `${from}`;
    let to = Math.min(done.length - 1, this.#highest >> 5);
    while (to > from && done[to] === 0) to--;
    for (let at = from; at <= to; at++) text += ` ${done[at]!.toString(36)}`;
    return text;
  }

  #lift(operation: number): void {
    this.#left--;
    for (const node of [2 * operation, 2 * operation + 1]) {
      const next = this.#next[node]!;
      this.#next[this.#previous[node]!] = next;
      if (next !== -1) this.#previous[next] = this.#previous[node]!;
    }
  }

  /** In the opposite order: each finds its neighbours as it left them. */
  #putBack(operation: number): void {
    this.#left++;
    this.#done[operation >> 5]! &= ~(1 << (operation & 31));
    for (const node of [2 * operation + 1, 2 * operation]) {
      const next = this.#next[node]!;
      this.#next[this.#previous[node]!] = node;
      if (next !== -1) this.#previous[next] = node;
    }
  }
}

const full = 0xffffffff;

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
