/**
 * A replica of a typed machine: what a definition makes for the engine to drive.
 *
 * Which version is active is part of the replicated state. Before the first command none is; that
 * command makes the oldest version that knows it active. From then on only an `activate` entry
 * raises it, at which every replica migrates its state. A replica that does not know the active
 * version stops there by name (`machine-too-old`): it never guesses. That members say what they can
 * run before one of them raises the version is courtesy, so that none has to stop; see
 * `TypedGroup`, which does both.
 */
import { assert } from '../base/assert.ts';
import { QuorateError } from '../base/errors.ts';
import type {
  CommandContext,
  Machine,
  MachineFacts,
  MachineRestore,
  Outcome,
} from '../engine/machine.ts';
import type { Store } from '../ports/store.ts';
import { LayeredStore } from '../store/layered-store.ts';
import { isThenable, ownValue, refusalFrom } from './answer.ts';
import { encodeCommand, encodeQuery, unknown } from './call-wire.ts';
import { ChangeHistory } from './change-history.ts';
import { decodeEntry, type TypedEntry } from './command-wire.ts';
import { CommandScope } from './context.ts';
import { Journal } from './journal.ts';
import { checkFacts, knownVersion } from './known-versions.ts';
import {
  FrameReader,
  type SnapshotFrame,
  type SnapshotHead,
  snapshotChunks,
} from './machine-snapshot.ts';
import { decodeOutcome, encodeOutcome } from './outcome-wire.ts';
import { partsOf } from './part-facts.ts';
import { Refusal } from './refusal.ts';
import type { DefinedCommand, DefinitionFacts, StateShape } from './shape.ts';
import { MachineState } from './state.ts';
import { StoredState } from './stored-state.ts';
import { addHash, entryHash, textHash } from './value-hash.ts';
import { decodeValue } from './value-reader.ts';

/** How many members' announcements are kept. */
const announcedMax = 256;

/** What a replica is made with. */
export interface TypedMachineOptions {
  /** The group's name: the same on all replicas, so that they draw the same random numbers. */
  readonly name?: string;
  /** Where the state lives, for a definition that is `onDisk`: an open store, for it alone. */
  readonly store?: Store;
}

type TypedCommand = TypedEntry & { readonly type: 'command' };
type MachineTypes<Shape extends StateShape, Commands, Queries, Schemas> = {
  readonly state: Shape;
  readonly commands: Commands;
  readonly queries: Queries;
  readonly inputs: Schemas;
};

/** A replica's machine; `definition.create()` makes it. */
export class TypedMachine<
  out Shape extends StateShape = StateShape,
  out Commands = unknown,
  out Queries = unknown,
  out Schemas = unknown,
