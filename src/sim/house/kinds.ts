/**
 * The kinds of groups that the house runs, drawn from the seed: registers in memory or in a store on
 * disk; with sessions, in which a change takes effect once however often it is asked for, or without.
 */
import { SeededRandom } from '../../base/seeded-random.ts';
import { machine } from '../../machine/definition.ts';
import { map } from '../../machine/parts.ts';
import type { Group, ProposeOptions } from '../../member/group.ts';
import type { Member } from '../../member/member.ts';
import { applyTo, type Change, noRegister, type Register, Registers } from './registers.ts';

const encoder = new TextEncoder();

/** How a run's group is made. */
export interface HouseKind {
  readonly isKept: boolean;
  readonly hasSessions: boolean;
}

/** A group of registers as clients and checks see it, wherever its state is. */
export interface RegisterService {
  change(change: Change, options?: ProposeOptions): Promise<Register>;
  /** Linearizable. */
  read(key: string): Promise<Register>;
  /** How often each change that has an id took effect, in this member's own state. */
  effects(): Iterable<readonly [id: string, count: number]>;
}

const groupName = 'registers';

/** What a seed's group is like. Without a seed it is as small as can be. */
export function kindOf(seed: number | undefined): HouseKind {
  if (seed === undefined) return { isKept: false, hasSessions: false };
  const random = new SeededRandom(seed);
  // The first is what the plan of the run is drawn from.
  random.fork();
  const draws = random.fork();
  return { isKept: draws.below(2) === 0, hasSessions: draws.below(2) === 0 };
}

/** The same registers, in a store of the machine's own. */
const onDisk = machine({
  state: {
    registers: map<string, Register>({ on: 'disk' }),
    effects: map<string, number>({ on: 'disk' }),
  },
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

/** Opens the group on a member. */
export async function openRegisters(
  { isKept }: HouseKind,
  member: Member,
  options: { readonly timeoutMs: number },
): Promise<RegisterService> {
  if (!isKept) return serviceOf(await member.group(groupName, new Registers(), options));
  const { commands, queries, machine: stored } = await member.group(groupName, onDisk, options);
  return {
    change: (change, more) => commands.change(change, more),
    read: (key) => queries.read(key),
    effects: () => stored.ask('effects', undefined) as (readonly [string, number])[],
  };
}

function serviceOf(group: Group<Registers>): RegisterService {
  return {
    change: async (change, more) => (await group.propose(encode(change), more)) as Register,
    read: (key) => group.read((registers) => registers.read(key)),
    effects: () => group.machine.effects,
  };
}

function encode({ input, id }: Change): Uint8Array {
  return encoder.encode(JSON.stringify(id === undefined ? input : { ...input, id }));
}
