/** What a state may be made of: `map()`, `orderedMap()`, `set()`, `list()` and `cell()`. */
import { StateCell, StateList, StateMap, StateOrderedMap, StateSet } from './collections.ts';
import { giveValue, keepValue } from './kept-value.ts';
import type { Key } from './key.ts';
import type { Table } from './table.ts';

/** How many entries a collection holds, unless told otherwise. */
export const entriesMaxDefault = 2 ** 24;

/** Settings of a collection. */
export interface PartOptions {
  /** More entries are refused as `over-quota`. Default 2^24. */
  readonly entriesMax?: number;
  /**
   * Where it lives: in `memory`, the default, or on `disk`, in a store of the machine's own, for
   * state that is larger than memory. If one part of a state is on disk, all of it is.
   */
  readonly on?: 'memory' | 'disk';
}

/** A part of a machine's state, in its definition; `Collection` is what commands see of it. */
export class Part<Collection> {
  readonly kind: 'map' | 'ordered-map' | 'set' | 'list' | 'cell';
  readonly entriesMax: number;
  readonly on: 'memory' | 'disk';
  /** For the library. */
  readonly over: (table: Table) => Collection;

  /** For the library: `map()` and its like make parts. */
  constructor(
    kind: Part<unknown>['kind'],
    options: PartOptions,
    over: (table: Table) => Collection,
  ) {
    this.kind = kind;
    this.entriesMax = options.entriesMax ?? entriesMaxDefault;
    this.on = options.on ?? 'memory';
    this.over = over;
  }
}

/**
 * A map.
 *
 * @example
 * ```ts
 * import { machine, map } from 'quorate';
 *
 * export const names = machine({
 *   state: { byId: map<number, string>() },
 *   commands: { name: ({ byId }, { id, name }: { id: number; name: string }) => void byId.set(id, name) },
 *   queries: { of: ({ byId }, id: number) => byId.get(id) },
 * });
 * ```
 */
export function map<K extends Key, V>(options: PartOptions = {}): Part<StateMap<K, V>> {
  return new Part('map', options, (table) => new StateMap<K, V>(table));
}

/** A map with ranges, a first and a last entry. */
export function orderedMap<K extends Key, V>(
  options: PartOptions = {},
): Part<StateOrderedMap<K, V>> {
  return new Part('ordered-map', options, (table) => new StateOrderedMap<K, V>(table));
}

/** A set. */
export function set<E extends Key>(options: PartOptions = {}): Part<StateSet<E>> {
  return new Part('set', options, (table) => new StateSet<E>(table));
}

/** A list that is open at both ends. */
export function list<V>(options: PartOptions = {}): Part<StateList<V>> {
  return new Part('list', options, (table) => new StateList<V>(table));
}

/** One value, at first `initial`. */
export function cell<V>(initial: V): Part<StateCell<V>> {
  const kept = keepValue(initial);
  return new Part('cell', {}, (table) => new StateCell<V>(table, giveValue(kept) as V));
}
