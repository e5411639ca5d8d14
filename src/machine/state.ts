/**
 * A replica's state of one version of a machine: the collections, and the plain values, which are
 * kept in their wire form as well. After each command the plain values are written anew and compared
 * with what they were, which is why they must stay small.
 */
import { QuorateError } from '../base/errors.ts';
import type { StoreRange } from '../ports/store.ts';
import type { LayeredStore } from '../store/layered-store.ts';
import type { Change, Journal } from './journal.ts';
import { MemoryTable } from './memory-table.ts';
import { Part } from './parts.ts';
import type { DefinitionFacts } from './shape.ts';
import type { StoredFacts } from './stored-state.ts';
import { StoredTable } from './stored-table.ts';
import type { FrozenState, Table } from './table.ts';
import { addHash, entryHash, textHash } from './value-hash.ts';
import { decodeValue } from './value-reader.ts';
import { encodeValue } from './value-writer.ts';

/** What all plain values of a state may take together in their wire form. */
export const plainBytesMax = 64 * 2 ** 10;

const unchanged: readonly Change[] = [];

interface OpenPart {
  readonly part: Part<unknown>;
  readonly table: Table;
  readonly collection: unknown;
}

export class MachineState {
  readonly definition: DefinitionFacts;
  readonly #store: LayeredStore | undefined;
  readonly #parts = new Map<string, OpenPart>();
  readonly #plainNames: readonly string[];
  /** The plain values as the last command left them. */
  #plain: readonly Uint8Array[];
  /** What commands get. */
  readonly forCommands: Record<string, unknown> = {};
  #forQueries: Record<string, unknown> | undefined;

  /** @param before the state of the version before, whose like collections are taken over */
  constructor(
    definition: DefinitionFacts,
    { journal, store }: { readonly journal: Journal; readonly store: LayeredStore | undefined },
    before?: MachineState,
  ) {
    this.definition = definition;
    this.#store = store;
    const entries = Object.entries(definition.state);
    const generation = before === undefined ? 0 : definition.version;
    for (const [name, part] of entries) {
      if (!(part instanceof Part)) continue;
      const known = before?.part(name);
      const same = known?.part.kind === part.kind;
      const { entriesMax } = part;
      const init = { name, journal, entriesMax };
      const made = () =>
        store === undefined
          ? new MemoryTable(init)
          : new StoredTable(init, store, { kind: part.kind, generation });
      const table = same ? known.table : made();
      const collection: unknown = part.over(table);
      this.#parts.set(name, { part, table, collection });
      Object.defineProperty(this.forCommands, name, { value: collection, enumerable: true });
    }
    this.#plainNames = entries.filter(([, part]) => !(part instanceof Part)).map(([name]) => name);
    this.#plain = this.#plainNames.map((name) => encodeValue(definition.state[name]));
    this.#setPlain();
    Object.seal(this.forCommands);
  }

  /** What queries get: collections that refuse to be written, and copies of the plain values. */
  get forQueries(): Record<string, unknown> {
    if (this.#plainNames.length === 0) return this.forCommands;
    if (this.#forQueries === undefined) {
      const copy = { ...this.forCommands };
      for (const [i, name] of this.#plainNames.entries()) copy[name] = decodeValue(this.#plain[i]!);
      this.#forQueries = Object.freeze(copy);
    }
    return this.#forQueries;
  }

  get hasPlain(): boolean {
    return this.#plainNames.length > 0;
  }

  get hash(): number {
    let sum = 0;
    for (const { table } of this.#parts.values()) sum = addHash(sum, table.hash);
    for (const [i, name] of this.#plainNames.entries()) {
      sum = addHash(sum, entryHash(textHash(name) >>> 0, 0, this.#plain[i]!));
    }
    return sum;
  }

  /** A command has run: its plain values count from now on. @throws as {@link encodeValue} */
  keepPlain(): readonly Change[] {
    if (this.#plainNames.length === 0) return unchanged;
    const changes: Change[] = [];
    let bytes = 0;
    const plain = this.#plainNames.map((part, i) => {
      const before = this.#plain[i]!;
      const encoded = encodeValue(this.forCommands[part]);
      bytes += encoded.length;
      if (sameBytes(before, encoded)) return before;
      changes.push({ part, key: undefined, value: decodeValue(encoded), removed: false });
      return encoded;
    });
    if (bytes > plainBytesMax) {
      throw new QuorateError(
        'plain-state-too-large',
        `plain values of a state take at most ${plainBytesMax} bytes: use collections`,
      );
    }
    this.#plain = plain;
    if (changes.length > 0) this.#forQueries = undefined;
    return changes;
  }

  /** A command has failed: the plain values are as they were. */
  rollBackPlain(): void {
    this.#setPlain();
  }

  freeze(): FrozenState {
    const plain = this.#plainNames.map((name, i) => ({ name, bytes: this.#plain[i]! }));
    const snapshot = this.#store?.snapshot();
    const tables = this.tables.map((table) => {
      const frozen =
        table instanceof StoredTable && snapshot !== undefined
          ? table.frozenIn(snapshot)
          : table.freeze();
      return { name: table.name, table: frozen };
    });
    return { tables, plain, close: () => snapshot?.close() };
  }

  /** Where entries of a state before lie that are not in this one. */
  droppedOf(before: MachineState): readonly StoreRange[] {
    const kept = new Set(this.tables);
    return before.tables.flatMap((table) =>
      table instanceof StoredTable && !kept.has(table) ? [table.range] : [],
    );
  }

  /** For a store: all but the entries. */
  facts(): Pick<StoredFacts, 'plain' | 'tables'> {
    const stored = this.tables.filter((table) => table instanceof StoredTable);
    return {
      plain: new Map(this.#plainNames.map((name, i) => [name, this.#plain[i]!])),
      tables: new Map(stored.map(({ name, facts }) => [name, facts])),
    };
  }

  /** For opening a store: what {@link facts} had said when it was written. */
  setFacts({ plain, tables }: Pick<StoredFacts, 'plain' | 'tables'>): void {
    for (const [name, bytes] of plain) this.loadPlain(name, bytes);
    for (const [name, facts] of tables) {
      const table = this.table(name);
      if (table instanceof StoredTable) table.setFacts(facts);
    }
  }

  /** A collection, with what stands behind it. */
  part(name: string): OpenPart | undefined {
    return this.#parts.get(name);
  }

  /** @throws QuorateError `snapshot-damaged` */
  table(name: string): Table {
    const open = this.#parts.get(name);
    if (open !== undefined) return open.table;
    throw new QuorateError(
      'snapshot-damaged',
      `a snapshot has a part ${name}, the machine has none`,
    );
  }

  get tables(): readonly Table[] {
    return [...this.#parts.values()].map(({ table }) => table);
  }

  /** For a restore. @throws QuorateError `snapshot-damaged` */
  loadPlain(name: string, bytes: Uint8Array): void {
    const at = this.#plainNames.indexOf(name);
    if (at < 0) throw new QuorateError('snapshot-damaged', `the machine has no part ${name}`);
    this.#plain = this.#plain.with(at, bytes);
    this.#setPlain();
  }

  #setPlain(): void {
    this.#forQueries = undefined;
    for (const [i, name] of this.#plainNames.entries()) {
      this.forCommands[name] = decodeValue(this.#plain[i]!);
    }
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
