/**
 * What we do better than memberlist and Serf without changing the wire: each test names the fault
 * of the original that its users suffer from.
 */
import { describe, expect, it } from 'vitest';
import { GossipWorld, type WorldMember } from '../../bench/gossip/gossip-world.ts';
import { QuorateError } from '../base/errors.ts';
import type { GossipEffect } from './api.ts';
import { lanSettings, localSettings, wanSettings } from './presets.ts';
import { faultsOfSettings, type GossipSettings, validateSettings } from './settings.ts';
import { encodeAlive, encodePushPull, encodeSuspect, encodeUser } from './wire/messages.ts';
import { encodeLeave, encodeUserEvent } from './wire/serf-messages.ts';

const noBytes = new Uint8Array(0);
const versions = Uint8Array.of(1, 5, 2, 2, 5, 5);
const quiet = { ...lanSettings, compression: false, coordinates: false };

function cluster(size: number, settings: GossipSettings = quiet, seed = 1): GossipWorld {
  const world = new GossipWorld({ seed, settings });
  for (let index = 0; index < size; index++) world.add(`m${index}`);
  world.joinAll();
  expect(world.runUntil(() => world.agree(), 10_000)).toBe(true);
  return world;
}

const counter = (member: WorldMember, name: string): number =>
  member.core!.statistics().counters.get(name) ?? 0;
const score = (member: WorldMember): number => member.core!.statistics().healthScore;

/** Gives bytes to a member as a packet of a stranger, and returns what it does at once. */
function effectsOf(world: GossipWorld, member: WorldMember, bytes: Uint8Array): GossipEffect[] {
  const effects: GossipEffect[] = [];
  world.observe = (_, effect) => effects.push(effect);
  world.input(member, { type: 'packet', from: { host: '192.0.2.1', port: 7946 }, bytes });
  world.observe = undefined;
  return effects;
}

describe('early nack', () => {
  const afterCrash = (earlyNack: boolean): GossipWorld => {
    const lifeguard = { ...lanSettings.lifeguard, earlyNack, patience: false };
    const world = cluster(8, { ...quiet, lifeguard }, 3);
    world.crash(world.members[7]!);
    world.run(7_000);
    return world;
  };

  it('keeps members healthy whose helpers do answer', () => {
    // Memberlist's nack leaves when the prober's time is over: healthy members believe that they
    // hear nobody, and wait up to eight times as long before they notice anything.
    expect(
      afterCrash(false)
        .members.slice(0, 7)
        .some((member) => score(member) >= 2),
    ).toBe(true);
    for (const member of afterCrash(true).members.slice(0, 7)) expect(score(member)).toBe(0);
  });

  it('grants peers of other make, whose nack is late, the time that it needs', () => {
    const world = cluster(8, quiet, 3);
    for (const member of world.members.slice(1, 7)) {
      world.crash(member);
      const lifeguard = { ...lanSettings.lifeguard, earlyNack: false };
      world.start(member, { settings: { ...quiet, lifeguard }, incarnation: 10 });
      world.join(member, world.members[0]!);
    }
    world.run(5_000);
    world.crash(world.members[7]!);
    world.run(10_000);
    expect(counter(world.members[0]!, 'probes-failed')).toBeGreaterThan(0);
    expect(score(world.members[0]!)).toBe(0);
  });
});

describe('two members', () => {
  it('probe each other in every interval', () => {
    const world = cluster(2);
    const before = counter(world.members[0]!, 'probes');
    world.run(20_000);
    // Memberlist loses a tick whenever its list comes round: 10 probes, not 20.
    expect(counter(world.members[0]!, 'probes') - before).toBeGreaterThanOrEqual(19);
  });

  it('find each other dead in the shortest time', () => {
    const world = cluster(2);
    world.crash(world.members[1]!);
    const gone = () => world.members[0]!.statuses().get('m1') === 'failed';
    expect(world.runUntil(gone, 7_000)).toBe(true);
  });
});

