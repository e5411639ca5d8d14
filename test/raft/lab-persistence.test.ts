/** MIT 6.824, Raft lab, part C: crashes, figure 8, and networks that cannot be trusted. */
import { describe, expect, test } from 'vitest';
import { Lab } from './lab.ts';

const unreliable = { lossRatio: 0.1, duplicationRatio: 0.1, delayTicksMax: 4 };

test('persist 1: all crash, then leaders, then followers; nothing agreed on is lost', () => {
  const lab = new Lab(3);
  lab.agree();
  lab.crash(...lab.ids);
  for (const id of lab.ids) lab.restart(id);
  lab.agree();
  const leader = lab.checkOneLeader();
  lab.crash(leader);
  lab.restart(leader);
  lab.agree();
  const second = lab.checkOneLeader();
  lab.crash(second);
  lab.agree(2);
  lab.restart(second);
  lab.run(20);
  const follower = lab.ids.find((id) => id !== lab.checkOneLeader())!;
  lab.crash(follower);
  lab.agree(2);
  lab.restart(follower);
  lab.agree(3);
  lab.checkSame();
});

test('persist 2: of five, ever others crash together', () => {
  const lab = new Lab(5);
  for (let round = 0; round < 5; round++) {
    lab.agree();
    const leader = lab.checkOneLeader();
    const at = (step: number) => ((leader - 1 + step) % 5) + 1;
    lab.crash(at(1), at(2));
    lab.agree(3);
    lab.crash(at(0), at(3), at(4));
    lab.restart(at(1));
    lab.restart(at(2));
    lab.run(20);
    lab.restart(at(3));
    lab.agree(3);
    lab.restart(at(4));
    lab.restart(at(0));
  }
  lab.agree(5);
  lab.checkSame();
});

test('persist 3: a partitioned leader and one follower crash, the leader alone restarts', () => {
  const lab = new Lab(3);
  lab.agree();
  const leader = lab.checkOneLeader();
  const [mate, away] = lab.ids.filter((id) => id !== leader) as [number, number];
  lab.disconnect(away);
  lab.agree(2);
  lab.crash(leader, mate);
  lab.connect(away);
  lab.restart(leader);
  lab.agree(2);
  lab.restart(mate);
  lab.agree(3);
  lab.checkSame();
});

describe('figure 8: leaders crash, often before they commit, a majority always comes back', () => {
  test.each([1, 2, 3, 4])('seed %i', (seed) => {
    const lab = new Lab(5, { seed });
    let up = 5;
    for (let round = 0; round < 150; round++) {
      for (const id of lab.ids) {
        if (lab.member(id).raft?.status().role !== 'leader') continue;
        lab.propose(id, lab.command());
        // Sometimes the network has a moment, mostly not.
        if (lab.random.below(10) === 0) lab.run(8);
        else if (lab.random.below(2) === 0) lab.work(id);
        lab.crash(id);
        up--;
      }
      lab.run(3);
      const down = lab.ids.filter((id) => lab.member(id).raft === undefined);
      if (up < 3 && down.length > 0) {
        lab.restart(down[lab.random.below(down.length)]!);
        up++;
      }
      lab.run(8);
    }
    for (const id of lab.ids) if (lab.member(id).raft === undefined) lab.restart(id);
    lab.agree(5);
    lab.checkSame();
  });
});

test.each([1, 2])('unreliable agreement: many proposals, all are applied, seed %i', (seed) => {
  const lab = new Lab(5, { seed });
  lab.network.weather = unreliable;
  for (let round = 0; round < 20; round++) {
    lab.agree(1);
    const leader = lab.leader();
    for (let i = 0; i < 4 && leader !== undefined; i++) lab.propose(leader, lab.command());
  }
  lab.agree(5);
  lab.runUntil('the same', () => new Set(lab.ids.map((id) => lab.applied(id).join())).size === 1);
  expect(lab.applied(1).length).toBeGreaterThan(60);
});

describe('figure 8 over an unreliable network', () => {
  test.each([1, 2, 3])('seed %i', (seed) => {
    const lab = new Lab(5, { seed });
    lab.network.weather = { ...unreliable, delayTicksMax: 12 };
    for (let round = 0; round < 150; round++) {
      for (const id of lab.ids) {
        if (lab.status(id).role !== 'leader') continue;
        lab.propose(id, lab.command());
        if (lab.random.below(4) === 0) lab.disconnect(id);
      }
      lab.run(1 + lab.random.below(8));
      const away = lab.ids.filter((id) => !lab.connected.includes(id));
      if (lab.connected.length < 3) lab.connect(away[lab.random.below(away.length)]!);
    }
    lab.connect(...lab.ids);
    lab.network.weather = { ...unreliable, lossRatio: 0.02 };
    lab.agree(5);
    lab.runUntil('the same', () => new Set(lab.ids.map((id) => lab.applied(id).join())).size === 1);
  });
});

describe('churn: clients propose to whom they take for the leader while members come and go', () => {
  test.each([
    ['reliable', 1],
    ['reliable', 2],
    ['unreliable', 1],
    ['unreliable', 2],
  ] as const)('%s network, seed %i', (network, seed) => {
    const lab = new Lab(5, { seed });
    if (network === 'unreliable') lab.network.weather = unreliable;
    const acknowledged: string[] = [];
    const pending: string[] = [];
    for (let round = 0; round < 60; round++) {
      const any = 1 + lab.random.below(5);
      const dice = lab.random.below(10);
      if (dice < 2) lab.disconnect(any);
      else if (dice < 5) lab.connect(any);
      if (dice > 7 && lab.member(any).raft !== undefined) lab.crash(any);
      else if (dice < 7 && lab.member(any).raft === undefined) lab.restart(any);
      for (const id of lab.ids) {
        if (lab.member(id).raft?.status().role !== 'leader') continue;
        const command = lab.command();
        lab.propose(id, command);
        pending.push(command);
      }
      lab.run(1 + lab.random.below(14));
      // What any member has applied was committed, and must be there for ever.
      acknowledged.push(...pending.splice(0).filter((command) => lab.appliedBy(command) > 0));
    }
    lab.connect(...lab.ids);
    for (const id of lab.ids) if (lab.member(id).raft === undefined) lab.restart(id);
    lab.network.weather = { ...unreliable, lossRatio: 0.02 };
    lab.agree(5);
    lab.runUntil('the same', () => new Set(lab.ids.map((id) => lab.applied(id).join())).size === 1);
    expect(acknowledged.length).toBeGreaterThan(5);
    expect(lab.applied(3)).toEqual(expect.arrayContaining(acknowledged));
  });
});
