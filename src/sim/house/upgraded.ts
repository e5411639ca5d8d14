/**
 * Registers in two versions, for rolling upgrades: members of the first run beside members of the
 * second, which behaves like the first until the log says that all of them can do more. The second
 * counts all changes, and begins with the sum of what there was: so a member that changed over at
 * another entry than the others is seen. Its own command, `put`, is refused by name until then.
 */
import { machine } from '../../machine/definition.ts';
import { cell, map } from '../../machine/parts.ts';
import type { Member } from '../../member/member.ts';
import type { TypedGroup } from '../../member/typed-group.ts';
import type { OpenOptions } from '../run/cluster.ts';
import { applyTo, type Change, noRegister, type Register } from './registers.ts';
import type { RegisterService } from './service.ts';

const parts = { registers: map<string, Register>(), effects: map<string, number>() };

/** What a process runs before it is upgraded. */
export const registersOne = machine({
  state: parts,
  commands: {
    change({ registers, effects }, { input, id }: Change): Register {
      const after = applyTo(registers.get(input.key) ?? noRegister, input);
      registers.set(input.key, after);
      if (id !== undefined) effects.set(id, (effects.get(id) ?? 0) + 1);
      return after;
    },
  },
  queries: {
    read: ({ registers }, key: string) => registers.get(key) ?? noRegister,
    effects: ({ effects }) => [...effects],
  },
});

/** And afterwards. */
export const registersTwo = machine({
  version: 2,
  from: registersOne,
  state: { ...parts, changes: cell(0) },
  migrate({ registers }, { changes }) {
    for (const { version } of registers.values()) changes.value += version;
  },
  commands: {
    change({ registers, effects, changes }, { input, id }: Change): Register {
      const before = registers.get(input.key) ?? noRegister;
      const after = applyTo(before, input);
      registers.set(input.key, after);
      if (id !== undefined) effects.set(id, (effects.get(id) ?? 0) + 1);
      changes.value += after.version - before.version;
      return after;
    },
    put({ registers, effects, changes }, { key, value, id }: Put): Register {
      const after = applyTo(registers.get(key) ?? noRegister, { type: 'write', key, value });
      registers.set(key, after);
      if (id !== undefined) effects.set(id, (effects.get(id) ?? 0) + 1);
      changes.value++;
      return after;
    },
  },
  queries: {
    read: ({ registers }, key: string) => registers.get(key) ?? noRegister,
    effects: ({ effects }) => [...effects],
    apart({ registers, changes }): string | undefined {
      const total = [...registers.values()].reduce((sum, { version }) => sum + version, 0);
      return total === changes.value ? undefined : `${total} changes, ${changes.value} counted`;
    },
  },
});

interface Put {
  readonly key: string;
  readonly value: number;
  readonly id?: string | undefined;
}

/** Opens the group on a member that runs one of the versions. */
export async function openVersioned(
  name: string,
  member: Member,
  { version, timeoutMs }: OpenOptions,
): Promise<RegisterService> {
  if (version === 1) {
    const {
      commands,
      queries,
      machine: own,
    } = await member.group(name, registersOne, { timeoutMs });
    return {
      change: (change, options) => commands.change(change, options),
      read: (key) => queries.read(key),
      effects: () => own.ask('effects', undefined) as (readonly [string, number])[],
      versions: () => ({ own: 1, active: own.activeVersion }),
    };
  }
  return serviceOfTwo(await member.group(name, registersTwo, { timeoutMs }));
}

function serviceOfTwo(group: TypedGroup<typeof registersTwo>): RegisterService {
  const { commands, queries, machine: own } = group;
  return {
    change(change, options) {
      const { input, id } = change;
      // Before version 2 is active this one is refused by name, and has no effect. It is not the
      // group's first command: that would make version 2 active at once, whoever cannot run it.
      const isPut = input.type === 'write' && input.value % 2 === 0 && own.activeVersion > 0;
      if (!isPut) return commands.change(change, options);
      return commands.put({ key: input.key, value: input.value, id }, options);
    },
    read: (key) => queries.read(key),
    effects: () => own.ask('effects', undefined) as (readonly [string, number])[],
    check: () =>
      own.activeVersion === 2 ? (own.ask('apart', undefined) as string | undefined) : undefined,
    versions: () => ({ own: 2, active: own.activeVersion }),
  };
}
