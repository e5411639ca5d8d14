/** The paper on safety: figure 3, §5.4.2 (figure 8), what must be persistent (figure 2), §6, §7. */
import { describe, expect, test } from 'vitest';
import { Cluster } from './cluster.ts';
import { Lone } from './lone.ts';
import { logOf, message, snapshotAt, votersOf } from './messages.ts';

const plain = { preVote: false, checkQuorum: false };

describe('§5.4.2 entries of earlier terms', () => {
  // Log of a leader elected in term 3, what a follower acknowledges, the commit index after it.
  test.each([
    [[1, 2], 1, 0],
    [[1, 2], 2, 0],
    [[1, 2], 3, 3],
    [[1, 1], 2, 0],
  ])('log %j, a majority holds up to %i: commit %i', (terms, index, commit) => {
    const lone = new Lone({ log: logOf(terms), hardState: { term: 2 }, settings: plain });
    lone.becomeLeader();
    lone.acknowledge(2, index);
    expect(lone.status.commit).toBe(commit);
  });

  /** Figure 8, (a) to (c): S1 leads again in term 4 and has its entry of term 2 on a majority. */
  function figure8(): Cluster {
    const logs = {
      1: logOf([1, 2]),
      2: logOf([1, 2]),
      3: logOf([1]),
      4: logOf([1]),
      5: logOf([1, 3]),
    };
    const hardStates = Object.fromEntries([1, 2, 3, 4, 5].map((id) => [id, { term: 3 }]));
    const settings = plain;
    const cluster = new Cluster({ members: [1, 2, 3, 4, 5], settings, logs, hardStates });
    cluster.crash(5);
    // S3 gets the entry of term 2, but nobody gets S1's first one of term 4.
    cluster.drop(({ type, to }) => type === 'append' && to !== 3);
    cluster.drop((sent) => sent.type === 'append' && sent.entries.some(({ term }) => term === 4));
    cluster.campaign(1);
    cluster.settle();
    const inTerm = { from: 1, term: 4 };
    const entries = logOf([2], 2);
    cluster.deliver(
      message('append', { ...inTerm, to: 2, previousIndex: 2, previousTerm: 2 }),
      message('append', { ...inTerm, to: 3, previousIndex: 1, previousTerm: 1, entries }),
    );
    cluster.settle();
    return cluster;
  }

  test('figure 8 (c): an entry of term 2 on a majority is not committed by the leader of term 4', () => {
    const cluster = figure8();
    expect([1, 2, 3].map((id) => cluster.terms(id)[1])).toEqual([2, 2, 2]);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', term: 4, commit: 0 });
    expect([2, 3].map((id) => cluster.core(1).progressOf(id)?.match)).toEqual([2, 2]);
  });

  test('figure 8 (d): so S5 may still replace it everywhere', () => {
    const cluster = figure8();
    cluster.crash(1);
    cluster.restart(5);
    cluster.network.clearDrops();
    cluster.campaign(5);
    cluster.settle();
    if (cluster.leader() !== 5) cluster.elect(5);
    expect([2, 3, 4, 5].map((id) => cluster.terms(id)[1])).toEqual([3, 3, 3, 3]);
    expect(cluster.applied(2)).toEqual(['1.1', '3.2']);
  });

  test('figure 8 (e): once its own entry is on a majority all is committed, and S5 cannot win', () => {
    const cluster = figure8();
    cluster.network.clearDrops();
    cluster.tick(1);
    cluster.settle();
    expect(cluster.status(1).commit).toBe(3);
    cluster.crash(1);
    cluster.restart(5);
    for (let i = 0; i < 3; i++) {
      cluster.campaign(5);
      cluster.settle();
      expect(cluster.leader()).not.toBe(5);
    }
  });
});

describe('figure 2: persistent state', () => {
  test('a vote is durable when its reply leaves', () => {
    const lone = new Lone({ settings: { ...plain, asyncStorageWrites: true } });
    lone.member.diskHeld = true;
    expect(lone.tell(message('vote', { term: 1 }))).toEqual([]);
    lone.member.write();
    expect(lone.member.storage.initialState().hardState).toMatchObject({ term: 1, vote: 2 });
    expect(lone.member.collect()).toMatchObject([{ type: 'vote-reply', granted: true }]);
  });

  test('a vote is written in a term that was known before as well', () => {
    const lone = new Lone({ hardState: { term: 1 }, settings: plain });
    lone.tell(message('vote', { term: 1 }));
    expect(lone.member.storage.initialState().hardState).toMatchObject({ term: 1, vote: 2 });
    lone.member.crash();
    lone.member.start();
    expect(lone.tell(message('vote', { from: 3, term: 1 }))).toMatchObject([{ granted: false }]);
  });

  test('entries are durable when their acknowledgement leaves', () => {
    const lone = new Lone({ settings: { ...plain, asyncStorageWrites: true } });
    lone.member.diskHeld = true;
    expect(lone.tell(message('append', { entries: logOf([1]) }))).toEqual([]);
    lone.member.write();
    expect(lone.member.storage.lastIndex()).toBe(1);
    expect(lone.member.collect()).toMatchObject([{ type: 'append-reply', index: 1 }]);
  });

  test('a voter that crashes with its vote durable does not vote for another in that term', () => {
    const cluster = new Cluster({ members: [1, 2, 3], settings: plain });
    cluster.drop(({ from, to }) => from === 3 || to === 3);
    cluster.elect(1);
    cluster.crash(2);
    cluster.restart(2);
    cluster.deliver(message('vote', { from: 3, to: 2, term: 1, lastIndex: 9, lastTerm: 1 }));
    cluster.work(2);
    expect(cluster.sent('vote-reply').filter(({ to }) => to === 3)).toMatchObject([
      { granted: false },
    ]);
  });

  test('what a crashed member had not persisted it does not remember', () => {
    const cluster = new Cluster({ members: [1, 2, 3], storage: 'async', settings: plain });
    cluster.elect(1);
    cluster.member(2).diskHeld = true;
    cluster.propose(1, 'x');
    cluster.settle();
    expect(cluster.status(2).lastIndex).toBe(2);
    cluster.crash(2);
    cluster.member(2).diskHeld = false;
    cluster.restart(2);
    expect(cluster.status(2).lastIndex).toBe(1);
    cluster.run(3);
    expect(cluster.applied(2)).toEqual(['x']);
  });
});

