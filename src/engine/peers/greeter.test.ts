/** Who may talk to whom: refusals by name, on both sides. */
import { describe, expect, test } from 'vitest';
import { codes } from '../../../test/peers/by-hand.ts';
import {
  CLUSTER,
  type ProcessOptions,
  recordsOf,
  startMembers,
  WiredNetwork,
  type WiredProcess,
} from '../../../test/peers/wired-peers.ts';
import type { PeerRecord } from './greeter.ts';

/** Members 1 and 2, of which 2 is made otherwise, and what 1 knows of it. */
function meet(
  two: ProcessOptions,
  known: Partial<PeerRecord> = {},
  one: ProcessOptions = {},
): { network: WiredNetwork; a: WiredProcess; b: WiredProcess } {
  const network = new WiredNetwork();
  const a = network.start('m1:1', { member: 1, ...one });
  const b = network.start('m2:1', { member: 2, ...two });
  a.peers.setPeers(recordsOf([1, 2], { 2: known }));
  b.peers.setPeers(recordsOf([1, 2]));
  network.run(1500);
  return { network, a, b };
}

describe('refusals, on both sides', () => {
  const cases: [
    code: string,
    two: ProcessOptions,
    known?: Partial<PeerRecord>,
    one?: ProcessOptions,
  ][] = [
    ['wrong-cluster', { clusterId: 78 }],
    ['wrong-member', { member: 3 }],
    ['wrong-incarnation', { incarnation: 5 }],
    ['wrong-secret', { secret: 'ours' }, {}, { secret: 'theirs' }],
    ['wrong-secret', { secret: 'ours' }],
    ['wrong-secret', {}, {}, { secret: 'ours' }],
    ['wrong-member', { certificate: ['m3', '10.0.0.3'] }, {}, { certificate: ['m1'] }],
    ['wrong-member', { certificate: [] }, {}, { certificate: ['m1'] }],
  ];
  test.each(cases)('%s: %j', (code, two, known, one) => {
    const { a, b } = meet(two, known, one);
    const [first, second] = [codes(a), codes(b)];
    // Each link is refused by one side, and the other one is told.
    expect(first.join()).toContain(code);
    expect(second.join()).toContain(code);
    expect([a.peers.isUp(2), b.peers.isUp(1)]).toEqual([false, false]);
    expect([a.told.peers, b.told.peers]).toEqual([[], []]);
  });

  test('a removed member is told so, and may believe it', () => {
    const { a, b } = meet({ secret: 's' }, { removed: true }, { secret: 's' });
    expect(codes(a)).toEqual(['removed-member by self']);
    expect(codes(b)).toEqual(['removed-member by peer']);
    expect(b.told.refusals[0]).toMatchObject({ peer: 1, origin: { by: 'peer', proven: true } });
  });

  test('one who does not know the secret can make nobody believe that it was removed', () => {
    const network = new WiredNetwork();
    const b = network.start('m2:1', { member: 2, secret: 's' });
    b.peers.setPeers(recordsOf([1, 2]));
    const impostor = network.start('m1:1', { member: 1, secret: 'guessed' });
    impostor.peers.setPeers(recordsOf([1, 2], { 2: { removed: true } }));
    network.run(1500);
    for (const { origin } of b.told.refusals)
      expect(origin).not.toEqual({ by: 'peer', proven: true });
    // Neither does it learn who is a member.
    expect(codes(impostor)).toEqual(['wrong-secret by self']);
    expect(codes(b)).toEqual(['wrong-secret by peer']);
  });

  test('an unknown member is refused, and let in once it is known', () => {
    const network = new WiredNetwork();
    const a = network.start('m1:1', { member: 1 });
    const b = network.start('m2:1', { member: 2 });
    a.peers.setPeers(recordsOf([1]));
    b.peers.setPeers(recordsOf([1, 2]));
    network.run(2000);
    expect(codes(a)).toEqual(['unknown-member by self']);
    expect(codes(b)).toEqual(['unknown-member by peer']);
    a.peers.setPeers(recordsOf([1, 2]));
    network.run(3000);
    expect(a.peers.isUp(2)).toBe(true);
  });

  test('links end when their member is removed, or turns out to be another', () => {
    const { network, a, b } = meet({});
    a.peers.setPeers(recordsOf([1, 2], { 2: { removed: true } }));
    a.run();
    network.settle();
    expect(codes(b)).toEqual(['removed-member by peer']);
    expect([a.openLinks, b.openLinks]).toEqual([0, 0]);
    a.peers.setPeers(recordsOf([1, 2]));
    network.run(3000);
    expect(a.peers.isUp(2)).toBe(true);
    a.peers.setPeers(recordsOf([1, 2], { 2: { incarnation: 5 } }));
    network.run(100);
    expect(codes(b)).toContain('wrong-incarnation by peer');
  });

  test('a directory that was met before the cluster knew it is held to', () => {
    const { network, a, b } = meet({ incarnation: 5 }, { incarnation: undefined });
    expect(a.peers.isUp(2)).toBe(true);
    network.kill(b);
    const wiped = network.start('m2:1', { member: 2, incarnation: 6 });
    wiped.peers.setPeers(recordsOf([1, 2]));
    network.run(2000);
    expect(codes(wiped)).toContain('wrong-incarnation by peer');
  });

  test.each(['member 1 dials itself', 'a joiner does'])('itself: %s', (who) => {
    const network = new WiredNetwork();
    const member = who.startsWith('member') ? 1 : 0;
    const process = network.start('m1:1', { member, clusterId: member === 0 ? 0 : CLUSTER });
    if (member === 1) process.peers.setPeers(recordsOf([1, 2], { 2: { address: 'm1:1' } }));
    else process.peers.dialAddress('m1:1');
    network.run(100);
    expect(codes(process)).toContain('wrong-member by self');
    expect(process.told.refusals[0]!.message).toContain('itself');
  });

  test('a copy of a member is refused by it', () => {
    const network = new WiredNetwork();
    const [a] = startMembers(network, 1) as [WiredProcess];
    const copy = network.start('m9:1', { member: 1 });
    copy.peers.dialAddress('m1:1');
    network.run(100);
    expect(codes(a)).toEqual(['wrong-member by self']);
    expect(codes(copy)).toEqual(['wrong-member by peer']);
  });

  test.each([[['other', 'M2']], [['m2.example.org']], [['10.0.0.2']]])(
    'a certificate of %j is one of member m2 or of its address',
    (certificate) => {
      const host = certificate.length > 1 ? 'm2' : certificate[0]!;
      const network = new WiredNetwork();
      const a = network.start('m1:1', { member: 1, certificate: ['m1'] });
      const b = network.start(`${host}:1`, { member: 2, certificate });
      const records = recordsOf([1, 2], { 2: { address: `${host}:1` } });
      a.peers.setPeers(records);
      b.peers.setPeers(records);
      network.run(1000);
      expect([a.peers.isUp(2), b.peers.isUp(1)]).toEqual([true, true]);
    },
  );
});
