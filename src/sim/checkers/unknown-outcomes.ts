/**
 * Operations of unknown outcome in the search for an order (see `linearizability.ts`): each took
 * effect at some place behind its call, or never.
 *
 * Without loss of generality one is taken right before an operation whose answer is known, alone or
 * with others of its kind, and only where that operation needs it. Which one it was mostly does not
 * matter: a write that nobody has read may be any of them. To choose at once would be a wrong turn
 * most of the time, and to go back over all choices takes for ever. So the choice is left open: what
 * was borrowed is a list of places, each with the set of those that it may have been, and the places
 * can be filled as long as there is a matching, one operation for each (Hall, 1935). Two ways to the
 * same state that differ in one place alone are one way, with the union there.
 */
import type { Model, Observed } from './model.ts';

/** Places that were filled with operations of unknown outcome. Never changed, only replaced. */
export interface Borrowed {
  /** For each place those that fit, as bits. */
  readonly places: readonly bigint[];
  /** For each place one of them, each another: there is at least this way to fill all. */
  readonly chosen: readonly number[];
  /** Those that were chosen, as bits. */
  readonly used: bigint;
}

/** At the start. */
export const borrowedNothing: Borrowed = { places: [], chosen: [], used: 0n };

/** An operation that may be taken, with the state after it and what that rests on. */
export interface Borrower<State> {
  readonly operation: number;
  readonly state: State;
  readonly borrowed: Borrowed;
}

/** An operation of known outcome. */
export type Known<Input, Output> = Observed<Input, Output> & { readonly operation: number };

/** The next operations of known outcome that are not taken. */
export interface Ahead<Input, Output> {
  /** Those that may be taken now: called before anything returns. */
  readonly pending: readonly Known<Input, Output>[];
  /** Some of those behind them. */
  readonly later: readonly Known<Input, Output>[];
  /** The first return. */
  readonly end: number;
}

/** A state that some of them lead to. */
interface Reached<State> {
  readonly state: State;
  borrowed: Borrowed;
}

/** What may be done at one place of the search. */
interface Ground<Input, Output> {
  readonly ahead: Ahead<Input, Output>;
  /** How many operations of unknown outcome were called early enough. */
  readonly count: number;
  /** How many places were filled before: the same in all ways that are compared. */
  readonly from: number;
}

/** See above. */
export class UnknownOutcomes<State, Input, Output> {
  readonly #model: Model<State, Input, Output>;
  /** By their calls. */
  readonly #operations: readonly Observed<Input, Output>[];

  constructor(model: Model<State, Input, Output>, operations: readonly Observed<Input, Output>[]) {
    this.#model = model;
    this.#operations = operations;
  }