describe('incarnations', () => {
  it('of a restarted member need not be remembered by it (memberlist #311)', () => {
    const world = cluster(5);
    const restarted = world.members[4]!;
    // In its first life it refuted a lot.
    for (let time = 0; time < 30; time++) {
      const tags = new Map([['time', String(time)]]);
      world.command(restarted, { type: 'set-tags', tags });
    }
    world.run(2_000);
    world.crash(restarted);
    world.run(20_000);
    expect(world.members[0]!.statuses().get('m4')).toBe('failed');
    world.start(restarted);
    // It joins nobody: only its own announcement, at incarnation 1, reaches one member. Memberlist
    // ignores that as old news, and the member stays dead to all.
    const alive = {
      incarnation: 1,
      node: 'm4',
      address: restarted.address,
      meta: noBytes,
      versions,
    };
    world.input(world.members[0]!, {
      type: 'packet',
      from: restarted.address,
      bytes: encodeAlive(alive),
    });
    world.input(restarted, {
      type: 'packet',
      from: world.members[0]!.address,
      bytes: encodeAlive({ ...alive, node: 'm0', address: world.members[0]!.address }),
    });
    const back = () => world.members.slice(0, 4).every((m) => m.statuses().get('m4') === 'alive');
    expect(world.runUntil(back, 3_000)).toBe(true);
  });

  it('at their end are not followed into overflow', () => {
    const world = cluster(2);
    const [member] = world.members;
    const accusation = { incarnation: 0xffff_ffff, node: 'm0', from: 'm1' };
    effectsOf(world, member!, encodeSuspect(accusation));
    expect(member!.core!.incarnation).toBe(1);
    expect(counter(member!, 'incarnation-exhausted')).toBe(1);
  });
});

describe('an incompatible cluster', () => {
  it('is refused loudly on both sides', () => {
    const world = cluster(2);
    const [member] = world.members;
    const future = Uint8Array.of(6, 9, 7, 2, 5, 5);
    const node = { name: 'new', address: { host: '10.9.9.9', port: 7946 }, meta: noBytes };
    const nodes = [{ ...node, incarnation: 1, state: 'alive' as const, versions: future }];
    const bytes = encodePushPull({ join: true, nodes, userState: noBytes });
    const effects: GossipEffect[] = [];
    world.observe = (_, effect) => effects.push(effect);
    world.input(member!, { type: 'stream-accepted', stream: 1_001, from: node.address });
    world.input(member!, { type: 'stream-data', stream: 1_001, bytes });
    // Memberlist answers such a join as any other, drops it, and tells nobody.
    const written = effects.find((effect) => effect.type === 'write-stream');
    expect(written?.bytes[0]).toBe(13);
    expect(Buffer.from(written!.bytes).toString('latin1')).toContain('incompatible');
    expect(effects.some((effect) => effect.type === 'log' && effect.level === 'error')).toBe(true);
    expect(member!.core!.member('new')).toBeUndefined();
  });

  it('makes a join fail with its reason', () => {
    const world = cluster(1);
    const [member] = world.members;
    world.command(member!, {
      type: 'join',
      request: 9,
      addresses: [{ host: '10.9.9.9', port: 7946 }],
    });
    const stream = 2;
    const node = { name: 'new', address: { host: '10.9.9.9', port: 7946 }, meta: noBytes };
    const nodes = [
      {
        ...node,
        incarnation: 1,
        state: 'alive' as const,
        versions: Uint8Array.of(6, 9, 7, 2, 5, 5),
      },
    ];
    const bytes = encodePushPull({ join: true, nodes, userState: noBytes });
    world.input(member!, { type: 'stream-data', stream, bytes });
    const done = member!.seen.find((effect) => effect.type === 'done');
    expect(done?.outcome).toMatchObject({ type: 'join', joined: 0 });
    expect(JSON.stringify(done?.outcome)).toContain('incompatible');
  });
});

