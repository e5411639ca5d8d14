/** What a member does for its application, seen through the one door. */
import { describe, expect, it } from 'vitest';
import { GossipWorld, type WorldMember } from '../../bench/gossip/gossip-world.ts';
import { nodeCipher } from '../../test/gossip/node-cipher.ts';
import { QuorateError } from '../base/errors.ts';
import { SeededRandom } from '../base/seeded-random.ts';
import type { GossipEffect, Outcome } from './api.ts';
import { estimateRoundTripMs } from './coordinate.ts';
import { GossipCore } from './gossip-core.ts';
import { lanSettings } from './presets.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (raw: Uint8Array) => new TextDecoder().decode(raw);
const [first, second] = [new Uint8Array(16).fill(1), new Uint8Array(32).fill(2)];

function cluster(size: number, options: Parameters<GossipWorld['add']>[1] = {}): GossipWorld {
  const world = new GossipWorld({ seed: 11 });
  for (let index = 0; index < size; index++) {
    world.add(`m${index}`, { tags: new Map([['number', String(index)]]), ...options });
  }
  world.joinAll();
  expect(world.runUntil(() => world.agree(), 10_000)).toBe(true);
  return world;
}

function seen<T extends GossipEffect['type']>(member: WorldMember, type: T) {
  return member.seen.filter((effect): effect is GossipEffect & { type: T } => effect.type === type);
}

function outcomeOf(member: WorldMember, request: number): Outcome | undefined {
  return seen(member, 'done').find((effect) => effect.request === request)?.outcome;
}

describe('tags', () => {
  it('are seen by all, and their changes too', () => {
    const world = cluster(5);
    expect(world.members[4]!.core!.member('m1')!.tags.get('number')).toBe('1');
    world.command(world.members[1]!, { type: 'set-tags', tags: new Map([['role', 'db']]) });
    const changed = () =>
      world.members.every((member) => member.core!.member('m1')!.tags.get('role') === 'db');
    expect(world.runUntil(changed, 3_000)).toBe(true);
    expect(seen(world.members[0]!, 'member').at(-1)).toMatchObject({ change: 'update' });
  });

  it('take at most 512 bytes', () => {
    const world = cluster(1);
    const tags = new Map([['long', 'x'.repeat(600)]]);
    expect(() => world.command(world.members[0]!, { type: 'set-tags', tags })).toThrow(
      QuorateError,
    );
    expect(world.members[0]!.core!.member('m0')!.tags.get('number')).toBe('0');
  });
});

describe('events', () => {
  it('reach everybody exactly once, despite loss', () => {
    const world = cluster(20);
    world.loss = 0.1;
    for (let index = 0; index < 10; index++) {
      world.command(world.members[index]!, {
        type: 'user-event',
        name: `event${index}`,
        payload: bytes('x'),
      });
    }
    world.run(40_000);
    for (const member of world.members) {
      const names = seen(member, 'user-event').map((effect) => effect.name);
      expect(names.sort()).toEqual(Array.from({ length: 10 }, (_, index) => `event${index}`));
    }
  });

  it('of before are replayed to who joins, unless it wants to ignore them', () => {
    const world = cluster(3);
    world.command(world.members[0]!, { type: 'user-event', name: 'old', payload: bytes('') });
    world.run(2_000);
    const [curious, forgetful] = [world.add('curious'), world.add('forgetful')];
    const addresses = [world.members[0]!.address];
    world.command(curious, { type: 'join', request: 1, addresses });
    world.command(forgetful, { type: 'join', request: 2, addresses, ignoreOldEvents: true });
    world.run(3_000);
    world.command(world.members[1]!, { type: 'user-event', name: 'new', payload: bytes('') });
    world.run(40_000);
    const names = (member: WorldMember) => seen(member, 'user-event').map((effect) => effect.name);
    expect(names(curious)).toEqual(['old', 'new']);
    expect(names(forgetful)).toEqual(['new']);
  });

  it('that may be coalesced are handed on as the newest of their name only', () => {
    const settings = { ...lanSettings, coalesceMs: 3_000, coalesceQuietMs: 1_000 };
    const world = cluster(3, { settings });
    for (const version of ['1', '2', '3']) {
      const payload = bytes(version);
      world.command(world.members[0]!, {
        type: 'user-event',
        name: 'deploy',
        payload,
        coalesce: true,
      });
      world.command(world.members[0]!, { type: 'user-event', name: 'plain', payload });
    }
    world.run(5_000);
    const payloads = (name: string) =>
      seen(world.members[2]!, 'user-event')
        .filter((effect) => effect.name === name)
        .map((effect) => text(effect.payload));
    expect(payloads('deploy')).toEqual(['3']);
    expect(payloads('plain').sort()).toEqual(['1', '2', '3']);
  });

  it('are limited in size', () => {
    const world = cluster(1);
    const payload = new Uint8Array(600);
    const tell = () => world.command(world.members[0]!, { type: 'user-event', name: 'x', payload });
    expect(tell).toThrow('601 bytes of at most 512');
  });
});

