/**
 * What we do better than memberlist and Serf, second part: members that do not hear, and strangers
 * that mean no good.
 */
import { describe, expect, it } from 'vitest';
import { GossipWorld, type WorldMember } from '../../bench/gossip/gossip-world.ts';
import type { GossipEffect } from './api.ts';
import { lanSettings } from './presets.ts';
import type { GossipSettings } from './settings.ts';
import { decodePacketMessage } from './wire/decode-messages.ts';
import {
  encodeDead,
  encodeIndirectPing,
  encodePing,
  encodeSuspect,
  encodeUser,
} from './wire/messages.ts';
import { encodeQuery } from './wire/serf-messages.ts';

const noBytes = new Uint8Array(0);
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

/** Gives bytes to a member as a packet of a stranger, and returns what it does at once. */
function effectsOf(world: GossipWorld, member: WorldMember, bytes: Uint8Array): GossipEffect[] {
  const effects: GossipEffect[] = [];
  world.observe = (_, effect) => effects.push(effect);
  world.input(member, { type: 'packet', from: { host: '192.0.2.1', port: 7946 }, bytes });
  world.observe = undefined;
  return effects;
}

describe('one who does not hear', () => {
  const declaredDead = (secondOpinion: boolean): number => {
    const lifeguard = { ...lanSettings.lifeguard, secondOpinion };
    const world = cluster(10, { ...quiet, lifeguard });
    let declared = 0;
    world.observe = (_, effect) => {
      if (effect.type === 'member' && effect.change === 'failed') declared++;
    };
    const from = world.members[9]!.address;
    const accused = { incarnation: 1, node: 'm5', from: 'm9' };
    for (const member of world.members.slice(0, 5)) {
      world.input(member, { type: 'packet', from, bytes: encodeDead(accused) });
    }
    world.run(30_000);
    expect(world.members[0]!.statuses().get('m5')).toBe('alive');
    return declared;
  };

  it('does not have everybody believe what it alone believes', () => {
    // In SWIM all take its word at once; the accused refutes, but everybody has seen a failure.
    expect(declaredDead(false)).toBeGreaterThan(4);
    expect(declaredDead(true)).toBe(0);
  });

  const deadToTheDeaf = (patience: boolean): number => {
    const lifeguard = { ...lanSettings.lifeguard, patience };
    const world = cluster(10, { ...quiet, lifeguard });
    const deaf = world.members[3]!;
    world.clog(deaf);
    world.run(45_000);
    world.unclog(deaf);
    world.run(2_000);
    return deaf.seen.filter((effect) => effect.type === 'member' && effect.change === 'failed')
      .length;
  };

  it('waits with its verdicts', () => {
    expect(deadToTheDeaf(false)).toBeGreaterThan(0);
    expect(deadToTheDeaf(true)).toBe(0);
  });
});

describe('a refutation that gossip did not bring', () => {
  const declaredDead = (lastCall: boolean): boolean => {
    const lifeguard = { ...lanSettings.lifeguard, lastCall };
    const world = cluster(10, { ...quiet, lifeguard });
    const [observer] = world.members;
    const accused = world.members[5]!;
    world.run(5_000);
    // While the observer is cut off, the accused raises its incarnation, and gossip tells it all.
    world.partition([observer!]);
    for (const tag of ['1', '2']) {
      world.command(accused, { type: 'set-tags', tags: new Map([['tag', tag]]) });
    }
    world.run(1_500);
    world.heal();
    for (const from of ['m7', 'm8', 'm9']) {
      const bytes = encodeSuspect({ incarnation: 1, node: 'm5', from });
      const address = world.member(from).address;
      world.input(observer!, { type: 'packet', from: address, bytes });
    }
    world.run(4_500);
    return observer!.seen.some((effect) => effect.type === 'member' && effect.change === 'failed');
  };

  it('is asked for before it is too late', () => {
    expect(declaredDead(false)).toBe(true);
    expect(declaredDead(true)).toBe(false);
  });
});

describe('strangers', () => {
  const victim = { host: '192.0.2.99', port: 9 };
  const source = { address: victim, name: 'victim' };
  const packetsOf = (effects: readonly GossipEffect[]) =>
    effects.filter((effect) => effect.type === 'send-packet');

  it('cannot aim our answers at others', () => {
    const world = cluster(3);
    const [member] = world.members;
    const ping = encodePing({ sequence: 7, node: 'm0', source });
    const [answer] = packetsOf(effectsOf(world, member!, ping));
    // Memberlist sends it to the address that the ping claims.
    expect(answer?.to.host).toBe('192.0.2.1');
    const target = { host: '192.0.2.98', port: 9 };
    const request = { sequence: 7, target, node: 'x', nack: false, source };
    const [relayed] = packetsOf(effectsOf(world, member!, encodeIndirectPing(request)));
    expect(relayed!.bytes.length).toBeLessThanOrEqual(encodeIndirectPing(request).length);
  });

  it('get no more bytes than they sent', () => {
    const settings = { ...lanSettings, coordinates: true };
    const world = cluster(3, settings);
    const [member] = world.members;
    // There is news that could ride along.
    for (let index = 0; index < 5; index++) {
      const payload = new Uint8Array(200).fill(index);
      world.command(member!, { type: 'user-event', name: 'news', payload });
    }
    const ping = encodePing({ sequence: 7, node: 'm0' });
    const sent = packetsOf(effectsOf(world, member!, ping));
    const answer = sent.find(({ to }) => to.host === '192.0.2.1');
    expect(decodePacketMessage(answer!.bytes)).toMatchObject({ type: 'ack', payload: noBytes });
    expect(answer!.bytes.length).toBeLessThanOrEqual(ping.length + 8);
  });

  it('cannot aim the whole cluster by a query', () => {
    const world = cluster(3);
    const [member] = world.members;
    const query = encodeQuery({
      lamportTime: 5,
      id: 1,
      address: victim,
      sourceNode: 'm1',
      filters: [],
      flags: 1,
      relayFactor: 5,
      timeoutMs: 1_000,
      name: 'load',
      payload: noBytes,
    });
    const sent = packetsOf(effectsOf(world, member!, encodeUser(query)));
    expect(sent.filter(({ to }) => to.host === victim.host)).toEqual([]);
    expect(counter(member!, 'query-from-unknown')).toBe(1);
  });
});
