/**
 * What a command has changed so far: for each change the table, the key and what was there before.
 * A command that throws is undone from it, backwards; one that succeeds leaves from it what readers
 * of changes are told. Nothing may be written while no command runs, which is how a query that
 * would write is refused.
 */
import { assert } from '../base/assert.ts';
import { QuorateError } from '../base/errors.ts';
import { giveKey, type Key } from './key.ts';
import { absent } from './page-tree.ts';
import { encodeValue } from './value-writer.ts';

/** Stands for all keys of a table: it was emptied. */
export const everything = Symbol('everything');

/** What knows how its values are kept: a table. `before` and `after` are as it gave them. */
export interface Recorder {
  readonly name: string;
  undo(key: Key | typeof everything, before: unknown): void;
  /** What was put there, as it may be given out. */
  give(after: unknown): unknown;
}

/** A change as it is written down: most are never looked at, so only readers have it told. */
export interface Recorded {
  /** Undefined while nothing is written down. */
  table: Recorder | undefined;
  key: Key | typeof everything;
  /** {@link absent} where something was removed. */
  after: unknown;
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
  readonly #tables: Recorder[] = [];
  readonly #keys: (Key | typeof everything)[] = [];
  readonly #befores: unknown[] = [];
  readonly #afters: unknown[] = [];

  /** How many changes there are so far. */
  get count(): number {
    return this.#count;
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

  /** Something changed; nothing of it may change any more. */
  record(table: Recorder, key: Key | typeof everything, before: unknown, after: unknown): void {
    const at = this.#count++;
    this.#tables[at] = table;
    this.#keys[at] = key;
    this.#befores[at] = before;
    this.#afters[at] = after;
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
    this.#afters.length = 0;
  }

  /** Writes the only change down in `into`; false where there are more, or none. */
  copyOnly(into: Recorded): boolean {
    const isOnly = this.#count === 1;
    into.table = isOnly ? this.#tables[0] : undefined;
    into.key = isOnly ? this.#keys[0]! : everything;
    into.after = isOnly ? this.#afters[0] : undefined;
    return isOnly;
  }

  /** The changes so far, the last one of each key. */
  changes(): Change[] {
    const last = new Map<Recorder, Map<unknown, number>>();
    for (let i = 0; i < this.#count; i++) {
      const table = this.#tables[i]!;
      const key = this.#keys[i]!;
      if (key === everything || !last.has(table)) last.set(table, new Map());
      last.get(table)!.set(typeof key === 'object' ? contentOf(key) : key, i);
    }
    const places = [...last.values()].flatMap((places) => [...places.values()]);
    return places
      .sort((a, b) => a - b)
      .map((i) => told({ table: this.#tables[i]!, key: this.#keys[i]!, after: this.#afters[i] }));
  }
}

/** A change as its readers get it. */
export function told({ table, key, after }: Recorded): Change {
  assert(table !== undefined, 'a change that was written down');
  const part = table.name;
  if (key === everything) return { part, key: undefined, value: undefined, removed: true };
  const removed = after === absent;
  return { part, key: giveKey(key), value: removed ? undefined : table.give(after), removed };
}

/** Lists and bytes are the same key if their content is. */
function contentOf(key: Key): string {
  return `\u0000${String.fromCharCode(...encodeValue(key))}`;
}