/** Has every member answer every query with its own name. */
function answering(world: GossipWorld): void {
  world.observe = (member, effect) => {
    if (effect.type !== 'query') return;
    world.at(world.nowMs + 1, () =>
      world.command(member, { type: 'respond', query: effect.query, payload: bytes(member.name) }),
    );
  };
}

describe('queries', () => {
  it('bring acks and answers of all whom they are for', () => {
    const world = cluster(10);
    answering(world);
    world.command(world.members[0]!, {
      type: 'query',
      request: 7,
      name: 'load',
      payload: bytes('?'),
      acknowledge: true,
      filter: { names: ['m1', 'm2', 'm3', 'm4'], tags: new Map([['number', '^[0-3]$']]) },
    });
    world.run(10_000);
    const [asker] = world.members;
    const from = (type: 'query-ack' | 'query-response') =>
      seen(asker!, type)
        .map((effect) => effect.from)
        .sort();
    expect(from('query-ack')).toEqual(['m1', 'm2', 'm3']);
    expect(from('query-response')).toEqual(['m1', 'm2', 'm3']);
    expect(outcomeOf(asker!, 7)).toEqual({ type: 'query', acks: 3, responses: 3 });
  });

  it('survive loss by relays, and count each answer once', () => {
    const world = cluster(10);
    answering(world);
    world.loss = 0.3;
    world.command(world.members[0]!, {
      type: 'query',
      request: 7,
      name: 'load',
      payload: bytes('?'),
      relayFactor: 5,
    });
    world.run(10_000);
    expect(outcomeOf(world.members[0]!, 7)).toEqual({ type: 'query', acks: 0, responses: 10 });
  });

  it('end when they are told to', () => {
    const world = cluster(2);
    const command = { type: 'query', request: 7, name: 'load', payload: bytes('') } as const;
    world.command(world.members[0]!, command);
    world.command(world.members[0]!, { type: 'query-cancel', request: 7 });
    expect(outcomeOf(world.members[0]!, 7)).toEqual({ type: 'query', acks: 0, responses: 0 });
  });

  it('can be answered once, in time, and within bounds', () => {
    const world = cluster(2);
    world.command(world.members[0]!, {
      type: 'query',
      request: 7,
      name: 'load',
      payload: bytes(''),
    });
    world.run(1_000);
    const query = seen(world.members[1]!, 'query')[0]!.query;
    const respond = (payload: Uint8Array) =>
      world.command(world.members[1]!, { type: 'respond', query, payload });
    expect(() => respond(new Uint8Array(1_100))).toThrow('bytes');
    respond(bytes('one'));
    expect(() => respond(bytes('two'))).toThrow('answered');
  });
});

