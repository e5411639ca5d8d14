/**
 * A group whose machine was stated with `machine()`: a call for each command and query, changes as
 * they happen, and the raising of the machine's version once every member knows it.
 */
import { callsFor } from '../machine/call-wire.ts';
import type { CommandCalls, QueryCalls } from '../machine/calls.ts';
import type { Changes } from '../machine/change-history.ts';
import { encodeEntry } from '../machine/command-wire.ts';
import type { AnyDefinition } from '../machine/definition.ts';
import type { TypedMachine } from '../machine/typed-machine.ts';
import type { BackupOptions } from './backups.ts';
import { Group, type GroupHost, type Leading, type ProposeOptions } from './group.ts';
import { GroupExport } from './group-export.ts';
import type { RequestOptions } from './requests.ts';

/** How a query is answered. */
export interface QueryOptions extends RequestOptions {
  /**
   * `linearizable`, the default: everything acknowledged before the call is seen. `local`: what
   * this member has applied so far, at once, without asking anybody.
   */
  readonly consistency?: 'linearizable' | 'local';
}

/** From where, and how long, changes are told. */
export interface ChangesOptions {
  /** Those behind this index; by default those from now on. */
  readonly after?: number;
  /** Ends the telling, without an error. */
  readonly signal?: AbortSignal;
}

/** What a job runs with while this member leads a typed group. */
export interface TypedLeading<Definition extends AnyDefinition> extends Leading {
  /** As the group's, each fenced by the term. */
  readonly commands: CommandCalls<Definition, ProposeOptions>;
}

/** What a typed group needs of its member, beside what every group needs. */
export interface TypedGroupHost extends GroupHost {
  readonly id: number;
  onMembership(listener: () => void): () => void;
}

/** The machine that a definition makes. */
export type MachineOf<Definition extends AnyDefinition> = TypedMachine<
  Definition['types']['state'],
  Definition['types']['commands'],
  Definition['types']['queries'],
  Definition['types']['inputs']
>;

/** This member's part in a group of a typed machine. Made by `Member.group`. */
export class TypedGroup<Definition extends AnyDefinition> extends Group<MachineOf<Definition>> {
  /** A call for each command: any member may be asked; answered once it has taken effect. */
  readonly commands: CommandCalls<Definition, ProposeOptions>;
  /** A call for each query: linearizable from any member, unless said otherwise. */
  readonly queries: QueryCalls<Definition, QueryOptions>;
  readonly #typedHost: TypedGroupHost;
  #ended = false;
  #announcing = false;
  #raising = false;

  constructor(init: {
    readonly id: number;
    readonly name: string;
    readonly machine: MachineOf<Definition>;
    readonly host: TypedGroupHost;
  }) {
    super(init);
    this.#typedHost = init.host;
    const { definition } = init.machine;
    this.commands = callsFor(definition.commands.keys(), (name, input, options) =>
      this.#command(name, input, options as ProposeOptions | undefined),
    ) as CommandCalls<Definition, ProposeOptions>;
    this.queries = callsFor(definition.queries.keys(), (name, input, options) =>
      this.#query(name, input, options as QueryOptions | undefined),
    ) as QueryCalls<Definition, QueryOptions>;
    const watch = (): void => this.#watchVersions();
    init.machine.onVersion(watch);
    const stopWatching = init.host.onMembership(watch);
    this.onLeadership(watch);
    void this.ended.then(() => {
      this.#ended = true;
      stopWatching();
    });
  }

