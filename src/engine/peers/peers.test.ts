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
    for (let seed = 1; seed <= 30; seed++) {
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

describe('links that fail', () => {
  test('a broken link is replaced, and questions on it have an unknown outcome', () => {
    const { network, a, b } = pair();
    b.onCall = () => {};
    const result = ask(a, 2, 'question', 10_000);
    a.run();
    network.settle();
    expect(b.told.calls).toHaveLength(1);
    network.reset([...network.streams()][0]!);
    network.run(2000);
    expect(result).toMatchObject([
      { ok: false, error: { code: 'connection-lost', maybeApplied: true } },
    ]);
    expect(a.told.peers).toEqual(['up 2', 'down 2', 'up 2']);
    expect(b.told.peers).toEqual(['up 1', 'down 1', 'up 1']);
    expect([a.openLinks, b.openLinks]).toEqual([1, 1]);
  });

  test('a half-open link is found by its silence, on both sides', () => {
    const { network, a, b } = pair();
    network.halfOpen([...network.streams()][0]!);
    network.run(2500);
    expect([a.told.peers, b.told.peers]).toEqual([['up 2'], ['up 1']]);
    network.run(3000);
    expect([a.told.peers, b.told.peers]).toEqual([
      ['up 2', 'down 2', 'up 2'],
      ['up 1', 'down 1', 'up 1'],
    ]);
    expect([...network.streams()].length).toBe(1);
    expect(a.told.refusals.map(({ code }) => code)).toContain('connection-lost');
  });

  test('a process that stood still does not take its own silence for that of others', () => {
    const { network, a } = pair();
    network.nowMs += 20_000;
    a.peers.tick(network.nowMs);
    a.run();
    expect(a.told.peers).toEqual(['up 2']);
  });

  test('nor does it count that time for a handshake', () => {
    const network = new WiredNetwork();
    const a = network.start('m1:1', { member: 1 });
    const b = network.start('m2:1', { member: 2 });
    for (const { peers } of [a, b]) peers.setPeers(recordsOf([1, 2]));
    network.nowMs += 10;
    a.peers.tick(network.nowMs);
    a.run();
    expect(a.openLinks).toBe(1);
    network.nowMs += 20_000;
    a.peers.tick(network.nowMs);
    network.settle();
    expect(a.told.refusals).toEqual([]);
    expect(a.peers.isUp(2)).toBe(true);
  });

  test.each(['lower', 'higher'])(
    'a %s member that lost power and came back is taken in at once',
    (which) => {
      const { network, a, b } = pair();
      const [gone, stays] = which === 'lower' ? [a, b] : [b, a];
      const member = gone === a ? 1 : 2;
      network.kill(gone, 'silently');
      network.run(500);
      const again = network.start(`m${member}:1`, { member });
      again.peers.setPeers(recordsOf([1, 2]));
      network.run(1000);
      expect(again.peers.isUp(3 - member)).toBe(true);
      expect(stays.told.peers).toEqual([`up ${member}`, `down ${member}`, `up ${member}`]);
      network.run(10_000);
      expect(stays.openLinks).toBe(1);
      expect(again.told.peers).toHaveLength(1);
    },
  );

  test('where the preferred link has died without a sign, the other one takes over', () => {
    const { network, a, b } = pair();
    network.halfOpen([...network.streams()][0]!);
    // Only the higher member hears of it, and dials.
    const end = [...b.ends.values()][0]!;
    end.over = true;
    b.peers.handle({ type: 'link-closed', link: end.link, error: null });
    network.run(600);
    expect(a.told.peers).toEqual(['up 2']);
    network.run(2500);
    expect(a.told.peers).toEqual(['up 2', 'down 2', 'up 2']);
    expect([...network.streams()].length).toBe(1);
    expect(b.told.peers).toEqual(['up 1', 'down 1', 'up 1']);
    expect(codeOf(answered(network, ask(a, 2, 'there?')))).toBe('ok');
    expect(codeOf(answered(network, ask(b, 1, 'there?')))).toBe('ok');
  });

  test('through resets, half-open links and pieces: in the end one link each, which carries', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const network = new WiredNetwork(seed);
      network.pieceBytesMax = 1 + (seed % 50);
      const members = startMembers(network, 3);
      for (const each of members) nows.set(each, network);
      for (let fault = 0; fault < 12; fault++) {
        network.run(network.random.below(1500));
        const streams = [...network.streams()];
        const stream = streams[network.random.below(streams.length)];
        if (stream === undefined) continue;
        if (network.random.below(2) === 0) network.reset(stream);
        else network.halfOpen(stream);
      }
      network.run(20_000);
      expect([...network.streams()].length).toBe(3);
      for (const member of members) {
        expect(member.openLinks).toBe(2);
        for (const { peer } of member.peers.status()) {
          expect(codeOf(answered(network, ask(member, peer, 'hello')))).toBe('ok');
        }
        const ups = member.told.peers.filter((told) => told.startsWith('up')).length;
        const downs = member.told.peers.length - ups;
        expect(ups - downs).toBe(2);
      }
    }
  });
});

function answered(network: WiredNetwork, results: CallResult[]): CallResult | undefined {
  network.run(50);
  return results[0];
}