describe('encryption', () => {
  const encrypted = { keys: [first], cipher: nodeCipher() };

  it('keeps out who has no key, or another', () => {
    const world = cluster(3, encrypted);
    const [plain, other] = [
      world.add('plain'),
      world.add('other', { ...encrypted, keys: [second] }),
    ];
    world.join(plain, world.members[0]!);
    world.join(other, world.members[0]!);
    world.run(15_000);
    expect(world.members[0]!.core!.members()).toHaveLength(3);
    expect(plain.core!.members()).toHaveLength(1);
    expect(other.core!.members()).toHaveLength(1);
  });

  it('rotates keys without a false death', () => {
    const world = cluster(10, encrypted);
    let failed = 0;
    world.observe = (_, effect) => {
      if (effect.type === 'member' && effect.change === 'failed') failed++;
    };
    const [asker] = world.members;
    for (const [request, operation] of (
      [
        { kind: 'install', key: second },
        { kind: 'use', key: second },
        { kind: 'remove', key: first },
        { kind: 'list' },
      ] as const
    ).entries()) {
      world.command(asker!, { type: 'keys', request, operation });
      const done = () => outcomeOf(asker!, request) !== undefined;
      expect(world.runUntil(done, 10_000)).toBe(true);
      expect(outcomeOf(asker!, request)).toMatchObject({ members: 10, responses: 10, errors: 0 });
    }
    const base64 = Buffer.from(second).toString('base64');
    expect(outcomeOf(asker!, 3)).toMatchObject({
      keys: new Map([[base64, 10]]),
      primaryKeys: new Map([[base64, 10]]),
    });
    world.run(30_000);
    expect(failed).toBe(0);
    expect(seen(world.members[5]!, 'keyring').at(-1)!.keys).toEqual([second]);
  });

  it('refuses to remove the key in use', () => {
    const world = cluster(2, encrypted);
    const operation = { kind: 'remove', key: first } as const;
    world.command(world.members[0]!, { type: 'keys', request: 1, operation });
    world.run(5_000);
    expect(outcomeOf(world.members[0]!, 1)).toMatchObject({ responses: 2, errors: 2 });
  });
});

describe('names', () => {
  it('that two members have are left to the one whom the majority knows', () => {
    const world = cluster(5);
    const impostor = world.add('m2', { address: { host: '10.7.7.7', port: 7946 } });
    world.join(impostor, world.members[0]!);
    const gone = () => impostor.core!.state === 'shutdown';
    expect(world.runUntil(gone, 30_000)).toBe(true);
    expect(seen(impostor, 'shutdown')[0]!.reason).toContain('name conflict');
    expect(world.members[2]!.core!.state).toBe('running');
    expect(world.members[0]!.core!.member('m2')!.address).toEqual(world.members[2]!.address);
  });
});

describe('direct messages and shared state', () => {
  it('travel between members of our kind', () => {
    const world = cluster(3);
    world.command(world.members[0]!, { type: 'send-direct', to: 'm1', payload: bytes('hello') });
    world.run(100);
    const [direct] = seen(world.members[1]!, 'direct');
    expect(text(direct!.payload)).toBe('hello');
    expect(direct!.from).toEqual(world.members[0]!.address);
    world.command(world.members[0]!, { type: 'set-shared-state', payload: bytes('state') });
    const late = world.add('late');
    world.join(late, world.members[0]!);
    world.run(1_000);
    const [shared] = seen(late, 'shared-state');
    expect([text(shared!.payload), shared!.join]).toEqual(['state', true]);
    const unknown = { type: 'send-direct', to: 'nobody', payload: bytes('') } as const;
    expect(() => world.command(late, unknown)).toThrow('nobody');
  });
});

describe('coordinates', () => {
  it('come to estimate round trips that were never measured', () => {
    const world = cluster(8);
    world.delayMs = [10, 10.5];
    world.run(120_000);
    const [a, b] = world.members;
    const estimateMs = estimateRoundTripMs(a!.core!.coordinate()!, b!.core!.coordinate()!);
    expect(estimateMs).toBeGreaterThan(15);
    expect(estimateMs).toBeLessThan(27);
    expect(a!.core!.coordinate('m1')).toBeDefined();
  });
});

