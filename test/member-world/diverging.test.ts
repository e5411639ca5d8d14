/** A machine that is not deterministic on one member: found, named, and kept from doing harm. */
import { describe, expect, it } from 'vitest';
import type { QuorateError } from '../../src/base/errors.ts';
import type { CommandContext, Outcome } from '../../src/engine/machine.ts';
import type { Group } from '../../src/member/group.ts';
import type { Member } from '../../src/member/member.ts';
import { openMemberOn } from '../../src/member/open-member.ts';
import { World } from '../../src/sim/world.ts';
import { encodeWrite, Registers } from './registers.ts';

const names = ['a', 'b', 'c'];
const peers = names.map((name) => ({ name, address: `${name}:7000` }));

/** From some index on it loses every third command. */
class Forgetful extends Registers {
  from = Number.POSITIVE_INFINITY;

  override apply(command: Uint8Array, context: CommandContext): Outcome {
    if (context.index >= this.from && context.index % 3 === 0) return { ok: true, value: 0 };
    return super.apply(command, context);
  }
}

interface Life {
  readonly member: Member;
  readonly group: Group<Forgetful>;
}

/** Three members that compare often, and what they have said as errors. */
async function cluster(seed: number): Promise<{
  world: World;
  lives: Map<string, Life>;
  said: string[];
}> {
  const world = new World({ seed, trap: true });
  const lives = new Map<string, Life>();
  const said: string[] = [];
  for (const name of names) {
    world.node(name).run((ports) => {
      const quiet = () => {};
      const error = (_: unknown, message?: string): void => void said.push(`${name}: ${message}`);
      const logger = { debug: quiet, info: quiet, warn: quiet, error, child: () => logger };
      const options = { name, dataDir: '', peers, clusterToken: 't', logger };
      const tuning = { engine: { hashCheckEntries: 20, hashCheckMs: 1000 } };
      void openMemberOn(ports, options, tuning).then(async (member) => {
        const group = await member.group('registers', new Forgetful(() => {}));
        lives.set(name, { member, group });
      });
    });
  }
  await world.settleUntil(
    () => [...lives.values()].some(({ group }) => group.leadership.isLeader) && lives.size === 3,
    { limitMs: 60_000 },
  );
  return { world, lives, said };
}

/** Writes by every member until `done`; what was refused, by name and code. */
async function write(
  world: World,
  lives: ReadonlyMap<string, Life>,
  done: () => boolean,
): Promise<Set<string>> {
  const refused = new Set<string>();
  let next = 0;
  while (!done()) {
    expect(++next).toBeLessThan(2000);
    const all = [...lives].map(async ([name, { group }]) => {
      try {
        await group.propose(encodeWrite({ key: 'k', value: `v${next}` }));
      } catch (error) {
        refused.add(`${name}: ${(error as QuorateError).code}`);
      }
    });
    let over = false;
    void Promise.all(all).then(() => {
      over = true;
    });
    await world.settleUntil(() => over, { limitMs: 60_000 });
  }
  return refused;
}

describe('a replica whose machine goes its own way', () => {
  it.each(['leader', 'follower'])('the %s: is quarantined, and the others go on', async (role) => {
    const { world, lives, said } = await cluster(701);
    const leader = names.find((name) => lives.get(name)!.group.leadership.isLeader)!;
    const victim = role === 'leader' ? leader : names.find((name) => name !== leader)!;
    const { group } = lives.get(victim)!;
    group.machine.from = group.status().applied + 30;
    const refused = await write(world, lives, () => said.length > 0);
    expect([...refused].filter((each) => !each.startsWith(victim))).toEqual([]);
    expect(said).toEqual([`${victim}: this replica is not what the others are: it is quarantined`]);
    let rounds = 0;
    const after = await write(world, lives, () => ++rounds > 40);
    expect([...after]).toEqual([`${victim}: replica-diverged`]);
    expect(said).toHaveLength(1);
    expect(group.leadership.isLeader).toBe(false);
    await expect(group.read((machine) => machine.read('k'))).rejects.toMatchObject({
      code: 'replica-diverged',
    });
    // It never leads again, and still its vote is there for another.
    const others = names.filter((name) => name !== victim);
    const gone = others.find((name) => lives.get(name)!.group.leadership.isLeader)!;
    world.node(gone).crash();
    const left = others.find((name) => name !== gone)!;
    await world.settleUntil(() => lives.get(left)!.group.leadership.isLeader, { limitMs: 60_000 });
  });

  it('nobody is, where all are alike; and an idle group is not checked', async () => {
    const { world, lives, said } = await cluster(702);
    let rounds = 0;
    expect((await write(world, lives, () => ++rounds > 100)).size).toBe(0);
    expect(said).toEqual([]);
    const { group } = lives.get('a')!;
    const pass = async (): Promise<void> => {
      let over = false;
      world.after(5000, 'idle', () => {
        over = true;
      });
      await world.settleUntil(() => over, { limitMs: 60_000 });
    };
    await pass();
    const { lastIndex } = group.status();
    await pass();
    await pass();
    expect(group.status().lastIndex).toBe(lastIndex);
  });
});
