/** Traps 8 to 13 of elections, each sprung if the test is taken away; and leader priority. */
import { describe, expect, test } from 'vitest';
import { Cluster } from './cluster.ts';
import { Lone } from './lone.ts';
import { logOf, message } from './messages.ts';

describe('trap 8: a pre-vote is no vote', () => {
  test('it neither sets nor persists a vote or a term', () => {
    const lone = new Lone({ hardState: { term: 1 } });
    const [reply] = lone.tell(message('pre-vote', { term: 2 }));
    expect(reply).toMatchObject({ type: 'pre-vote-reply', granted: true, term: 2 });
    expect(lone.status).toMatchObject({ term: 1, vote: 0 });
    expect(lone.member.readies.some(({ hardState }) => hardState !== undefined)).toBe(false);
  });

  test('it does not take back a vote given in the same term', () => {
    const lone = new Lone({ hardState: { term: 1, vote: 3 } });
    lone.tell(message('pre-vote', { from: 2, term: 2 }));
    expect(lone.status.vote).toBe(3);
    expect(lone.tell(message('vote', { from: 2, term: 1 }))).toMatchObject([{ granted: false }]);
  });

  test('asking for pre-votes changes neither term nor vote', () => {
    const lone = new Lone({ hardState: { term: 1, vote: 3 } });
    lone.tell({ type: 'campaign' });
    expect(lone.sent('pre-vote').map(({ term }) => term)).toEqual([2, 2]);
    expect(lone.status).toMatchObject({ role: 'pre-candidate', term: 1, vote: 3 });
  });

  test('a late pre-vote does not elect a candidate', () => {
    const lone = new Lone({ voters: [1, 2, 3, 4, 5] });
    lone.tell({ type: 'campaign' });
    const { incarnation } = lone.core;
    for (const from of [2, 3]) lone.tell(message('pre-vote-reply', { from, term: 1, incarnation }));
    expect(lone.status.role).toBe('candidate');
    for (const from of [4, 5]) lone.tell(message('pre-vote-reply', { from, term: 1, incarnation }));
    expect(lone.status.role).toBe('candidate');
  });

  test('a vote does not win a pre-election', () => {
    const lone = new Lone({ hardState: { term: 1 } });
    lone.tell({ type: 'campaign' });
    const { incarnation } = lone.core;
    lone.tell(message('vote-reply', { from: 2, term: 1, incarnation }));
    expect(lone.status).toMatchObject({ role: 'pre-candidate', term: 1 });
  });
});

describe('trap 9: a pre-vote granted is no contact with the leader', () => {
  test('it does not restart the election timer', () => {
    const lone = new Lone();
    lone.tick(7);
    expect(lone.tell(message('pre-vote', { term: 1 }))).toMatchObject([{ granted: true }]);
    expect(lone.core.electionElapsedTicks).toBe(7);
  });

  test('the known leader’s own pre-vote and vote are granted, though it was just heard', () => {
    const lone = new Lone();
    lone.tell(message('heartbeat', { from: 2, term: 1 }));
    lone.sent();
    expect(lone.tell(message('pre-vote', { from: 3, term: 2 }))).toEqual([]);
    expect(lone.tell(message('pre-vote', { from: 2, term: 2 }))).toMatchObject([{ granted: true }]);
    expect(lone.tell(message('vote', { from: 2, term: 2 }))).toMatchObject([{ granted: true }]);
  });

  test('so a leader that restarts quickly may lead again without waiting for the others', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.crash(1);
    cluster.restart(1);
    cluster.elect(1);
    expect(cluster.status(2)).toMatchObject({ leader: 1, term: 2 });
  });
});