  /**
   * What commands change, as this member applies them: in order, each once. Who was interrupted
   * goes on behind the last index that it has seen; the machine keeps `changesKeptMax` commands.
   * It ends when the member does, or the group is deleted.
   * @throws QuorateError `changes-compacted`: read the state, and go on from there
   */
  async *changes(options: ChangesOptions = {}): AsyncGenerator<Changes, void> {
    const { history } = this.machine;
    const { signal } = options;
    let after = options.after ?? this.machine.lastIndex;
    let wake = (): void => {};
    const stopListening = history.onChange(() => wake());
    const onAbort = (): void => wake();
    signal?.addEventListener('abort', onAbort);
    try {
      while (signal?.aborted !== true && !this.#ended) {
        const next = history.after(after);
        if (next !== undefined) {
          after = next.index;
          yield next;
          continue;
        }
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        await Promise.race([woken, this.ended]);
      }
    } finally {
      stopListening();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /**
   * The state as it is at one applied index, as lines of JSON for other programs; docs/backup.md has
   * their form. Commands go on meanwhile.
   * @returns once the state is held; `index` tells where
   * @throws QuorateError as {@link Group.backup}
   */
  async export(options: BackupOptions = {}): Promise<GroupExport> {
    const { backups } = this.#typedHost;
    return new GroupExport(backups, await backups.walk(this.taking(options)));
  }

  /** As {@link Group.lead}; the job's own `commands` are fenced by the term. */
  override lead<Value>(
    job: (leading: TypedLeading<Definition>) => Value | Promise<Value>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Value> {
    const { definition } = this.machine;
    const run = (requiredTerm: number, signal: AbortSignal): Value | Promise<Value> => {
      const commands = callsFor(definition.commands.keys(), (name, input, more) =>
        this.#command(name, input, { ...(more as ProposeOptions | undefined), requiredTerm }),
      ) as CommandCalls<Definition, ProposeOptions>;
      const propose: Leading['propose'] = (command, more) =>
        this.propose(command, { ...more, requiredTerm });
      return job({ signal, term: requiredTerm, propose, commands });
    };
    return this.runLeading(run, options.signal);
  }

  /** Not `async`, which would cost promises of its own for each command. */
  #command(name: string, input: unknown, options: ProposeOptions = {}): Promise<unknown> {
    try {
      const encoded = this.machine.encode(name, input);
      return encoded instanceof Uint8Array
        ? this.propose(encoded, options)
        : encoded.then((bytes) => this.propose(bytes, options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #query(name: string, input: unknown, options: QueryOptions = {}): Promise<unknown> {
    if (options.consistency === 'local') this.status();
    else await this.readIndex(options);
    for (let whole = this.whole(options); whole !== undefined; whole = this.whole(options)) {
      await whole;
    }
    return this.machine.ask(name, input);
  }

  /** Looks whether this member has to say what it can run, and the leader whether all can do more. */
  #watchVersions(): void {
    const { machine, id } = this;
    // A deleted group is told of its end only after its engine has let go of it.
    if (this.#ended || this.#typedHost.engine.replica(id) === undefined) return;
    const { version } = machine.definition;
    const { activeVersion: active } = machine;
    // A first version with nothing before it and nothing said of it needs no words.
    const said = machine.announced(this.#typedHost.id) ?? (active === 0 ? version : active);
    if (said !== version && !this.#announcing) {
      this.#announcing = true;
      const entry = encodeEntry({ type: 'announce', member: this.#typedHost.id, version });
      this.propose(entry, { timeoutMs: Number.MAX_SAFE_INTEGER })
        .catch(() => {})
        .finally(() => {
          this.#announcing = false;
        });
    }
    const common = this.#versionOfAll();
    if (active === 0 || common <= active || this.#raising || !this.leadership.isLeader) return;
    this.#raising = true;
    this.propose(encodeEntry({ type: 'activate', version: common }))
      .catch(() => {})
      .finally(() => {
        this.#raising = false;
      });
  }

  /** The latest version that every member of the group has said it can run. */
  #versionOfAll(): number {
    const { configuration } = this.status();
    const members = [
      ...configuration.voters,
      ...configuration.votersOutgoing,
      ...configuration.learners,
      ...configuration.learnersNext,
    ];
    const versions = members.map((id) => this.machine.announced(id) ?? 0);
    return Math.min(...versions);
  }
}
