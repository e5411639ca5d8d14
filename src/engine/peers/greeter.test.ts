/** Who may talk to whom: refusals by name, on both sides. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keyedHash } from '../../../test/peers/keyed-hash.ts';
import { joined } from '../../../test/peers/messages.ts';
import {
  CLUSTER,
  type ProcessOptions,
  recordsOf,
  type Stranger,
  startMembers,
  WiredNetwork,
  type WiredProcess,
} from '../../../test/peers/wired-peers.ts';
import { ByteWriter } from '../../base/binary.ts';
import type { CallResult } from './calls.ts';
import { type Frame, FrameReader, type FrameType } from './frame.ts';
import type { PeerRecord } from './greeter.ts';
import { decodeHello, encodeHello, type Hello, magic } from './hello.ts';
import { Outbox } from './outbox.ts';

const codes = (process: WiredProcess): string[] =>
  [...new Set(process.told.refusals.map(({ code, origin }) => `${code} by ${origin.by}`))].sort();

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

/** Frames and plain bytes as one piece. */
function say(...parts: (Uint8Array | readonly [FrameType, Uint8Array])[]): Uint8Array {
  const outbox = new Outbox();
  for (const part of parts) {
    if (part instanceof Uint8Array) outbox.raw(part);
    else outbox.frame(part[0], part[1]);
  }
  return joined(outbox.take());
}

function framesIn(bytes: Uint8Array): Frame[] {
  const reader = new FrameReader(1e6);
  reader.push(bytes);
  const frames: Frame[] = [];
  for (let next = reader.next(); next !== undefined; next = reader.next()) frames.push(next);
  return frames;
}

const helloOf = (changes: Partial<Hello> = {}): Uint8Array =>
  encodeHello({
    oldest: 1,
    newest: 1,
    clusterId: CLUSTER,
    member: 2,
    incarnation: 1002,
    session: 4711,
    to: 1,
    secret: false,
    callsOnly: false,
    features: ['later'],
    nonce: new Uint8Array(16).fill(3),
    ...changes,
  });

function listener(options: ProcessOptions = {}): { network: WiredNetwork; a: WiredProcess } {
  const network = new WiredNetwork();
  const a = network.start('m1:1', { member: 1, ...options });
  a.peers.setPeers(recordsOf([1, 2]));
  return { network, a };
}

const nothing = new Uint8Array(0);
const hello = (changes?: Partial<Hello>) => ['hello', helloOf(changes)] as const;

