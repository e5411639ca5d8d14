import { describe, expect, test } from 'vitest';
import {
  recordsOf,
  startMembers,
  WiredNetwork,
  type WiredProcess,
} from '../../../test/peers/wired-peers.ts';
import { QuorateError } from '../../base/errors.ts';
import type { Append, Heartbeat } from '../../raft/message.ts';
import type { CallResult } from './calls.ts';

const heartbeat = (from: number, to: number, round = 1): Heartbeat => ({
  type: 'heartbeat',
  from,
  to,
  term: 3,
  commit: 12,
  round,
});

const append = (from: number, to: number, dataBytes: number): Append => ({
  type: 'append',
  from,
  to,
  term: 3,
  previousIndex: 4,
  previousTerm: 2,
  commit: 4,
  entries: [{ type: 'normal', term: 3, index: 5, data: new Uint8Array(dataBytes).fill(7) }],
});

function ask(process: WiredProcess, to: number, text: string, waitMs = 1000): CallResult[] {
  const results: CallResult[] = [];
  const payload = new TextEncoder().encode(text);
  const deadlineMs = nowOf(process) + waitMs;
  process.peers.call(to, { kind: 5, payload, deadlineMs }, (result) => results.push(result));
  return results;
}
const nows = new WeakMap<WiredProcess, WiredNetwork>();
const nowOf = (process: WiredProcess): number => nows.get(process)?.nowMs ?? 0;

function pair(options = {}): { network: WiredNetwork; a: WiredProcess; b: WiredProcess } {
  const network = new WiredNetwork();
  const [a, b] = startMembers(network, 2, () => options) as [WiredProcess, WiredProcess];
  for (const each of [a, b]) nows.set(each, network);
  network.run(1000);
  return { network, a, b };
}

const codeOf = (result: CallResult | undefined): string =>
  result === undefined ? 'nothing' : result.ok ? 'ok' : result.error.code;

describe('meeting', () => {
  test('the member with the lower id dials, and one link serves both', () => {
    const { a, b } = pair();
    expect([a.told.peers, b.told.peers]).toEqual([['up 2'], ['up 1']]);
    expect([a.openLinks, b.openLinks]).toEqual([1, 1]);
    expect([a.ends.size, b.ends.size]).toEqual([1, 1]);
  });

  test('a link survives years of silence: it is pinged', () => {
    const { network, a, b } = pair();
    network.run(60_000);
    expect([a.told.peers, b.told.peers]).toEqual([['up 2'], ['up 1']]);
    expect(a.peers.status()[0]).toMatchObject({ peer: 2, connected: true, roundTripMs: 0 });
  });

  test('where only the higher one gets through, it does', () => {
    const network = new WiredNetwork();
    network.blockedDials.add('m1:1>m2:1');
    const [a, b] = startMembers(network, 2) as [WiredProcess, WiredProcess];
    network.run(3000);
    expect([a.peers.isUp(2), b.peers.isUp(1)]).toEqual([true, true]);
  });

  test('dials again with growing patience, and at once when the address changes', () => {
    const network = new WiredNetwork();
    const a = network.start('m1:1', { member: 1 });
    a.peers.setPeers(recordsOf([1, 2]));
    network.run(60_000);
    // 50 ms, doubling to 2 s: five short waits, then about one dial in one to two seconds.
    expect(a.ends.size).toBeGreaterThan(60_000 / 2000);
    expect(a.ends.size).toBeLessThan(60_000 / 1000 + 8);
    const b = network.start('elsewhere:9', { member: 2 });
    b.peers.setPeers(recordsOf([1, 2]));
    a.peers.setPeers(recordsOf([1, 2], { 2: { address: 'elsewhere:9' } }));
    network.run(20);
    expect(a.peers.isUp(2)).toBe(true);
    expect(a.peers.status()[0]?.lastError?.code).toBe('connection-lost');
  });
});

describe('two links to one peer', () => {
  /** Both dial in the same moment. */
  function both(seed: number): { network: WiredNetwork; a: WiredProcess; b: WiredProcess } {
    const network = new WiredNetwork(seed);
    network.pieceBytesMax = 1 + (seed % 60);
    const [a, b] = startMembers(network, 2) as [WiredProcess, WiredProcess];
    network.holdDials = true;
    // The patient one dials half a second later.
    network.run(600 + (seed % 40) * 10);
    network.holdDials = false;
    return { network, a, b };
  }

  test('exactly one survives, nobody is ever down, and no question is lost', () => {
    let withTwo = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const { network, a, b } = both(seed);
      const answers: CallResult[][] = [];
      for (let step = 0; step < 400; step++) {
        network.run(10);
        if (step % 7 === 0 && a.peers.isUp(2)) answers.push(ask(a, 2, `a${step}`, 1e9));
        if (step % 5 === 0 && b.peers.isUp(1)) answers.push(ask(b, 1, `b${step}`, 1e9));
        a.run();
        b.run();
      }
      network.run(3000);
      if ([...network.streams()].length !== 1) throw new Error(`seed ${seed}`);
      expect([a.openLinks, b.openLinks]).toEqual([1, 1]);
      expect([a.told.peers, b.told.peers]).toEqual([['up 2'], ['up 1']]);
      expect(new Set(answers.map(([result]) => codeOf(result)))).toEqual(new Set(['ok']));
      if ([...a.ends.values()].filter(({ other }) => other !== undefined).length > 1) withTwo++;
    }
    // The test is about something only where two did come up.
    expect(withTwo).toBeGreaterThan(10);
  });
});
