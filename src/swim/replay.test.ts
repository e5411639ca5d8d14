/** What somebody recorded and plays again does no harm (reliability, gossip line 9). */
import { describe, expect, it } from 'vitest';
import { GossipWorld, type WorldMember } from '../../bench/gossip/gossip-world.ts';
import { nodeCipher } from '../../test/gossip/node-cipher.ts';
import type { GossipInput } from './api.ts';

describe('packets that are replayed', () => {
  it('kill nobody, revive nobody, and repeat no event', () => {
    const world = new GossipWorld({ seed: 4 });
    const encrypted = { keys: [new Uint8Array(16)], cipher: nodeCipher() };
    for (let index = 0; index < 8; index++) world.add(`m${index}`, encrypted);
    const recorded: { to: WorldMember; input: GossipInput }[] = [];
    const input = world.input.bind(world);
    world.input = (to, given) => {
      if (given.type === 'packet') recorded.push({ to, input: given });
      input(to, given);
    };
    world.joinAll();
    world.run(5_000);
    const [teller, , , , suspect, crashed, leaver] = world.members;
    world.command(teller!, { type: 'user-event', name: 'once', payload: new Uint8Array(1) });
    world.command(leaver!, { type: 'leave', request: 1 });
    // One is suspected and refutes; one dies.
    world.clog(suspect!);
    world.run(3_000);
    world.unclog(suspect!);
    world.crash(crashed!);
    world.run(30_000);
    const living = world.members.filter(({ core }) => core?.state === 'running');
    const views = () => living.map((member) => [...member.statuses()].sort());
    const before = views();
    const heard = living.map(({ seen }) => seen.filter(({ type }) => type === 'user-event').length);
    expect(recorded.length).toBeGreaterThan(500);
    expect(new Set(heard)).toEqual(new Set([1]));
    const failures: string[] = [];
    world.observe = (_, effect) => {
      if (effect.type === 'member') failures.push(`${effect.change} ${effect.member.name}`);
    };
    for (const { to, input: packet } of recorded.splice(0)) input(to, packet);
    world.run(30_000);
    expect(failures).toEqual([]);
    expect(views()).toEqual(before);
    expect(
      living.map(({ seen }) => seen.filter(({ type }) => type === 'user-event').length),
    ).toEqual(heard);
  });
});
