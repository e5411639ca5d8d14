/**
 * A machine as its application states it: what its state is made of, what commands do to it, what
 * queries read of it. All types flow from here: those of the calls on a group, on a client, in the
 * simulator.
 *
 * Versions. A definition has a version and may name the one before it (`from`), with what turns
 * that one's state into its own (`migrate`). A member of the new version carries both: it behaves
 * as the old one does until the log says that the new one is active (see `typed-machine.ts`), so
 * that all replicas change over at the same entry.
 */
import { QuorateError } from '../base/errors.ts';
import { Part } from './parts.ts';
import type {
  CommandTable,
  DefinedCommand,
  DefinitionFacts,
  QueryTable,
  SchemaTable,
  StateOf,
  StateShape,
} from './shape.ts';
import { TypedMachine, type TypedMachineOptions } from './typed-machine.ts';

/** A definition of whatever types. */
export type AnyDefinition = MachineDefinition<StateShape, CommandTable, QueryTable, SchemaTable>;

/** What {@link machine} is given. */
export interface MachineInit<
  Shape extends StateShape,
  Commands,
  Queries,
  Schemas = SchemaTable,
  Before extends StateShape = StateShape,
> {
  readonly state: Shape;
  /**
   * Schemas for the inputs of commands, by the commands' names: of valibot, zod, arktype, whatever
   * keeps to Standard Schema. An input is checked where it is proposed, before it is replicated;
   * what the schema makes of it is what the command gets, on every replica.
   */
  readonly inputs?: Schemas;
  readonly commands: Commands;
  readonly queries?: Queries & QueryTable<StateOf<Shape>>;
  /** 1 … 2^31; larger than that of `from`. Default 1. */
  readonly version?: number;
  /** The version before this one, which members that are not upgraded yet still run. */
  readonly from?: MachineDefinition<Before, CommandTable, QueryTable, SchemaTable>;
  /**
   * Makes this version's state from the one before it. Collections of the same name and kind are in
   * both, the very same ones, and need nothing done. It is deterministic like a command.
   */
  readonly migrate?: (before: StateOf<Before>, state: StateOf<Shape>) => void;
  /** Commands that take another input than in the version before, under the same name. */
  readonly changed?: readonly (keyof Commands & string)[];
  /** How many of the last commands `changes()` can still tell. Default 1000. */
  readonly changesKeptMax?: number;
}

/** Until a definition says otherwise, for `changes()`. */
export const changesKeptMaxDefault = 1000;

/** A machine's definition; {@link machine} makes it. */
export class MachineDefinition<out Shape extends StateShape, out Commands, out Queries, out Schemas>
  implements DefinitionFacts
{
  /** Only for types: what calls there are. */
  declare readonly types: {
    readonly state: Shape;
    readonly commands: Commands;
    readonly queries: Queries;
    readonly inputs: Schemas;
  };
  readonly version: number;
  /** The oldest version that this definition still knows. */
  readonly base: number;
  readonly state: Shape;
  readonly commands: DefinitionFacts['commands'];
  readonly queries: DefinitionFacts['queries'];
  readonly from: DefinitionFacts | undefined;
  readonly migrate: DefinitionFacts['migrate'];
  readonly changesKeptMax: number;
  readonly onDisk: boolean;

  /** @throws QuorateError `invalid-config` */
  constructor(init: MachineInit<Shape, Commands, Queries, Schemas>) {
    const {
      state,
      inputs = {},
      commands,
      queries = {},
      version = 1,
      from,
      migrate,
      changed = [],
    } = init;
    if (!Number.isInteger(version) || version < 1 || version > 2 ** 31) {
      throw invalid('version', 'a version is a whole number from 1');
    }
    if (from !== undefined && from.version >= version) {
      throw invalid('version', `version ${version} does not follow ${from.version}`);
    }
    this.version = version;
    this.base = from?.base ?? version;
    this.state = state;
    this.onDisk = Object.values(state).some((part) => part instanceof Part && part.on === 'disk');
    if (from !== undefined && from.onDisk !== this.onDisk) {
      throw invalid('from', 'all versions of a state live in memory, or all on disk');
    }
    this.from = from;
    this.migrate = migrate as DefinitionFacts['migrate'];
    this.changesKeptMax = init.changesKeptMax ?? changesKeptMaxDefault;
    this.queries = new Map(Object.entries(queries as Readonly<Record<string, DefinedQuery>>));
    this.commands = new Map(
      Object.entries(commands as Readonly<Record<string, DefinedCommand['run']>>).map(
        ([name, run]) => {
          const known = changed.includes(name as never) ? undefined : from?.commands.get(name);
          const schema = Object.hasOwn(inputs as SchemaTable, name)
            ? (inputs as SchemaTable)[name]
            : undefined;
          return [name, { name, since: known?.since ?? version, schema, run }];
        },
      ),
    );
    const stray = Object.keys(inputs as SchemaTable).find((name) => !this.commands.has(name));
    if (stray !== undefined) throw invalid('inputs', `there is no command ${stray}`);
  }

  /** This definition, the one before it, and so on. */
  get chain(): readonly DefinitionFacts[] {
    return [this, ...(this.from?.chain ?? [])];
  }

  /** A replica's machine: what the engine, or a simulation, drives. */
  create(options: TypedMachineOptions = {}): TypedMachine<Shape, Commands, Queries, Schemas> {
    return new TypedMachine(this, options);
  }
}

type DefinedQuery = (state: unknown, input: unknown) => unknown;

function invalid(setting: string, message: string): QuorateError {
  return new QuorateError('invalid-config', message, { details: { setting } });
}

/**
 * States a replicated machine.
 *
 * @throws QuorateError `invalid-config`
 *
 * @example
 * ```ts
 * import { machine, map } from 'quorate';
 *
 * export const counters = machine({
 *   state: { values: map<bigint, bigint>() },
 *   commands: {
 *     inc({ values }, { key, by }: { key: bigint; by: bigint }) {
 *       const next = (values.get(key) ?? 0n) + by;
 *       values.set(key, next);
 *       return next;
 *     },
 *   },
 *   queries: { get: ({ values }, key: bigint) => values.get(key) },
 * });
 * ```
 */
export function machine<
  Shape extends StateShape,
  Commands extends CommandTable<StateOf<Shape>, Schemas>,
  Queries extends QueryTable<StateOf<Shape>> = Record<never, never>,
  Schemas extends SchemaTable = Record<never, never>,
  Before extends StateShape = StateShape,
>(
  init: MachineInit<Shape, Commands, Queries, Schemas, Before>,
): MachineDefinition<Shape, Commands, Queries, Schemas> {
  return new MachineDefinition(init as unknown as MachineInit<Shape, Commands, Queries, Schemas>);
}