  /**
   * Those that may be taken if unknown outcomes go before them: first those that need one, then
   * those that need two, and so on.
   */
  *before(
    ahead: Ahead<Input, Output>,
    state: State,
    borrowed: Borrowed,
  ): Generator<Borrower<State>, undefined> {
    const model = this.#model;
    const { pending, end } = ahead;
    let count = 0;
    while (count < this.#operations.length && this.#operations[count]!.call <= end) count++;
    const from = borrowed.places.length;
    const ground = { ahead, count, from };
    const known = new Map([[model.key(state), [borrowed]]]);
    let level: Reached<State>[] = this.#mayHelp(state, borrowed, ground)
      ? [{ state, borrowed }]
      : [];
    while (level.length > 0) {
      level = this.#furtherOn(level, known, ground);
      for (const each of pending) {
        const { operation, input, output } = each;
        const ways = new Map<string, Reached<State>[]>();
        for (const reached of level) {
          const after = model.step(reached.state, input, output);
          if (after === undefined) continue;
          join(ways, model.key(after), { state: after, borrowed: reached.borrowed }, from);
        }
        for (const way of [...ways.values()].flat()) yield { operation, ...way };
      }
    }
    return undefined;
  }

  /** The states that one more unknown outcome leads to, unless fewer do as well. */
  #furtherOn(
    level: readonly Reached<State>[],
    known: Map<string, Borrowed[]>,
    ground: Ground<Input, Output>,
  ): Reached<State>[] {
    const model = this.#model;
    const { count, from } = ground;
    const found = new Map<string, Reached<State>[]>();
    for (const { state, borrowed } of level) {
      const fitting = new Map<string, { readonly state: State; bits: bigint }>();
      for (let at = 0; at < count; at++) {
        const after = model.step(state, this.#operations[at]!.input, undefined);
        if (after === undefined || after === state) continue;
        const key = model.key(after);
        const others = fitting.get(key);
        if (others === undefined) fitting.set(key, { state: after, bits: 1n << BigInt(at) });
        else others.bits |= 1n << BigInt(at);
      }
      for (const [key, { state: after, bits }] of fitting) {
        const more = borrow(borrowed, bits, count);
        if (more === undefined || !this.#mayHelp(after, more, ground)) continue;
        if (known.get(key)?.some((each) => hinders(more, each, from))) continue;
        join(found, key, { state: after, borrowed: more }, from);
      }
    }
    for (const [key, ways] of found) {
      const before = known.get(key) ?? [];
      known.set(key, [...before, ...ways.map(({ borrowed }) => borrowed)]);
    }
    return [...found.values()].flat();
  }

  /** Whether what is left can bring one of those that wait about, and it is too late for nobody. */
  #mayHelp(state: State, { places }: Borrowed, { ahead, count }: Ground<Input, Output>): boolean {
    const left = count - places.length;
    const { pending, later } = ahead;
    const nearest = Math.min(...pending.map((each) => this.#distance(state, each)));
    if (nearest > left) return false;
    return ![...pending, ...later].some((each) => this.#distance(state, each) === Infinity);
  }

  #distance(state: State, { input, output }: Known<Input, Output>): number {
    return output === undefined ? 0 : (this.#model.distance?.(state, input, output) ?? 0);
  }
}

/** Adds a way to a state: as one with another that differs in one place alone, if there is one. */
function join<State>(
  all: Map<string, Reached<State>[]>,
  key: string,
  added: Reached<State>,
  from: number,
): void {
  const ways = all.get(key);
  if (ways === undefined) {
    all.set(key, [{ ...added }]);
    return;
  }
  const { places } = added.borrowed;
  for (const way of ways) {
    const known = way.borrowed.places;
    if (known.length !== places.length) continue;
    const differing = differences(known, places, from);
    if (differing.length === 0) return;
    if (differing.length > 1) continue;
    const [at] = differing as [number];
    way.borrowed = { ...way.borrowed, places: known.with(at, known[at]! | places[at]!) };
    return;
  }
  ways.push({ ...added });
}

/** Where two lists differ, from a place on: no more than two of them. */
function differences(a: readonly bigint[], b: readonly bigint[], from: number): number[] {
  const found: number[] = [];
  for (let at = from; at < a.length && found.length < 2; at++) if (a[at] !== b[at]) found.push(at);
  return found;
}

/** One more place, or undefined if not all can be filled then. */
function borrow(
  { places, chosen, used }: Borrowed,
  bits: bigint,
  count: number,
): Borrowed | undefined {
  const all = [...places, bits];
  const free = bits & ~used;
  if (free !== 0n) {
    const lowest = free & -free;
    const at = lowest.toString(2).length - 1;
    return { places: all, chosen: [...chosen, at], used: used | lowest };
  }
  const matching = [...chosen];
  // An augmenting path (Berge, 1957): whoever is moved from a place must find another one.
  const holder = new Map(matching.map((operation, place) => [operation, place]));
  const tried = new Set<number>();
  const fill = (place: number): boolean => {
    for (let at = 0; at < count; at++) {
      if (((all[place]! >> BigInt(at)) & 1n) === 0n || tried.has(at)) continue;
      tried.add(at);
      const held = holder.get(at);
      if (held !== undefined && !fill(held)) continue;
      holder.set(at, place);
      matching[place] = at;
      return true;
    }
    return false;
  };
  if (!fill(places.length)) return undefined;
  const nowUsed = matching.reduce((sum, at) => sum | (1n << BigInt(at)), 0n);
  return { places: all, chosen: matching, used: nowUsed };
}

/**
 * Whether whatever can be done with `more` can be done with `less` too: each place of `less` stands
 * for one of `more`, and leaves at least that choice. It may say no where yes were right. Places
 * before `from` are known to be the same.
 */
export function hinders(more: Borrowed, less: Borrowed, from = 0): boolean {
  if (less.places.length > more.places.length) return false;
  let same = from;
  while (same < less.places.length && less.places[same] === more.places[same]) same++;
  if (same === less.places.length) return true;
  const left = more.places.slice(same);
  for (let i = same; i < less.places.length; i++) {
    const place = less.places[i]!;
    const at = left.findIndex((other) => (place | other) === place);
    if (at === -1) return false;
    left.splice(at, 1);
  }
  return true;
}