describe('what strangers may say', () => {
  test('a whole handshake by hand is understood', () => {
    const { network, a } = listener();
    const stranger = network.stranger(a);
    stranger.say(say(magic, hello()));
    const [welcome] = framesIn(stranger.heard);
    expect(welcome!.type).toBe('welcome');
    expect(decodeHello(welcome!.meta)).toMatchObject({ member: 1, to: 2, clusterId: CLUSTER });
    expect(a.peers.isUp(2)).toBe(false);
    stranger.say(say(['proof', nothing]));
    expect(a.peers.isUp(2)).toBe(true);
  });

  const call = ['call', new ByteWriter().number(1).byte(5).byte(1).finish()] as const;
  const cases: [string, Uint8Array][] = [
    ['a call before the handshake', say(magic, call)],
    ['messages before the handshake', say(magic, ['messages', nothing])],
    ['a ping before the handshake', say(magic, ['ping', nothing])],
    ['a proof before the hello', say(magic, ['proof', nothing])],
    ['a welcome to a listener', say(magic, ['welcome', helloOf()])],
    ['hello twice', say(magic, hello(), hello())],
    ['hello on a link that is up', say(magic, hello(), ['proof', nothing], hello())],
    ['proof twice', say(magic, hello(), ['proof', nothing], ['proof', nothing])],
    [
      'a frame of a later version',
      say(
        magic,
        Uint8Array.from({ length: 16 }, () => 77),
      ),
    ],
    ['a hello that ends early', say(magic, ['hello', helloOf().slice(0, 20)])],
    ['a hello with a short nonce', say(magic, hello({ nonce: new Uint8Array(8) }))],
    ['a hello that is too long', say(magic, hello({ features: ['x'.repeat(10_000)] }))],
    [
      'a call on a link for Raft that is damaged',
      say(magic, hello(), ['proof', nothing], ['call', nothing]),
    ],
  ];
  test.each(cases)('%s: refused as malformed', (_what, bytes) => {
    const { network, a } = listener();
    const stranger = network.stranger(a);
    stranger.say(bytes);
    expect(codes(a)).toEqual(['malformed-message by self']);
    expect(stranger.closed).toBe(true);
    expect(framesIn(stranger.heard).at(-1)!.type).toBe('refusal');
    expect(a.peers.isUp(2)).toBe(false);
  });

  test.each([
    [2, 9],
    [0, 0],
  ])('versions %i to %i: refused, whatever stands behind', (oldest, newest) => {
    const { network, a } = listener();
    const later = new ByteWriter()
      .number(oldest)
      .number(newest)
      .raw(Uint8Array.of(255, 1))
      .finish();
    network.stranger(a).say(say(magic, ['hello', later]));
    expect(codes(a)).toEqual(['version-mismatch by self']);
  });

  test('a later version that still speaks ours is understood, with what it adds', () => {
    const { network, a } = listener();
    const added = joined([helloOf({ newest: 7 }), Uint8Array.of(1, 2, 3)]);
    network.stranger(a).say(say(magic, ['hello', added], ['proof', nothing]));
    expect(a.peers.isUp(2)).toBe(true);
  });

  test('refusing is not answered by refusing', () => {
    const { network, a } = listener();
    const stranger = network.stranger(a);
    const refusal = new ByteWriter().bytes(new TextEncoder().encode('toString'));
    const rest = refusal.bytes(nothing).byte(0).number(0).bytes(nothing).finish();
    stranger.say(say(magic, ['refusal', rest]));
    expect(codes(a)).toEqual(['peer-failed by peer']);
    expect(stranger.heard).toHaveLength(0);
    expect(stranger.closed).toBe(true);
  });

  test('silence ends with the handshake time, and there are no more of them than the bound', () => {
    const { network, a } = listener({ settings: { strangersMax: 3 } });
    const strangers = [1, 2, 3, 4].map(() => network.stranger(a));
    a.run();
    expect(strangers.map(({ closed }) => closed)).toEqual([false, false, false, true]);
    strangers[0]!.say(magic);
    network.run(4000);
    expect(strangers[0]!.closed).toBe(false);
    network.run(2000);
    expect(strangers.every(({ closed }) => closed)).toBe(true);
    expect(codes(a).at(-1)).toBe('timeout by self');
  });

  test('any bytes at all, cut anywhere: never a crash', () => {
    const start = say(magic, hello(), ['proof', nothing]);
    const byte = fc.uint8Array({ maxLength: 60 });
    fc.assert(
      fc.property(fc.nat(start.length), byte, byte, (kept, first, second) => {
        const { network, a } = listener();
        const stranger = network.stranger(a);
        stranger.say(joined([start.slice(0, kept), first]));
        if (!stranger.closed && a.handedOver.length === 0) stranger.say(joined([first, second]));
        expect(a.told.messages).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});

describe('services', () => {
  test('what does not begin with our magic is handed over, with all that came', () => {
    const { network, a } = listener();
    const http = network.stranger(a);
    http.say(new TextEncoder().encode('GET /'));
    expect(a.handedOver).toEqual([new TextEncoder().encode('GET /')]);
    expect(http.heard).toHaveLength(0);
    expect(http.closed).toBe(false);
    network.run(10_000);
    expect(http.closed).toBe(false);
    expect(a.told.refusals).toEqual([]);
  });

  test('also where it begins like it, in pieces', () => {
    const { network, a } = listener();
    const other = network.stranger(a);
    for (const byte of [0x51, 0x52, 0x54, 0x20]) other.say(Uint8Array.of(byte));
    expect(a.handedOver).toEqual([Uint8Array.of(0x51, 0x52, 0x54, 0x20)]);
  });
});

describe('the join secret', () => {
  const secret = 'open sesame';
  const proofOf = (side: 1 | 2, ofDialer: Uint8Array, ofListener: Uint8Array, key = secret) =>
    keyedHash(key)(new ByteWriter().byte(side).bytes(ofDialer).bytes(ofListener).finish());

  /** Says hello; answers with the stranger and the welcome's bytes. */
  function begin(ownHello: Uint8Array): {
    a: WiredProcess;
    stranger: Stranger;
    welcome: Uint8Array;
  } {
    const { network, a } = listener({ secret });
    const stranger = network.stranger(a);
    stranger.say(say(magic, ['hello', ownHello]));
    return { a, stranger, welcome: framesIn(stranger.heard)[0]!.meta };
  }

  const own = helloOf({ secret: true });

  test('a true proof opens, and is answered by one', () => {
    const { a, stranger, welcome } = begin(own);
    stranger.say(say(['proof', proofOf(1, own, welcome)]));
    expect(a.peers.isUp(2)).toBe(true);
    expect(framesIn(stranger.heard)[1]).toMatchObject({
      type: 'proof',
      meta: proofOf(2, own, welcome),
    });
  });

  test.each<[string, (welcome: Uint8Array) => Uint8Array]>([
    ['of another secret', (welcome) => proofOf(1, own, welcome, 'guess')],
    ['of the other side, reflected', (welcome) => proofOf(2, own, welcome)],
    [
      'for another link, replayed',
      (welcome) =>
        proofOf(
          1,
          own,
          welcome.map((byte) => byte ^ 1),
        ),
    ],
    ['for another member', (welcome) => proofOf(1, helloOf({ secret: true, member: 3 }), welcome)],
    ['cut off', (welcome) => proofOf(1, own, welcome).slice(0, 31)],
    [
      'with more behind',
      (welcome) => joined([proofOf(1, own, welcome), nothing, Uint8Array.of(0)]),
    ],
    ['empty', () => nothing],
  ])('a proof %s does not, and gets none', (_what, proof) => {
    const { a, stranger, welcome } = begin(own);
    stranger.say(say(['proof', proof(welcome)]));
    expect(codes(a)).toEqual(['wrong-secret by self']);
    expect(framesIn(stranger.heard).map(({ type }) => type)).toEqual(['welcome', 'refusal']);
  });

  test('nonces are fresh for each link', () => {
    const welcomes = [1, 2, 3].map(() => begin(own).welcome);
    const { network, a } = listener({ secret });
    const nonces = [1, 2, 3].map(() => {
      const stranger = network.stranger(a);
      stranger.say(say(magic, ['hello', own]));
      return decodeHello(framesIn(stranger.heard)[0]!.meta).nonce.join();
    });
    expect(new Set(nonces).size).toBe(3);
    expect(welcomes).toHaveLength(3);
  });

  test('a listener that answers with the dialer’s own words is found out', () => {
    const network = new WiredNetwork();
    const a = network.start('m1:1', { member: 1, secret });
    const mirror = network.start('m2:1', { member: 2, secret: 'unknown' });
    a.peers.setPeers(recordsOf([1, 2]));
    mirror.peers.setPeers(recordsOf([1]));
    network.run(30);
    const end = [...a.ends.values()][0]!;
    expect(end.other).toBeDefined();
    expect(a.peers.isUp(2)).toBe(false);
    const b = meet({ secret }, {}, { secret });
    expect(b.a.peers.isUp(2)).toBe(true);
  });
});

describe('guests: links for questions alone', () => {
  function joiner(options: ProcessOptions = {}, host: ProcessOptions = {}) {
    const { network, a } = listener(host);
    const guest = network.start('new:1', { member: 0, clusterId: 0, incarnation: 9, ...options });
    const link = guest.peers.dialAddress('m1:1');
    const results: CallResult[] = [];
    const ask = (deadlineMs = 1e9): void =>
      guest.peers.callLink(link, { kind: 1, payload: Uint8Array.of(7), deadlineMs }, (result) =>
        results.push(result),
      );
    return { network, a, guest, link, results, ask };
  }

  test('a joiner asks as soon as its link is up, as member 0', () => {
    const { network, a, guest, link, results, ask } = joiner();
    ask();
    expect(guest.peers.isLinkUp(link)).toBe(false);
    guest.run();
    network.settle();
    expect(guest.peers.isLinkUp(link)).toBe(true);
    expect(results).toEqual([{ ok: true, value: Uint8Array.of(7) }]);
    expect(a.told.calls).toEqual([{ from: 0, kind: 1, payload: Uint8Array.of(7) }]);
    expect([a.told.peers, guest.told.peers]).toEqual([[], []]);
    guest.peers.closeLink(link);
    network.run(20);
    expect([a.openLinks, guest.openLinks]).toEqual([0, 0]);
  });

  test('one that is refused learns why', () => {
    const { network, results, ask } = joiner({ secret: 'wrong' }, { secret: 'right' });
    ask();
    network.run(100);
    expect(results).toMatchObject([{ ok: false, error: { code: 'wrong-secret' } }]);
  });

  test('one that reaches nobody learns that', () => {
    const { network, a, results, ask } = joiner();
    network.kill(a);
    ask();
    network.run(100);
    expect(results).toMatchObject([
      { ok: false, error: { code: 'connection-lost', maybeApplied: false } },
    ]);
  });

  test('a joiner says nothing of Raft', () => {
    const { network, a } = listener();
    const stranger = network.stranger(a);
    const guest = hello({ member: 0, clusterId: 0, to: 0 });
    stranger.say(say(magic, guest, ['proof', nothing], ['messages', nothing]));
    expect(codes(a)).toEqual(['malformed-message by self']);
  });

  test('with TLS its certificate must be one of a member', () => {
    const { network, a, results, ask } = joiner({ certificate: [] }, { certificate: ['m1'] });
    ask();
    network.run(100);
    expect(codes(a)).toEqual(['wrong-member by self']);
    expect(results).toMatchObject([{ ok: false, error: { code: 'wrong-member' } }]);
  });

  test('bounded: so many guests, so many questions, so much idleness', () => {
    const settings = { guestsMax: 2, guestCallsInMax: 3, guestIdleMsMax: 8000 };
    const { network, a, guest, results, ask } = joiner({}, { settings });
    a.onCall = () => {};
    for (let at = 0; at < 4; at++) ask(5000);
    network.run(100);
    expect(results).toMatchObject([{ ok: false, error: { code: 'too-many-calls' } }]);
    guest.peers.dialAddress('m1:1');
    guest.peers.dialAddress('m1:1');
    network.run(100);
    expect(codes(guest)).toEqual(['too-many-connections by peer']);
    expect(a.openLinks).toBe(2);
    network.run(9000);
    // The one whose questions are not answered yet stays.
    expect(a.openLinks).toBe(1);
  });

  test('a member asks by address too, without being taken for a peer', () => {
    const network = new WiredNetwork();
    const [a, b] = startMembers(network, 2) as [WiredProcess, WiredProcess];
    const results: CallResult[] = [];
    const link = b.peers.dialAddress('m1:1');
    const question = { kind: 1, payload: nothing, deadlineMs: 1e9 };
    b.peers.callLink(link, question, (result) => results.push(result));
    network.run(1000);
    expect(results).toHaveLength(1);
    expect(a.told.calls).toMatchObject([{ from: 2 }]);
    expect([a.told.peers, b.told.peers]).toEqual([['up 2'], ['up 1']]);
    expect(a.openLinks).toBe(2);
  });
});