describe('trap 10: check-quorum and pre-vote must not wait for each other', () => {
  test.each(['append', 'heartbeat', 'quiesce'] as const)(
    'a %s of an earlier term is answered with the later term',
    (type) => {
      const lone = new Lone({ hardState: { term: 5 } });
      expect(lone.tell(message(type, { term: 2 }))).toMatchObject([
        { type: 'append-reply', term: 5, to: 2 },
      ]);
    },
  );

  test('a pre-vote of an earlier term is refused aloud', () => {
    const lone = new Lone({ hardState: { term: 5 } });
    expect(lone.tell(message('pre-vote', { term: 2 }))).toMatchObject([
      { type: 'pre-vote-reply', granted: false, term: 5 },
    ]);
  });

  test('a member stuck in a later term frees itself through the leader it hears', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    // It voted for itself in a term of its own before it was cut off.
    cluster.crash(3);
    cluster.member(3).preload([], { term: 4, vote: 3 });
    cluster.restart(3);
    cluster.runUntil(
      'all agree on a leader in a later term',
      () => [1, 2, 3].every((id) => cluster.status(id).leader === cluster.leader()),
      100,
    );
    expect(cluster.status(3).term).toBeGreaterThan(4);
  });

  test('two members, one in a later term with the shorter log, still elect', () => {
    const logs = { 1: logOf([1, 1]), 2: logOf([1]) };
    const hardStates = { 1: { term: 1 }, 2: { term: 6 } };
    const cluster = new Cluster({ members: [1, 2], logs, hardStates });
    cluster.runUntil('a leader', () => cluster.leader() === 1, 200);
  });
});

describe('trap 11: who is removed, and who does not know yet that it counts', () => {
  test('a learner that has not applied its promotion votes', () => {
    const lone = new Lone({ voters: [2, 3], learners: [1] });
    expect(lone.tell(message('vote', { term: 1 }))).toMatchObject([{ granted: true }]);
  });

  test('but a learner never campaigns', () => {
    const lone = new Lone({ voters: [2, 3], learners: [1] });
    lone.tick(100);
    lone.tell({ type: 'campaign' });
    lone.tell(message('timeout-now'));
    expect(lone.sent()).toEqual([]);
    expect(lone.status).toMatchObject({ role: 'follower' });
  });

  test('a member that cannot know of its removal cannot depose the leader', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.partition([1, 2], [3]);
    cluster.change(1, [{ type: 'remove-member', member: 3 }]);
    cluster.settle();
    cluster.run(50);
    cluster.heal();
    cluster.run(100);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', term: 1 });
  });

  test('a rejoining member does not disturb a leader that works, nor does a forced vote', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.run(3);
    cluster.deliver(message('vote', { from: 3, to: 2, term: 9, lastIndex: 9, lastTerm: 8 }));
    cluster.settle();
    expect(cluster.status(2)).toMatchObject({ term: 1, vote: 1, leader: 1 });
  });
});

describe('trap 12: term and vote are durable before anything rests on them', () => {
  test('in simple mode, before any request for a vote leaves', () => {
    const lone = new Lone({ settings: { preVote: false } });
    lone.member.step({ type: 'campaign' });
    const ready = lone.member.takeReady();
    expect(ready).toMatchObject({ mustSync: true, hardState: { term: 1, vote: 1 } });
    expect(ready.messages.map(({ type }) => type)).toEqual(['vote', 'vote']);
  });

  test('a vote counts for the life of the candidate that asked, not for the next', () => {
    const settings = { preVote: false, checkQuorum: false };
    const cluster = new Cluster({ members: [1, 2, 3, 4, 5], storage: 'async', settings });
    cluster.elect(2);
    // 1 gets an entry and campaigns with it, but neither reaches its disk.
    cluster.member(1).diskHeld = true;
    cluster.propose(2, 'x');
    cluster.settle();
    const release = cluster.hold(({ type, to }) => type === 'vote-reply' && to === 1);
    cluster.campaign(1);
    cluster.settle();
    cluster.crash(1);
    cluster.member(1).diskHeld = false;
    cluster.restart(1);
    expect(cluster.status(1)).toMatchObject({ term: 1, lastIndex: 1 });
    cluster.drop(({ from, to }) => from === 1 || to === 1);
    cluster.campaign(1);
    cluster.settle();
    expect(cluster.status(1)).toMatchObject({ term: 2, role: 'candidate' });
    release();
    expect(cluster.network.held).toEqual([]);
    expect(cluster.status(1).role).toBe('candidate');
  });

  test('a candidate whose own vote is not durable does not lead, whoever voted for it', () => {
    const lone = new Lone({ settings: { preVote: false, asyncStorageWrites: true } });
    lone.member.diskHeld = true;
    lone.becomeLeader();
    expect(lone.status.role).toBe('candidate');
    lone.member.diskHeld = false;
    lone.member.work();
    expect(lone.status.role).toBe('leader');
  });

  test('so that no member leads one term in two lives, with two logs', () => {
    const settings = { preVote: false, checkQuorum: false };
    const cluster = new Cluster({ members: [1, 2, 3], storage: 'async', settings });
    cluster.member(1).diskHeld = true;
    cluster.drop((sent) => sent.type === 'append' && sent.to === 2);
    cluster.campaign(1);
    cluster.settle();
    const release = cluster.hold((sent) => sent.type === 'append' && sent.to === 3);
    if (cluster.status(1).role === 'leader') cluster.propose(1, 'first life');
    cluster.settle();
    cluster.crash(1);
    cluster.member(1).diskHeld = false;
    cluster.restart(1);
    cluster.campaign(1);
    cluster.settle();
    cluster.network.clearDrops();
    cluster.tick(1);
    cluster.settle();
    cluster.propose(1, 'second life');
    cluster.settle();
    release();
    cluster.run(5);
    expect(cluster.log(3)).toEqual(cluster.log(1));
  });
});

