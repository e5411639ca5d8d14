/** What a whole cluster does, in the world in memory. */
import { describe, expect, it } from 'vitest';
import { GossipWorld, type WorldMember } from '../../bench/gossip/gossip-world.ts';

const cluster = (size: number, seed: number, loss = 0): GossipWorld => {
  const world = new GossipWorld({ seed, loss });
  for (let index = 0; index < size; index++) world.add(`m${index}`);
  world.joinAll();
  return world;
};

describe('a cluster', () => {
  it.each([1, 2, 3])('of 50 that join at once converges within seconds (seed %d)', (seed) => {
    const world = cluster(50, seed);
    expect(world.runUntil(() => world.agree(), 5_000)).toBe(true);
  });

  it('sees a crash as failed and a leave as left, everywhere', () => {
    const world = cluster(10, 2);
    expect(world.runUntil(() => world.agree(), 5_000)).toBe(true);
    const [, crashed, leaving] = world.members;
    world.crash(crashed!);
    world.command(leaving!, { type: 'leave', request: 1 });
    world.run(20_000);
    expect(leaving!.core!.state).toBe('left');
    expect(leaving!.seen.at(-1)).toMatchObject({ type: 'done', outcome: { clean: true } });
    for (const member of world.members.slice(3)) {
      const statuses = member.statuses();
      expect(statuses.get('m1')).toBe('failed');
      expect(statuses.get('m2')).toBe('left');
    }
  });

  it('is the same again from the same seed', () => {
    const history = (seed: number) => {
      const world = cluster(12, seed, 0.1);
      const lines: string[] = [];
      world.observe = (member, effect) =>
        lines.push(`${world.nowMs} ${member.name} ${JSON.stringify(effect)}`);
      world.run(10_000);
      return lines.join('\n');
    };
    expect(history(5)).toBe(history(5));
    expect(history(5)).not.toBe(history(6));
  });
});

/** Loss, pauses, partitions, crashes and restarts, drawn from the seed. */
function torment(world: GossipWorld, durationMs: number): void {
  const { random, members } = world;
  const anyone = (): WorldMember => members[random.below(members.length)]!;
  const endMs = world.nowMs + durationMs;
  while (world.nowMs < endMs) {
    const member = anyone();
    switch (random.below(6)) {
      case 0:
        world.loss = random.fraction() * 0.3;
        break;
      case 1:
        if (member.core !== undefined) world.crash(member);
        break;
      case 2:
        if (member.core === undefined) {
          // Some remember their incarnation's clock, some start from 1 again.
          const incarnation = random.below(2) === 0 ? 1 : Math.floor(world.nowMs) + 1_000;
          world.start(member, { incarnation });
          world.join(member, anyone(), anyone());
        }
        break;
      case 3:
        world.partition(members.filter(() => random.below(3) === 0));
        break;
      case 4:
        world.heal();
        break;
      case 5:
        world.pause(member);
        world.at(world.nowMs + random.below(15_000), () => world.resume(member));
        break;
    }
    world.run(random.below(4_000));
  }
}

describe('50 members under loss, partitions, pauses and restarts', () => {
  it.each([1, 2])('end with nobody who is there counted dead (seed %d)', (seed) => {
    const world = cluster(50, seed, 0.05);
    world.keepSeen = false;
    world.run(5_000);
    torment(world, 90_000);
    world.heal();
    world.loss = 0;
    for (const member of world.members) {
      world.resume(member);
      if (member.core !== undefined) continue;
      world.start(member);
      world.join(
        member,
        world.members.find(({ core }) => core !== undefined && core !== member.core)!,
      );
    }
    expect(world.runUntil(() => world.agree(), 300_000)).toBe(true);
  });
});