describe('labels', () => {
  it('keep clusters apart that share addresses (consul #260)', () => {
    const world = new GossipWorld({ seed: 1, settings: { ...quiet, label: 'red' } });
    const [red, blue] = [
      world.add('red'),
      world.add('blue', { settings: { ...quiet, label: 'blue' } }),
    ];
    world.join(red, blue);
    world.join(blue, red);
    world.run(15_000);
    expect([...red.statuses().keys()]).toEqual(['red']);
    expect([...blue.statuses().keys()]).toEqual(['blue']);
    const done = red.seen.find((effect) => effect.type === 'done');
    expect(done?.outcome).toMatchObject({ joined: 0 });
  });
});

describe('limits on events', () => {
  const event = (name: string, lamportTime: number, bytes = 100) =>
    encodeUser(
      encodeUserEvent({
        lamportTime,
        name,
        payload: new Uint8Array(bytes).fill(lamportTime),
        coalesce: false,
      }),
    );

  it('keep one loud name from pushing out all others', () => {
    const world = cluster(3, { ...quiet, broadcastsMax: 300, userEventsPerNameMax: 100 });
    const [member] = world.members;
    world.pause(world.members[1]!);
    world.pause(world.members[2]!);
    effectsOf(world, member!, event('quiet', 1));
    // Serf has one queue for all names; its oldest events fall out unsent.
    for (let time = 2; time < 500; time++) effectsOf(world, member!, event('loud', time));
    expect(member!.core!.statistics().eventQueue).toBeLessThanOrEqual(101);
    expect(counter(member!, 'events-group-full')).toBeGreaterThan(300);
    world.resume(world.members[1]!);
    const heard = () =>
      world.members[1]!.seen.some(
        (effect) => effect.type === 'user-event' && effect.name === 'quiet',
      );
    expect(world.runUntil(heard, 10_000)).toBe(true);
  });

  it('refuse a teller that is too loud, rather than lose what it said before', () => {
    const world = cluster(1, { ...quiet, userEventsPerNameMax: 5 });
    const tell = (index: number) =>
      world.command(world.members[0]!, {
        type: 'user-event',
        name: 'loud',
        payload: Uint8Array.of(index),
      });
    for (let index = 0; index < 5; index++) tell(index);
    expect(() => tell(5)).toThrow(QuorateError);
  });

  it('drop what fits into no packet, which would wait for ever (consul #7960)', () => {
    const world = cluster(2);
    effectsOf(world, world.members[0]!, event('huge', 1, 2_000));
    expect(counter(world.members[0]!, 'events-too-large')).toBe(1);
    expect(world.members[0]!.core!.statistics().eventQueue).toBe(0);
    expect(world.members[0]!.seen.filter((effect) => effect.type === 'user-event')).toHaveLength(1);
  });
});

describe('settings', () => {
  it('of the presets are sound', () => {
    for (const settings of [lanSettings, wanSettings, localSettings]) {
      expect(faultsOfSettings(settings)).toEqual([]);
      expect(settings.probeIntervalMs).toBeGreaterThan(settings.probeTimeoutMs * 1.6);
    }
  });

  it.each([
    [{ probeTimeoutMs: 2_000 }, 'probeTimeoutMs'],
    [{ probeTimeoutMs: Number.NaN }, 'probeTimeoutMs'],
    [{ gossipNodes: 0 }, 'gossipNodes'],
    [{ gossipNodes: 2.5 }, 'whole'],
    [{ label: 'x'.repeat(256) }, 'label'],
    [{ queryBytesMax: 1_400 }, 'queryBytesMax'],
    [{ deadRetentionMs: 1 }, 'deadRetentionMs'],
    [{ coalesceQuietMs: 5 }, 'coalesceQuietMs'],
  ])('%j are refused (memberlist #149)', (change, part) => {
    expect(() => validateSettings({ ...lanSettings, ...change })).toThrow(part);
  });
});

