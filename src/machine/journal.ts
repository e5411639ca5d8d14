/**
 * What a command has changed so far: for each change the table, the key and what was there before.
 * A command that throws is undone from it, backwards; one that succeeds leaves from it what readers
 * of changes are told. Nothing may be written while no command runs, which is how a query that
 * would write is refused.
 */
import { QuorateError } from '../base/errors.ts';
import type { Key } from './key.ts';
import { absent } from './page-tree.ts';
import { encodeValue } from './value-writer.ts';

/** Stands for all keys of a table: it was emptied. */
export const everything = Symbol('everything');

/** What a table was before one of its changes. */
export interface Undoable {
  readonly name: string;
  /** @param before as the table gave it to {@link Journal.record} */
  undo(key: Key | typeof everything, before: unknown): void;
  /** What is there now, as it may be given out; {@link absent} if nothing. */
  look(key: Key): unknown;
}

/** One change that a command made. A `value` of undefined may be a value; `removed` says if not. */
export interface Change {
  /** The part of the state, by the name that the definition gives it. */
  readonly part: string;
  /** Undefined where all of the part was emptied, and for parts without keys. */
  readonly key: unknown;
  readonly value: unknown;
  readonly removed: boolean;
}

/** How many changes one command may make. */
export const changesPerCommandMax = 1_000_000;

/** A command that changed more has its room given back. */
const keptSlots = 64;

export class Journal {
  #open = false;
  #count = 0;
  /** What stands behind the count is left from earlier commands. */
  readonly #tables: Undoable[] = [];
  readonly #keys: (Key | typeof everything)[] = [];
  readonly #befores: unknown[] = [];

  get isOpen(): boolean {
    return this.#open;
  }

  /** A command begins: from now on there may be changes. */
  begin(): void {
    this.#open = true;
  }

  /** @throws QuorateError `read-only` unless a command runs, `over-quota` */
  check(): void {
    if (!this.#open) throw new QuorateError('read-only', 'only commands change the state');
    if (this.#count >= changesPerCommandMax) {
      throw new QuorateError(
        'over-quota',
        `a command makes at most ${changesPerCommandMax} changes`,
      );
    }
  }

  record(table: Undoable, key: Key | typeof everything, before: unknown): void {
    const at = this.#count++;
    this.#tables[at] = table;
    this.#keys[at] = key;
    this.#befores[at] = before;
  }

  /** The command has failed: all is as it was. */
  rollBack(): void {
    for (let i = this.#count - 1; i >= 0; i--) {
      this.#tables[i]!.undo(this.#keys[i]!, this.#befores[i]);
    }
    this.end();
  }

  /** The command has succeeded. */
  end(): void {
    this.#open = false;
    this.#count = 0;
    if (this.#tables.length <= keptSlots) return;
    this.#tables.length = 0;
    this.#keys.length = 0;
    this.#befores.length = 0;
  }

  /** The changes so far, the last one of each key, with what is there now. */
  changes(): Change[] {
    if (this.#count === 1) return [changeOf(this.#tables[0]!, this.#keys[0]!)];
    const last = new Map<Undoable, Map<unknown, number>>();
    for (let i = 0; i < this.#count; i++) {
      const table = this.#tables[i]!;
      const key = this.#keys[i]!;
      if (key === everything || !last.has(table)) last.set(table, new Map());
      last.get(table)!.set(typeof key === 'object' ? contentOf(key) : key, i);
    }
    const places = [...last.values()].flatMap((places) => [...places.values()]);
    return places.sort((a, b) => a - b).map((i) => changeOf(this.#tables[i]!, this.#keys[i]!));
  }
}

function changeOf(table: Undoable, key: Key | typeof everything): Change {
  const part = table.name;
  if (key === everything) return { part, key: undefined, value: undefined, removed: true };
  const value = table.look(key);
  const removed = value === absent;
  return { part, key, value: removed ? undefined : value, removed };
}

/** Lists and bytes are the same key if their content is. */
function contentOf(key: Key): string {
  return `\u0000${String.fromCharCode(...encodeValue(key))}`;
}