describe('a member that has left', () => {
  it('is silent for good, and says so to who commands it', () => {
    const world = cluster(2);
    const [member] = world.members;
    world.command(member!, { type: 'leave', request: 1 });
    expect(() => world.command(member!, { type: 'leave', request: 2 })).toThrow('stopped');
    world.run(10_000);
    expect(member!.core!.state).toBe('left');
    expect(member!.core!.wakeAtMs).toBe(Number.POSITIVE_INFINITY);
    const from = world.members[1]!.address;
    const packet = { type: 'packet', from, bytes: Uint8Array.of(0) } as const;
    expect(member!.core!.handle(packet, world.nowMs)).toEqual([]);
  });

  it('leaves no request without its outcome', () => {
    const world = cluster(3);
    const [member] = world.members;
    const nowhere = { host: '10.99.99.99', port: 1 };
    world.partition([member!]);
    world.command(member!, { type: 'leave', request: 1 });
    world.start(member!);
    world.command(member!, {
      type: 'query',
      request: 2,
      name: 'x',
      payload: bytes(''),
      timeoutMs: 60_000,
    });
    world.command(member!, {
      type: 'join',
      request: 3,
      addresses: [world.members[1]!.address, nowhere],
    });
    world.command(member!, { type: 'keys', request: 4, operation: { kind: 'list' } });
    world.command(member!, { type: 'leave', request: 5 });
    world.run(30_000);
    expect(member!.core!.state).toBe('left');
    const settled = seen(member!, 'done').map(({ request }) => request);
    expect(settled.filter((request) => request > 1).sort()).toEqual([2, 3, 4, 5]);
  });

  it('may come back', () => {
    const world = cluster(3);
    const [, , member] = world.members;
    world.command(member!, { type: 'leave', request: 1 });
    world.run(10_000);
    world.start(member!, { incarnation: 5, lamportTimes: member!.core!.lamportTimes });
    world.join(member!, world.members[0]!);
    expect(world.runUntil(() => world.agree(), 5_000)).toBe(true);
  });

  it('is forgotten after its time', () => {
    const settings = { ...lanSettings, tombstoneTimeoutMs: 60_000, reconnectTimeoutMs: 90_000 };
    const world = cluster(4, { settings });
    world.command(world.members[3]!, { type: 'leave', request: 1 });
    world.crash(world.members[2]!);
    world.run(200_000);
    expect([...world.members[0]!.statuses().keys()]).toEqual(['m0', 'm1']);
    const reaped = seen(world.members[0]!, 'member').filter(({ change }) => change === 'reap');
    expect(reaped.map(({ member }) => member.name)).toEqual(['m3', 'm2']);
  });
});

describe('a member that fails for long', () => {
  it('is found again by reconnecting, though it knows nobody', () => {
    const world = cluster(3);
    const [, , lost] = world.members;
    world.crash(lost!);
    world.run(120_000);
    expect(world.members[0]!.statuses().get('m2')).toBe('failed');
    world.start(lost!);
    expect(world.runUntil(() => world.agree(), 300_000)).toBe(true);
  });
});

describe('options', () => {
  const options = {
    name: 'a',
    address: { host: '127.0.0.1', port: 7946 },
    settings: lanSettings,
    random: new SeededRandom(1),
    nowMs: 0,
  };

  it.each([
    [{ name: '' }, 'name'],
    [{ name: 'x'.repeat(129) }, 'name'],
    [{ address: { host: 'localhost', port: 1 } }, 'address'],
    [{ address: { host: '127.0.0.1', port: 0 } }, 'port'],
    [{ keys: [first] }, 'cipher'],
    [{ keys: [new Uint8Array(5)], cipher: nodeCipher() }, '16, 24 or 32'],
  ])('%j are refused', (change, part) => {
    expect(() => new GossipCore({ ...options, ...change })).toThrow(part);
  });
});