describe('intents', () => {
  const leave = (node: string, lamportTime: number, prune = false) =>
    encodeUser(encodeLeave({ lamportTime, node, prune }));

  it('about the unknown are bounded, and gossiped once (consul #7960, #8179)', () => {
    const world = cluster(2, { ...quiet, recentIntentsMax: 50, broadcastsMax: 200 });
    const [member] = world.members;
    for (let index = 0; index < 1_000; index++)
      effectsOf(world, member!, leave(`ghost${index}`, 5));
    expect(member!.core!.statistics().intentQueue).toBeLessThanOrEqual(200);
    world.run(10_000);
    expect(member!.core!.statistics().intentQueue).toBe(0);
    effectsOf(world, member!, leave('ghost999', 5));
    expect(member!.core!.statistics().intentQueue).toBe(0);
  });

  it('about a member that has left are remembered, not told for ever (consul #8179)', () => {
    const world = cluster(3);
    world.command(world.members[2]!, { type: 'leave', request: 1 });
    world.run(15_000);
    const [member] = world.members;
    effectsOf(world, member!, leave('m2', 50));
    expect(member!.core!.statistics().intentQueue).toBe(1);
    world.run(10_000);
    effectsOf(world, member!, leave('m2', 50));
    expect(member!.core!.statistics().intentQueue).toBe(0);
  });

  it('forced upon a live member end, even if it cannot refute (serf #359)', () => {
    const world = cluster(3);
    const [a, b, c] = world.members;
    // c never hears of it: it reaches b alone, and b's gossip of it is lost.
    world.loss = 1;
    effectsOf(world, b!, leave('m2', 50));
    expect(b!.statuses().get('m2')).toBe('leaving');
    world.loss = 0;
    world.run(60_000);
    for (const member of [a!, b!, c!]) expect(member.statuses().get('m2')).toBe('alive');
  });

  it('forced upon a live member at the time of its own last join are refuted by it', () => {
    const world = cluster(2);
    const [, member] = world.members;
    const lamportTime = member!.core!.lamportTimes.member - 1;
    effectsOf(world, member!, leave('m1', lamportTime));
    expect(counter(member!, 'leave-refuted')).toBe(1);
    effectsOf(world, member!, leave('m1', lamportTime));
    expect(counter(member!, 'leave-refuted')).toBe(1);
  });

  it('forced upon a live member are refuted by it', () => {
    const world = cluster(3);
    world.command(world.members[0]!, { type: 'force-leave', request: 1, name: 'm2' });
    expect(world.members[0]!.statuses().get('m2')).toBe('leaving');
    expect(world.runUntil(() => world.agree(), 3_000)).toBe(true);
  });
});

describe('the dead', () => {
  it('that were pruned do not come back by a stale push/pull (consul #9962, memberlist #312)', () => {
    const world = cluster(5);
    const [a, , , stale, dead] = world.members;
    // One member is cut off, and remembers the dead one as alive.
    world.partition([stale!]);
    world.crash(dead!);
    world.run(15_000);
    world.command(a!, { type: 'force-leave', request: 1, name: 'm4', prune: true });
    // Memberlist forgets the dead after 30 s, so that any stale record revives them.
    world.run(60_000);
    expect(a!.core!.member('m4')).toBeUndefined();
    const told: string[] = [];
    world.observe = (member, effect) => {
      if (effect.type === 'member' && effect.change === 'join' && effect.member.name === 'm4') {
        told.push(member.name);
      }
    };
    const node = { name: 'm4', address: dead!.address, meta: noBytes, incarnation: 1, versions };
    const nodes = [{ ...node, state: 'alive' as const }];
    const bytes = encodePushPull({ join: false, nodes, userState: noBytes });
    world.input(a!, { type: 'stream-accepted', stream: 1_001, from: stale!.address });
    world.input(a!, { type: 'stream-data', stream: 1_001, bytes });
    world.heal();
    world.run(60_000);
    expect(told).toEqual([]);
    expect(a!.core!.member('m4')).toBeUndefined();
  });

  it('give their name to a new address after a while (memberlist #157)', () => {
    const world = cluster(4);
    world.crash(world.members[3]!);
    world.run(50_000);
    const replaced = world.add('m3', { address: { host: '10.8.8.8', port: 7946 } });
    world.join(replaced, world.members[0]!);
    const back = () => {
      const seen = world.members[0]!.core!.member('m3');
      return seen?.status === 'alive' && seen.address.host === '10.8.8.8';
    };
    expect(world.runUntil(back, 5_000)).toBe(true);
  });
});