describe('trap 13: a term is durable no later than its first entry', () => {
  test('a follower of a later term writes term and entries in one task', () => {
    const lone = new Lone({ settings: { asyncStorageWrites: true } });
    lone.member.diskHeld = true;
    lone.tell(message('append', { term: 4, entries: logOf([4]) }));
    expect(lone.member.appends).toMatchObject([
      { hardState: { term: 4 }, entries: [{ term: 4 }], mustSync: true },
    ]);
  });

  test('a leader’s first entry comes with its term, or after it', () => {
    const lone = new Lone({ settings: { preVote: false } });
    lone.becomeLeader();
    let term = 0;
    for (const { hardState, entries } of lone.member.readies) {
      term = hardState?.term ?? term;
      for (const entry of entries) expect(entry.term).toBeLessThanOrEqual(term);
    }
    expect(lone.terms).toEqual([1]);
  });
});

describe('leader priority', () => {
  test('a member refuses a candidate of lower priority with the same log', () => {
    const lone = new Lone({ log: logOf([1]), settings: { priority: 1 } });
    const request = { term: 2, lastIndex: 1, lastTerm: 1 };
    expect(lone.tell(message('vote', request))).toMatchObject([{ granted: false }]);
    expect(lone.tell(message('vote', { ...request, from: 3, priority: 1 }))).toMatchObject([
      { granted: true },
    ]);
  });

  test('but not one with a better log, however short: the better log must win', () => {
    const lone = new Lone({ log: logOf([1, 1, 1]), settings: { priority: 1 } });
    const better = { term: 3, lastIndex: 2, lastTerm: 2 };
    expect(lone.tell(message('vote', better))).toMatchObject([{ granted: true }]);
  });

  test('and not one whom the leader chose', () => {
    const lone = new Lone({ log: logOf([1]), settings: { priority: 1 } });
    const chosen = { term: 2, lastIndex: 1, lastTerm: 1, transfer: true };
    expect(lone.tell(message('vote', chosen))).toMatchObject([{ granted: true }]);
  });

  test('the member of the highest priority leads from the start', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const settings = (id: number) => ({ priority: id });
      const cluster = new Cluster({ members: [1, 2, 3], settings, seed });
      cluster.runUntil('a leader', () => cluster.leader() !== undefined);
      // The lowest never has a majority against the two above it.
      expect(cluster.leader()).not.toBe(1);
    }
  });

  test('two of three elect, whoever of them has the priority and whoever the log', () => {
    const logs = { 1: logOf([1, 1, 1]), 2: logOf([1, 2]), 3: [] };
    const settings = (id: number) => ({ priority: id === 1 ? 1 : 0 });
    const cluster = new Cluster({ members: [1, 2, 3], settings, logs });
    cluster.crash(3);
    cluster.runUntil('a leader', () => cluster.leader() === 2);
  });
});