describe('figure 3', () => {
  test('election safety: two candidates of one term cannot both win', () => {
    const cluster = new Cluster({ members: [1, 2, 3, 4, 5], settings: plain });
    cluster.campaign(1);
    cluster.campaign(5);
    cluster.settle();
    const leaders = [1, 2, 3, 4, 5].filter((id) => cluster.status(id).role === 'leader');
    expect(leaders.length).toBeLessThanOrEqual(1);
  });

  test('leader completeness: an entry committed by a minority partition’s leader never was', () => {
    const cluster = new Cluster({ members: [1, 2, 3, 4, 5], settings: plain });
    cluster.elect(1);
    cluster.partition([1, 2], [3, 4, 5]);
    cluster.propose(1, 'lost');
    cluster.settle();
    cluster.elect(3);
    cluster.propose(3, 'kept');
    cluster.settle();
    cluster.heal();
    cluster.run(3);
    for (const id of [1, 2, 3, 4, 5]) expect(cluster.applied(id)).toEqual(['kept']);
  });

  test('log matching: the same entry at an index means the same log before it', () => {
    const cluster = new Cluster({ members: [1, 2, 3], settings: plain, seed: 5 });
    for (let round = 0; round < 12; round++) {
      const away = 1 + (round % 3);
      cluster.partition(
        [away],
        [1, 2, 3].filter((id) => id !== away),
      );
      cluster.runUntil('a leader', () => ![undefined, away].includes(cluster.leader()));
      for (const id of [1, 2, 3]) {
        if (cluster.status(id).role === 'leader') cluster.propose(id, `${round} on ${id}`);
      }
      cluster.run(2);
      for (const other of [2, 3]) {
        const mine = cluster.log(1);
        const theirs = cluster.log(other);
        let same = Math.min(mine.length, theirs.length);
        while (same > 0 && mine[same - 1]?.term !== theirs[same - 1]?.term) same--;
        expect(theirs.slice(0, same)).toEqual(mine.slice(0, same));
      }
    }
  });
});

describe('§6 membership', () => {
  test('a removed member with ever higher terms does not disturb those who hear their leader', () => {
    const cluster = new Cluster({ members: [1, 2, 3], settings: { preVote: false } });
    cluster.elect(1);
    cluster.drop(({ from, to }) => from === 1 && to === 3);
    cluster.change(1, [{ type: 'remove-member', member: 3 }]);
    cluster.settle();
    expect(cluster.status(2).configuration.voters).toEqual([1, 2]);
    for (let i = 0; i < 100; i++) cluster.run(1);
    expect(cluster.status(3).term).toBeGreaterThan(1);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', term: 1 });
  });

  test('a newcomer first catches up without a vote', () => {
    const cluster = new Cluster({ members: [1], settings: plain });
    cluster.elect(1);
    cluster.propose(1, 'x');
    cluster.join(2, { voters: [1], learners: [2] });
    cluster.change(1, [{ type: 'add-learner', member: 2 }]);
    cluster.settle();
    expect(cluster.applied(2)).toEqual(['x']);
    cluster.change(1, [{ type: 'add-voter', member: 2 }]);
    cluster.settle();
    expect(cluster.status(2).configuration).toEqual(votersOf(1, 2));
  });
});

describe('§7 log compaction', () => {
  test('who is too far behind gets a snapshot, and then the entries after it', () => {
    const cluster = new Cluster({ members: [1, 2, 3], settings: plain });
    cluster.elect(1);
    cluster.partition([1, 2], [3]);
    cluster.propose(1, 'a', 'b', 'c');
    cluster.settle();
    cluster.member(1).compact();
    cluster.propose(1, 'd');
    cluster.settle();
    cluster.heal();
    cluster.sent();
    cluster.run(3);
    expect(cluster.sent('snapshot')).toMatchObject([{ to: 3, snapshot: { index: 4, term: 1 } }]);
    expect(cluster.applied(3)).toEqual(['a', 'b', 'c', 'd']);
    expect(cluster.status(3)).toMatchObject({ firstIndex: 5, lastIndex: 5, commit: 5 });
  });

  test('a snapshot of an earlier term is refused', () => {
    const lone = new Lone({ hardState: { term: 3 }, settings: plain });
    lone.tell(message('snapshot', { term: 2, snapshot: snapshotAt(5, 2, [1, 2, 3]) }));
    expect(lone.status).toMatchObject({ lastIndex: 0, commit: 0 });
  });

  test('a member restarts from its own snapshot and the log behind it', () => {
    const cluster = new Cluster({ members: [1, 2, 3], settings: plain });
    cluster.elect(1);
    cluster.propose(1, 'a', 'b');
    cluster.settle();
    cluster.member(2).compact();
    cluster.propose(1, 'c');
    cluster.settle();
    cluster.crash(2);
    cluster.restart(2);
    cluster.run(2);
    expect(cluster.status(2).firstIndex).toBe(4);
    expect(cluster.applied(2)).toEqual(['a', 'b', 'c']);
  });
});
