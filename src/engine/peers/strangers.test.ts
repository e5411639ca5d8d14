/** What strangers may say to a listener, and what becomes of them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  codes,
  framesIn,
  hello,
  helloOf,
  listener,
  nothing,
  say,
} from '../../../test/peers/by-hand.ts';
import { joined } from '../../../test/peers/messages.ts';
import { CLUSTER } from '../../../test/peers/wired-peers.ts';
import { ByteWriter } from '../../base/binary.ts';
import { decodeHello, magic } from './hello.ts';

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
