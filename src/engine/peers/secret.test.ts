/** The join secret: proofs that open, and those that do not. */
import { describe, expect, test } from 'vitest';
import { codes, framesIn, helloOf, listener, nothing, say } from '../../../test/peers/by-hand.ts';
import { keyedHash } from '../../../test/peers/keyed-hash.ts';
import { joined } from '../../../test/peers/messages.ts';
import type { Stranger, WiredProcess } from '../../../test/peers/wired-peers.ts';
import { ByteWriter } from '../../base/binary.ts';
import { decodeHello, magic } from './hello.ts';

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
    const { network, a } = listener({ secret });
    const nonces = [1, 2, 3].map(() => {
      const stranger = network.stranger(a);
      stranger.say(say(magic, ['hello', own]));
      return decodeHello(framesIn(stranger.heard)[0]!.meta).nonce.join();
    });
    expect(new Set(nonces).size).toBe(3);
  });
});