describe('questions', () => {
  test('are answered with bytes of any size, or with a coded error', () => {
    const { network, a, b } = pair();
    const results: CallResult[] = [];
    const question = (bytes: number) => ({
      kind: 9,
      payload: new Uint8Array(bytes).fill(bytes),
      deadlineMs: 1e9,
    });
    const sizes = [0, 1, 2047, 2048, 300_000];
    for (const size of sizes) a.peers.call(2, question(size), (result) => results.push(result));
    a.run();
    network.settle();
    expect(results).toEqual(sizes.map((size) => ({ ok: true, value: question(size).payload })));
    b.onCall = (_kind, _payload, answer) => {
      const error = new QuorateError('no-leader', 'ask another', { details: { leader: 3 } });
      answer({ ok: false, error });
      answer({ ok: true, value: new Uint8Array(1) });
    };
    const [refused] = [answered(network, ask(a, 2, 'x'))];
    expect(refused).toMatchObject({
      ok: false,
      error: { code: 'no-leader', message: 'ask another', retryable: true, details: { leader: 3 } },
    });
  });

  test('have deadlines and bounds', () => {
    const { network, a, b } = pair({ settings: { callsMax: 3, callsInMax: 2 } });
    b.onCall = () => {};
    const results = [1, 2, 3, 4].map((at) => ask(a, 2, `q${at}`, 500));
    expect(codeOf(results[3]![0])).toBe('too-many-calls');
    expect(codeOf(ask(a, 9, 'who?')[0])).toBe('unreachable');
    network.run(100);
    expect(codeOf(results[2]![0])).toBe('too-many-calls');
    network.run(500);
    expect(results.slice(0, 2).map(([result]) => codeOf(result))).toEqual(['timeout', 'timeout']);
    expect(b.told.calls).toHaveLength(2);
  });

  test('arrive after the messages that were sent before them', () => {
    const { network, a, b } = pair();
    const order: string[] = [];
    b.message = () => order.push('message');
    b.onCall = () => order.push('call');
    a.peers.send(2, 1, heartbeat(1, 2));
    ask(a, 2, 'x');
    a.peers.send(2, 1, heartbeat(1, 2));
    a.run();
    network.settle();
    expect(order).toEqual(['message', 'call', 'message']);
  });

  test('and answers that no frame can hold are refused by name', () => {
    const { network, a, b } = pair({ settings: { frameBytesMax: 10_000 } });
    expect(codeOf(ask(a, 2, 'x'.repeat(10_000))[0])).toBe('message-too-large');
    b.onCall = (_kind, _payload, answer) => answer({ ok: true, value: new Uint8Array(10_000) });
    expect(codeOf(answered(network, ask(a, 2, 'x')))).toBe('message-too-large');
  });
});

describe('a slow peer', () => {
  test('is sent no more than the bound, costs nobody else, and the engine hears of it', () => {
    const network = new WiredNetwork();
    const settings = { queueBytesMax: 100_000, queueMessagesMax: 500 };
    const [a, b, c] = startMembers(network, 3, () => ({ settings })) as [
      WiredProcess,
      WiredProcess,
      WiredProcess,
    ];
    network.run(1000);
    const toB = [...a.ends.values()].find(({ other }) => other?.process === b)!;
    a.peers.handle({ type: 'link-blocked', link: toB.link, blocked: true });
    let most = 0;
    for (let turn = 0; turn < 300; turn++) {
      for (const to of [2, 3]) {
        for (let group = 1; group <= 5; group++) a.peers.send(to, group, heartbeat(1, to, turn));
        a.peers.send(to, 6, append(1, to, 1000));
      }
      a.run();
      network.settle();
      most = Math.max(most, a.peers.status()[0]!.queueBytes);
    }
    expect(most).toBeGreaterThan(90_000);
    expect(most).toBeLessThanOrEqual(102_000);
    expect(c.told.messages).toHaveLength(300 * 6);
    expect(b.told.messages).toHaveLength(0);
    a.peers.tick(network.nowMs + 10);
    expect(a.told.dropped.map(({ peer }) => peer)).toEqual([2]);
    expect(a.told.dropped[0]!.groups).toContain(6);
    a.peers.handle({ type: 'link-blocked', link: toB.link, blocked: false });
    a.run();
    network.settle();
    const appends = b.told.messages.filter(({ message }) => message.type === 'append');
    // Heartbeats made room for appends.
    expect(appends.length).toBeGreaterThan(85);
    expect(a.peers.status()[0]!.queueBytes).toBe(0);
  });

  test('messages that fit into no frame are named', () => {
    const { network, a, b } = pair({ settings: { frameBytesMax: 10_000 } });
    a.peers.send(2, 4, append(1, 2, 10_000));
    a.peers.send(2, 4, append(1, 2, 9_000));
    network.run(20);
    expect(b.told.messages).toHaveLength(1);
    expect(a.told.dropped).toEqual([{ peer: 2, groups: [4] }]);
    expect(a.told.refusals).toMatchObject([{ peer: 2, code: 'message-too-large' }]);
  });
});

test('closes all links once what was sent has left', () => {
  const { network, a, b } = pair();
  a.peers.send(2, 4, heartbeat(1, 2));
  a.run();
  a.peers.close();
  network.run(5000);
  expect(b.told.messages).toHaveLength(1);
  expect([a.openLinks, b.openLinks]).toEqual([0, 0]);
});

test('a member that hides an operating error in a message is cut off by its name', () => {
  const { network, a, b } = pair();
  b.message = () => {
    throw new QuorateError('out-of-range', 'nonsense');
  };
  a.peers.send(2, 4, heartbeat(1, 2));
  network.run(20);
  expect(a.told.refusals).toMatchObject([
    { code: 'out-of-range', origin: { by: 'peer', proven: true } },
  ]);
  expect(b.told.refusals).toMatchObject([{ code: 'out-of-range', origin: { by: 'self' } }]);
});
