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
 * not lie in the list: it is tried only where the search would have to go back otherwise, for most
 * of them explain nothing, and each that is taken too early is a wrong turn.
 */

/** What is checked: a sequential object. States are values that never change. */
export interface Model<State, Input, Output> {
  readonly initial: State;
  /**
   * The state after an operation, or `undefined` if it cannot answer so in this state. An `output`
   * that is undefined is not known, and anything goes.
   */
  step(state: State, input: Input, output: Output | undefined): State | undefined;
  /** The same text for the same states, and for no others. */
  key(state: State): string;
  /** Operations of different parts are checked apart, as if on objects of their own. */
  partOf?(input: Input): string;
}

/** One operation as its client saw it. */
export interface Observed<Input, Output> {
  readonly client: number;
  readonly call: number;
  /** Infinity where no answer came. */
  readonly return: number;
  readonly input: Input;
  /** Undefined where the outcome is unknown. */
  readonly output: Output | undefined;
}

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
  /** The state before. */
  readonly state: State;
  /** It has left the state as it was: to take it at once was no choice, for it hinders nothing. */
  readonly forced: boolean;
}

/** The search through one part's operations. Node 2i is the call of operation i, 2i + 1 its return. */
class Search<State, Input, Output> {
  readonly #model: Model<State, Input, Output>;
  readonly #operations: readonly Observed<Input, Output>[];
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #head: number;
  readonly #done: Uint32Array;
  readonly #seen = new Map<string, Uint32Array[]>();
  readonly #marks: Uint32Array;
  /** A sum of the marks of what is done: the first part of the key in {@link #seen}. */
  #sum = 0;
  /** Operations with a known outcome that are not taken. */
  #knownLeft: number;
  /** Operations with an unknown outcome, by their calls; and the place of each among them. */
  readonly #unknown: readonly number[];
  readonly #placeOf = new Map<number, number>();

  constructor(model: Model<State, Input, Output>, operations: readonly Observed<Input, Output>[]) {
    this.#model = model;
    this.#operations = operations;
    const count = operations.length;
    const all = operations.map((_, operation) => operation);
    this.#unknown = all
      .filter((operation) => !this.#isKnown(operation))
      .sort((a, b) => operations[a]!.call - operations[b]!.call);
    for (const [place, operation] of this.#unknown.entries()) this.#placeOf.set(operation, place);
    this.#knownLeft = count - this.#unknown.length;
    this.#head = 2 * count;
    this.#next = new Int32Array(2 * count + 1);
    this.#previous = new Int32Array(2 * count + 1);
    this.#done = new Uint32Array((count + 31) >> 5);
    this.#marks = marks(count);
    const timeOf = (node: number): number => {
      const { call, return: end } = operations[node >> 1]!;
      return node % 2 === 0 ? call : end;
    };
    const nodes = all
      .filter((operation) => this.#isKnown(operation))
      .flatMap((operation) => [2 * operation, 2 * operation + 1]);
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
    let best: number[] = [];
    let stuck = -1;
    let node = this.#next[this.#head]!;
    let unknownFrom = 0;
    const take = (operation: number): boolean => {
      const { input, output } = operations[operation]!;
      const after = this.#model.step(state, input, output);
      if (after === undefined || (after === state && !this.#isKnown(operation))) return false;
      if (!this.#remember(operation, after)) return false;
      taken.push({ operation, state, forced: after === state });
      state = after;
      if (this.#isKnown(operation)) this.#lift(operation);
      node = this.#next[this.#head]!;
      unknownFrom = 0;
      return true;
    };
    // Unknown outcomes need not have had an effect: once every return is passed, all is explained.
    while (this.#knownLeft > 0) {
      const operation = node >> 1;
      if (node % 2 === 0) {
        if (!take(operation)) node = this.#next[node]!;
        continue;
      }
      // A return whose call could not be taken.
      if (stuck === -1 || taken.length > best.length) {
        best = taken.map((each) => each.operation);
        stuck = operation;
      }
      if (this.#unknownBefore(operations[operation]!.return, unknownFrom, take)) continue;
      let last = taken.pop();
      while (last?.forced) {
        this.#toggle(last.operation);
        this.#putBack(last.operation);
        last = taken.pop();
      }
      if (last === undefined) {
        const before = best.slice(-shownMax).map((each) => operations[each]!);
        return { stuck: operations[stuck]!, before };
      }
      state = last.state;
      this.#toggle(last.operation);
      const place = this.#placeOf.get(last.operation);
      if (place === undefined) {
        this.#putBack(last.operation);
        node = this.#next[2 * last.operation]!;
        unknownFrom = 0;
      } else {
        // It was tried at the first return, and so is the next one.
        node = this.#firstReturn();
        unknownFrom = place + 1;
      }
    }
    return undefined;
  }

  /** Tries operations of unknown outcome that were called before `end`, from a place on. */
  #unknownBefore(end: number, from: number, take: (operation: number) => boolean): boolean {
    for (let place = from; place < this.#unknown.length; place++) {
      const operation = this.#unknown[place]!;
      if (this.#operations[operation]!.call > end) return false;
      const isTaken = (this.#done[operation >> 5]! & (1 << (operation & 31))) !== 0;
      if (!isTaken && take(operation)) return true;
    }
    return false;
  }

  #firstReturn(): number {
    let node = this.#next[this.#head]!;
    while (node % 2 === 0) node = this.#next[node]!;
    return node;
  }

  /** Marks an operation as done, unless that, in this state, was tried before. */
  #remember(operation: number, state: State): boolean {
    this.#toggle(operation);
    const key = `${this.#sum} ${this.#model.key(state)}`;
    const known = this.#seen.get(key);
    if (known === undefined) this.#seen.set(key, [this.#done.slice()]);
    else if (known.some((bits) => equal(bits, this.#done))) {
      this.#toggle(operation);
      return false;
    } else known.push(this.#done.slice());
    return true;
  }

  #toggle(operation: number): void {
    this.#done[operation >> 5]! ^= 1 << (operation & 31);
    this.#sum = (this.#sum ^ this.#marks[operation]!) >>> 0;
  }

  #isKnown(operation: number): boolean {
    return this.#operations[operation]!.return !== Number.POSITIVE_INFINITY;
  }

  #lift(operation: number): void {
    this.#knownLeft--;
    for (const node of [2 * operation, 2 * operation + 1]) {
      const next = this.#next[node]!;
      this.#next[this.#previous[node]!] = next;
      if (next !== -1) this.#previous[next] = this.#previous[node]!;
    }
  }

  /** In the opposite order: each finds its neighbours as it left them. */
  #putBack(operation: number): void {
    this.#knownLeft++;
    for (const node of [2 * operation + 1, 2 * operation]) {
      const next = this.#next[node]!;
      this.#next[this.#previous[node]!] = node;
      if (next !== -1) this.#previous[next] = node;
    }
  }
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function equal(a: Uint32Array, b: Uint32Array): boolean {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** A number for each operation; their exclusive or tells sets apart, mostly. */
function marks(count: number): Uint32Array {
  const found = new Uint32Array(count);
  let word = 0x9e3779b9;
  for (let at = 0; at < count; at++) {
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    found[at] = word;
  }
  return found;
}