> implements Machine
{
  /** Only for types: what calls there are. */
  declare readonly types: MachineTypes<Shape, Commands, Queries, Schemas>;
  readonly definition: DefinitionFacts;
  readonly history: ChangeHistory;
  readonly #seed: number;
  readonly #journal = new Journal();
  #active = 0;
  #state: MachineState;
  #announced = new Map<number, number>();
  #lastIndex = 0;
  readonly #versionListeners = new Set<() => void>();
  /** For the engine, where the state lives in a store. */
  readonly kept?: StoredState;

  /** Use {@link MachineDefinition.create}. */
  constructor(definition: DefinitionFacts, { name = '', store }: TypedMachineOptions) {
    this.definition = definition;
    this.history = new ChangeHistory(definition.changesKeptMax);
    this.#seed = textHash(name);
    assert(definition.onDisk === (store !== undefined), 'a store for what lives in one');
    if (store !== undefined) {
      const facts = () => ({ ...this.#head(), ...this.#state.facts() });
      this.kept = new StoredState(new LayeredStore(store), facts, () => this.#empty());
    }
    const facts = this.kept?.read();
    this.#state = this.#open(facts);
    if (facts !== undefined) this.#state.setFacts(facts);
    this.history.restart(this.#lastIndex);
  }

  /** The version that all replicas run; 0 before the first command. */
  get activeVersion(): number {
    return this.#active;
  }

  /** The last entry that this machine was given. */
  get lastIndex(): number {
    return this.#lastIndex;
  }

  /** The version that a member last said it can run. */
  announced(member: number): number | undefined {
    return this.#announced.get(member);
  }

  /** Calls `listener` when versions are announced or become active; returns how to stop that. */
  onVersion(listener: () => void): () => void {
    this.#versionListeners.add(listener);
    return () => this.#versionListeners.delete(listener);
  }

  /**
   * A command's wire form, once its input is checked: a promise only if its schema is asynchronous.
   * @throws QuorateError `unknown-command`, `invalid-input`, `unsupported-value`, `value-too-large`
   */
  encode(name: string, input: unknown): Uint8Array | Promise<Uint8Array> {
    return encodeCommand(this.definition, name, input);
  }

  /**
   * Answers from the state as it is on this replica.
   * @throws QuorateError `unknown-command`, `version-not-active`; what the query throws
   */
  ask(name: string, input: unknown): unknown {
    const query = this.#state.definition.queries.get(name);
    if (query !== undefined) {
      const value = query(this.#state.forQueries, input);
      // Collections give out what nobody can change; plain values are what they are.
      return this.#state.hasPlain ? ownValue(value) : value;
    }
    if (!this.definition.queries.has(name)) throw unknown('query', name);
    throw new QuorateError(
      'version-not-active',
      `the query ${name} waits for version ${this.definition.version} to become active`,
    );
  }

  query(question: Uint8Array): Outcome {
    try {
      const [name, input] = decodeValue(question) as [string, unknown];
      return { ok: true, value: ownValue(this.ask(name, input)) };
    } catch (error) {
      return { ok: false, error: refusalFrom(error) };
    }
  }

  /** A question's wire form, for {@link query}. */
  encodeQuery(name: string, input: unknown): Uint8Array {
    return encodeQuery(this.definition, name, input);
  }

  encodeOutcome(outcome: Outcome): Uint8Array {
    return encodeOutcome(outcome);
  }

  decodeOutcome(bytes: Uint8Array): Outcome {
    return decodeOutcome(bytes);
  }

  apply(command: Uint8Array, context: CommandContext): Outcome {
    this.#lastIndex = context.index;
    let entry: TypedEntry;
    try {
      entry = decodeEntry(command);
    } catch (error) {
      return { ok: false, error: error as Error };
    }
    switch (entry.type) {
      case 'command':
        return this.#applyCommand(entry, context);
      case 'announce':
        return this.#announce(entry.member, entry.version);
      case 'activate':
        return this.#activate(entry.version, context);
    }
  }

  hash(): number {
    // Before the first command there is no state: what stands here differs with the definition.
    const state = this.#active === 0 ? 0 : this.#state.hash;
    let sum = addHash(state, entryHash(1, this.#active, undefined));
    for (const [member, version] of this.#announced) {
      sum = addHash(sum, entryHash(2, member, version));
    }
    return sum;
  }

  snapshot(): Iterator<Uint8Array, void> {
    const state = this.#active === 0 ? undefined : this.#state.freeze();
    const { parts } = this.facts();
    return snapshotChunks({ ...this.#head(), parts }, state, this.hash());
  }

  facts(): MachineFacts {
    const parts = this.#active === 0 ? [] : partsOf(this.#state.definition.state);
    return { kind: 'typed', version: this.#active, parts };
  }

  /**
   * Whether a state of those facts could be taken, before it comes.
   * @throws QuorateError `wrong-machine`, `machine-too-old`, `machine-too-new`
   */
  check(facts: MachineFacts): void {
    checkFacts(this.definition, facts);
  }

  restore(): MachineRestore {
    this.kept?.beginRestore();
    for (const table of this.#state.tables) table.reset();
    const frames = new FrameReader();
    let ended = false;
    const take = (frame: SnapshotFrame): void => {
      if (ended) throw new QuorateError('snapshot-damaged', 'something follows a snapshot');
      ended = this.#restoreFrame(frame);
    };
    return {
      chunk: (bytes) => {
        for (const frame of frames.chunk(bytes)) take(frame);
      },
      finish: () => {
        if (!ended || !frames.isWhole) {
          throw new QuorateError('snapshot-damaged', 'a snapshot ends early');
        }
        this.kept?.store.commit();
        this.history.restart(this.#lastIndex);
        this.#versionsChanged();
      },
      ...(this.kept === undefined ? {} : { drain: (done) => this.kept!.store.drain(done) }),
    };
  }

  #head(): SnapshotHead {
    const announced = new Map(this.#announced);
    return { active: this.#active, lastIndex: this.#lastIndex, announced };
  }

  /** The state that a head speaks of, still empty. */
  #open(head: SnapshotHead | undefined): MachineState {
    const { active = 0, lastIndex = 0, announced = new Map<number, number>() } = head ?? {};
    this.#active = active;
    this.#lastIndex = lastIndex;
    this.#announced = new Map(announced);
    return this.#make(knownVersion(this.definition, active === 0 ? this.definition.base : active));
  }

  /** As before the first command: the store has been emptied. */
  #empty(): void {
    this.#state = this.#open(undefined);
    this.history.restart(0);
    this.#versionsChanged();
  }

  #make(definition: DefinitionFacts, before?: MachineState): MachineState {
    const parts = { journal: this.#journal, store: this.kept?.store };
    return new MachineState(definition, parts, before);
  }

  /** Returns whether that was the end. */
  #restoreFrame(frame: SnapshotFrame): boolean {
    switch (frame.type) {
      case 'head': {
        const { active: version, parts } = frame;
        if (parts !== undefined) this.check({ kind: 'typed', version, parts });
        this.#state = this.#open(frame);
        return false;
      }
      case 'plain':
        this.#state.loadPlain(frame.name, frame.bytes);
        return false;
      case 'entries': {
        const table = this.#state.table(frame.name);
        for (const [key, value] of frame.entries) table.load(key, value);
        return false;
      }
      case 'end':
        if (frame.hash !== this.hash()) {
          throw new QuorateError('snapshot-damaged', 'a snapshot is not what its hash says');
        }
        return true;
    }
  }

  #applyCommand(entry: TypedCommand, context: CommandContext): Outcome {
    if (this.#active === 0) this.#begin(entry.needs);
    const state = this.#state;
    const command = state.definition.commands.get(entry.name);
    const refusal = this.#versionRefusal(entry, command);
    if (refusal !== undefined) return { ok: false, error: refusal };
    const scope = new CommandScope(this.#seed, context);
    this.#journal.begin();
    try {
      return this.#keep(entry.name, context, command!.run(state.forCommands, entry.input, scope));
    } catch (error) {
      return this.#undo(error);
    }
  }

  /** Why a command cannot run in the active version, if so: the same on every replica. */
  #versionRefusal(
    { name, version, needs }: TypedCommand,
    command: DefinedCommand | undefined,
  ): QuorateError | undefined {
    if (needs > this.#active) {
      const message = `the command ${name} waits for version ${needs} to become active`;
      return new QuorateError('version-not-active', message);
    }
    if (command === undefined) return unknown('command', name);
    if (command.since <= version) return undefined;
    const message = `the command ${name} of version ${version} is not that of ${this.#active}`;
    return new QuorateError('machine-too-old', message);
  }

  /** A command has run: what it changed counts. Throws where that cannot be; then {@link #undo}. */
  #keep(name: string, context: CommandContext, value: unknown): Outcome {
    if (isThenable(value)) {
      // Whatever becomes of it, it is too late.
      value.then(ignore, ignore);
      throw new Refusal('command-failed', 'a command cannot wait');
    }
    const outcome = { ok: true, value: ownValue(value) } as const;
    const plain = this.#state.keepPlain();
    const journal = this.#journal;
    if (journal.count > 0 || plain.length > 0) this.history.add(context, name, journal, plain);
    journal.end();
    this.kept?.store.commit();
    return outcome;
  }

  /** A command threw: all is as it was. */
  #undo(error: unknown): Outcome {
    this.#journal.rollBack();
    this.kept?.store.commit();
    this.#state.rollBackPlain();
    return { ok: false, error: refusalFrom(error) };
  }

  /** The first command of all: every replica begins with the version that it needs. */
  #begin(version: number): void {
    this.#state = this.#make(knownVersion(this.definition, version));
    this.#active = version;
    this.#versionsChanged();
  }

  #announce(member: number, version: number): Outcome {
    if (this.#announced.size >= announcedMax && !this.#announced.has(member)) {
      const [oldest] = this.#announced.keys();
      assert(oldest !== undefined, 'a full table has a first entry');
      this.#announced.delete(oldest);
    }
    this.#announced.set(member, version);
    this.#versionsChanged();
    return { ok: true, value: undefined };
  }

  /** Raises the active version step by step; to what was active already, nothing happens. */
  #activate(version: number, context: CommandContext): Outcome {
    if (version <= this.#active) return { ok: true, value: this.#active };
    knownVersion(this.definition, version);
    if (this.#active === 0) {
      this.#begin(version);
      return { ok: true, value: version };
    }
    const steps = this.definition.chain.filter(
      (each) => each.version > this.#active && each.version <= version,
    );
    const before = this.#state;
    this.#journal.begin();
    try {
      for (const definition of steps.toReversed()) {
        const old = this.#state;
        this.#state = this.#make(definition, old);
        definition.migrate?.(old.forCommands, this.#state.forCommands);
      }
      this.#keep('migrate', context, undefined);
    } catch (error) {
      this.#state = before;
      return this.#undo(error);
    }
    this.#active = version;
    this.kept?.drop(this.#state.droppedOf(before));
    this.#versionsChanged();
    return { ok: true, value: version };
  }

  #versionsChanged(): void {
    for (const listener of this.#versionListeners) listener();
  }
}

const ignore = (): void => {};
