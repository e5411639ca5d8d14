/** MIT 6.824, Raft lab, part B: agreement on the log, with members and leaders that fail. */
import { expect, test } from 'vitest';
import { Lab } from './lab.ts';

test('basic agreement: nothing is applied before it was proposed, then by all, in order', () => {
  const lab = new Lab(3);
  lab.checkOneLeader();
  const commands: string[] = [];
  for (let i = 0; i < 3; i++) {
    expect(lab.appliedBy(`command ${i + 1}`)).toBe(0);
    commands.push(lab.agree());
  }
  for (const id of lab.ids) expect(lab.applied(id)).toEqual(commands);
});

test('bytes sent: each follower gets each command once', () => {
  const lab = new Lab(3);
  lab.checkOneLeader();
  lab.sent();
  const size = 5000;
  for (let i = 0; i < 10; i++) lab.agree(3, `${i}`.padEnd(size, 'x'));
  const bytes = lab
    .sent('append')
    .flatMap(({ entries }) => entries)
    .reduce((sum, { data }) => sum + data.length, 0);
  expect(bytes).toBe(10 * 2 * size);
});

test('proposals of one moment travel in few messages', () => {
  const lab = new Lab(3);
  const leader = lab.checkOneLeader();
  lab.agree();
  lab.sent();
  lab.propose(leader, ...Array.from({ length: 100 }, (_, i) => `batch ${i}`));
  lab.settle();
  expect(lab.sent('append').filter(({ entries }) => entries.length > 0)).toHaveLength(2);
  expect(lab.appliedBy('batch 99')).toBe(3);
});

test('followers fail one after the other', () => {
  const lab = new Lab(3);
  lab.agree();
  const leader = lab.checkOneLeader();
  const [first, second] = lab.ids.filter((id) => id !== leader) as [number, number];
  lab.disconnect(first);
  lab.agree(2);
  lab.disconnect(second);
  lab.propose(leader, 'unheard');
  lab.run(5);
  expect(lab.appliedBy('unheard')).toBe(0);
});

test('leaders fail one after the other', () => {
  const lab = new Lab(3);
  lab.agree();
  const first = lab.checkOneLeader();
  lab.disconnect(first);
  lab.agree(2);
  const second = lab.checkOneLeader();
  lab.disconnect(second);
  lab.propose(second, 'unheard');
  lab.run(60);
  expect(lab.appliedBy('unheard')).toBe(0);
});

test('agreement goes on without a follower, and reaches it when it is back', () => {
  const lab = new Lab(3);
  lab.agree();
  const leader = lab.checkOneLeader();
  const away = lab.ids.find((id) => id !== leader)!;
  lab.disconnect(away);
  for (let i = 0; i < 5; i++) lab.agree(2);
  lab.connect(away);
  lab.agree(3);
  lab.checkSame();
});

test('no agreement without a majority, and what was proposed then may be replaced', () => {
  const lab = new Lab(5);
  lab.agree();
  const leader = lab.checkOneLeader();
  const away = lab.ids.filter((id) => id !== leader).slice(0, 3);
  lab.disconnect(...away);
  lab.propose(leader, 'unheard');
  lab.run(30);
  expect(lab.appliedBy('unheard')).toBe(0);
  lab.connect(...away);
  lab.agree(5);
  lab.checkSame();
});

test('concurrent proposals to one leader take indexes of their own', () => {
  const lab = new Lab(3);
  const leader = lab.checkOneLeader();
  const taken = Array.from({ length: 5 }, (_, i) => lab.propose(leader, `same time ${i}`)!);
  expect(new Set(taken.map(({ index }) => index)).size).toBe(5);
  expect(new Set(taken.map(({ term }) => term)).size).toBe(1);
  lab.settle();
  for (let i = 0; i < 5; i++) expect(lab.appliedBy(`same time ${i}`)).toBe(3);
});

test('a leader that was partitioned rejoins and gives up what it alone has', () => {
  const lab = new Lab(3);
  lab.agree();
  const first = lab.checkOneLeader();
  lab.disconnect(first);
  for (let i = 0; i < 3; i++) {
    if (lab.status(first).role === 'leader') lab.propose(first, `alone ${i}`);
  }
  lab.agree(2);
  const second = lab.checkOneLeader();
  lab.disconnect(second);
  lab.connect(first);
  lab.agree(2);
  lab.connect(second);
  lab.agree(3);
  lab.checkSame();
  expect(lab.appliedBy('alone 0')).toBe(0);
});

test('a leader backs up quickly over long wrong logs', () => {
  const lab = new Lab(5);
  lab.agree();
  const propose = (id: number, count: number) => {
    for (let i = 0; i < count; i++) lab.propose(id, lab.command());
    lab.settle();
  };
  // Leader and one follower take 50 commands that are never committed.
  const first = lab.checkOneLeader();
  const [mate, ...others] = lab.ids.filter((id) => id !== first) as [number, ...number[]];
  lab.disconnect(...others);
  propose(first, 50);
  lab.disconnect(first, mate);
  // The others agree on 50 of their own; then one of them is cut off too.
  lab.connect(...others);
  const second = lab.checkOneLeader();
  propose(second, 50);
  const third = others.find((id) => id !== second)!;
  lab.disconnect(third);
  propose(second, 50);
  // All change sides: the first two come back with one that has the right log.
  for (const id of lab.ids) lab.disconnect(id);
  lab.connect(first, mate, third);
  lab.sent();
  lab.run(30);
  const fourth = lab.checkOneLeader();
  expect(fourth).toBe(third);
  propose(fourth, 50);
  lab.run(3);
  const rejections = lab.sent('append-reply').filter(({ rejected }) => rejected);
  expect(rejections.length).toBeLessThan(8);
  lab.connect(...lab.ids);
  lab.agree(5);
  lab.checkSame();
});

test('few messages are needed for elections, for agreement, and when idle', () => {
  const lab = new Lab(3);
  lab.checkOneLeader();
  expect(lab.sent().length).toBeLessThan(40);
  for (let i = 0; i < 10; i++) {
    lab.propose(lab.leader()!, lab.command());
    lab.settle();
  }
  // Two appends, two answers, two commit notices and their answers each.
  expect(lab.sent().length).toBeLessThanOrEqual(10 * 8);
  lab.run(10);
  expect(lab.sent().length).toBe(10 * 4);
});
