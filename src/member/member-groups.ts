/** The groups that are open on a member, with the stores of those that keep their state on disk. */
import { QuorateError } from '../base/errors.ts';
import type { Engine } from '../engine/engine.ts';
import type { Machine } from '../engine/machine.ts';
import { type AnyDefinition, MachineDefinition } from '../machine/definition.ts';
import type { Logger } from '../ports/logger.ts';
import type { Stores } from '../ports/store.ts';
import { Group } from './group.ts';
import { GroupStores } from './group-stores.ts';
import { type MachineOf, TypedGroup, type TypedGroupHost } from './typed-group.ts';

/** A group of the cluster, as far as a member knows. */
export interface GroupInfo {
  readonly id: number;
  readonly name: string;
  /** Whether it is open on this member. */
  readonly open: boolean;
  /** The member that leads it, as far as this one knows; 0 where it knows of none. */
  readonly leader: number;
}

/** The cluster's groups, as far as this member knows. */
export function groupInfos(engine: Engine): GroupInfo[] {
  return engine.system.state.groups.map(({ id, name }) => {
    const replica = engine.replica(id);
    return { id, name, open: replica !== undefined, leader: replica?.leader ?? 0 };
  });
}

/** Hands a machine to the engine; answered with the group's id. */
export type EnterGroup = (name: string, machine: Machine) => Promise<number>;

/** The longest name of a group. */
const nameBytesMax = 256;

export class MemberGroups {
  readonly #host: TypedGroupHost;
  readonly #logger: Logger;
  readonly #stores: GroupStores;
  readonly #groups = new Map<number, Group>();
  /** What is being removed, by the groups' ids. */
  readonly #removing = new Map<number, Promise<void>>();

  constructor(host: TypedGroupHost, stores: Stores, logger: Logger) {
    this.#host = host;
    this.#logger = logger;
    this.#stores = new GroupStores(stores);
  }

  get(id: number): Group | undefined {
    return this.#groups.get(id);
  }

  async open(name: string, stated: AnyDefinition | Machine, enter: EnterGroup): Promise<Group> {
    checkGroupName(name);
    const typed = stated instanceof MachineDefinition;
    const group = typed
      ? await this.#openTyped(name, stated, enter)
      : new Group({ id: await enter(name, stated), name, machine: stated, host: this.#host });
    this.#groups.set(group.id, group);
    return group;
  }

  /** The group is no more, and nothing of the engine touches its store. */
  deleted(id: number): void {
    const group = this.#groups.get(id);
    if (group === undefined) return;
    this.#groups.delete(id);
    group.deleted(new QuorateError('group-deleted', `${group.name} was deleted`));
    const removed = this.#stores
      .removeOpen(group.name)
      .catch((err: unknown) =>
        this.#logger.warn({ group: group.name, err }, 'removing the store of a group failed'),
      )
      .finally(() => this.#removing.delete(id));
    this.#removing.set(id, removed);
  }

  /** Settles when nothing is left here of a group that the cluster has removed. */
  async gone(id: number): Promise<void> {
    await this.#groups.get(id)?.ended;
    await this.#removing.get(id);
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.#removing.values());
    await this.#stores.closeAll();
  }

  async #openTyped(name: string, definition: AnyDefinition, enter: EnterGroup): Promise<Group> {
    const host = this.#host;
    if (!definition.onDisk) {
      const machine = definition.create({ name }) as MachineOf<AnyDefinition>;
      return new TypedGroup({ id: await enter(name, machine), name, machine, host });
    }
    for (let isFresh = false; ; isFresh = true) {
      const store = await this.#stores.open(name);
      try {
        const machine = definition.create({ name, store }) as MachineOf<AnyDefinition>;
        return new TypedGroup({ id: await enter(name, machine), name, machine, host });
      } catch (error) {
        const isLeftover = error instanceof QuorateError && error.code === 'group-deleted';
        if (isFresh || !isLeftover) {
          await this.#stores.close(name);
          throw error;
        }
        // It was deleted while this member was away, and another one has its name now.
        await this.#stores.removeOpen(name);
      }
    }
  }
}

/** @throws QuorateError `invalid-name` */
export function checkGroupName(name: string): void {
  const bytes = new TextEncoder().encode(name).length;
  const isWhole = new TextDecoder().decode(new TextEncoder().encode(name)) === name;
  if (bytes >= 1 && bytes <= nameBytesMax && isWhole && !/\p{Cc}/u.test(name)) return;
  const text = `a group's name has 1 to ${nameBytesMax} bytes of UTF-8, and no control characters`;
  throw new QuorateError('invalid-name', text, { details: { bytes } });
}
