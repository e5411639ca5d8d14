/** MIT 6.824, Raft lab, part D: logs that are compacted, and who comes back too late for them. */
import { describe, expect, test } from 'vitest';
import { Lab } from './lab.ts';

const unreliable = { lossRatio: 0.1, duplicationRatio: 0.1, delayTicksMax: 4 };

/** Everyone who is up snapshots its machine and drops its log now and then. */
function compactAll(lab: Lab): void {
  for (const id of lab.ids) {
    const { raft } = lab.member(id);
    if (raft === undefined || raft.core.log.installing) continue;
    if (lab.member(id).applies.length > 0 || lab.member(id).appends.length > 0) continue;
    if (lab.status(id).applied >= lab.status(id).firstIndex + 4) lab.member(id).compact();
  }
}

/** The host's duty: it reports what became of a snapshot. */
function reportSnapshots(lab: Lab): void {
  for (const id of lab.ids) {
    const { raft } = lab.member(id);
    for (const { member, state } of raft?.status().progress ?? []) {
      if (state === 'snapshot') raft?.step({ type: 'report-snapshot', member, failed: true });
    }
  }
}

test('basic: all compact, and go on', () => {
  const lab = new Lab(3);
  for (let i = 0; i < 30; i++) {
    lab.agree();
    compactAll(lab);
  }
  expect(lab.status(1).firstIndex).toBeGreaterThan(25);
  expect(lab.applied(1)).toHaveLength(30);
  lab.checkSame();
});

describe('who was away is brought up by snapshot', () => {
  test.each([
    ['disconnected', 'reliable', 1],
    ['disconnected', 'unreliable', 2],
    ['crashed', 'reliable', 3],
    ['crashed', 'unreliable', 4],
  ] as const)('%s, %s network, seed %i', (how, network, seed) => {
    const lab = new Lab(3, { seed });
    if (network === 'unreliable') lab.network.weather = unreliable;
    lab.agree();
    for (let round = 0; round < 12; round++) {
      const leader = lab.checkOneLeader();
      const victim = round % 3 === 1 ? leader : lab.ids.filter((id) => id !== leader)[round % 2]!;
      if (how === 'crashed') lab.crash(victim);
      else lab.disconnect(victim);
      for (let i = 0; i < 6; i++) {
        lab.agree(2);
        compactAll(lab);
      }
      if (how === 'crashed') lab.restart(victim);
      else lab.connect(victim);
      lab.runUntil('all the same', () => {
        reportSnapshots(lab);
        return new Set(lab.ids.map((id) => lab.applied(id).join())).size === 1;
      });
    }
    expect(lab.sent('snapshot').length).toBeGreaterThan(0);
    lab.checkSame();
  });
});

test('all crash after compaction: snapshot and log together have everything', () => {
  const lab = new Lab(3);
  for (let i = 0; i < 20; i++) {
    lab.agree();
    compactAll(lab);
  }
  lab.crash(...lab.ids);
  for (const id of lab.ids) lab.restart(id);
  lab.agree(3);
  expect(lab.applied(2)).toHaveLength(21);
  lab.checkSame();
});
