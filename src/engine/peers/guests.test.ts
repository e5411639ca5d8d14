/** Links for questions alone: processes that join, and members that ask whoever answers. */
import { describe, expect, test } from 'vitest';
import { codes, hello, listener, nothing, say } from '../../../test/peers/by-hand.ts';
import {
  type ProcessOptions,
  startMembers,
  WiredNetwork,
  type WiredProcess,
} from '../../../test/peers/wired-peers.ts';
import type { CallResult } from './calls.ts';
import { magic } from './hello.ts';

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
