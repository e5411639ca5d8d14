/** A member that lost a part of its log neither votes nor counts until its peers have repaired it. */
import { describe, expect, test } from 'vitest';
import { AssertionError } from '../../src/base/assert.ts';
import { Cluster } from './cluster.ts';

/** Three members, led by 1, in which only 1 and 3 have what was committed last. */
function committedWithout2(): Cluster {
  const cluster = new Cluster({ members: [1, 2, 3] });
  cluster.elect(1);
  cluster.propose(1, 'early');
  cluster.settle();
  cluster.partition([1, 3], [2]);
  cluster.propose(1, 'late');
  cluster.settle();
  expect(cluster.applied(1)).toEqual(['early', 'late']);
  return cluster;
}

/** Member 3 comes back with its first entry alone. */
function loseLog(cluster: Cluster, settings: { suspect?: 'log' | 'log-and-votes' } = {}): void {
  cluster.crash(3);
  cluster.member(3).lose(1);
  cluster.restart(3, settings);
}

describe('a member that lost a part of its log', () => {
  test('would vote a committed entry away if it were trusted', () => {
    const cluster = committedWithout2();
    loseLog(cluster);
    cluster.crash(1);
    cluster.heal();
    // Member 2 wins with the vote of 3: what the cluster had committed is gone.
    expect(() => {
      cluster.runUntil('a leader', () => cluster.leader() === 2);
      cluster.propose(2, 'other');
      cluster.run(20);
      cluster.restart(1);
      cluster.run(20);
    }).toThrow(AssertionError);
  });

  test('does not vote while it is suspect, so that nobody without the entry leads', () => {
    const cluster = committedWithout2();
    loseLog(cluster, { suspect: 'log' });
    cluster.crash(1);
    cluster.heal();
    cluster.run(100);
    expect(cluster.leader()).toBeUndefined();
    cluster.restart(1);
    cluster.runUntil('a leader', () => cluster.leader() === 1);
    cluster.runUntil('repair', () => !cluster.status(3).suspect);
    expect(cluster.applied(3)).toEqual(['early', 'late']);
    // Now its vote is worth as much as anybody's.
    cluster.crash(1);
    cluster.runUntil('another leader', () => cluster.leader() === 3);
    expect(cluster.applied(3)).toEqual(['early', 'late']);
  });

  test('is not counted for commits, though it has the entries', () => {
    const cluster = committedWithout2();
    loseLog(cluster, { suspect: 'log' });
    // Nobody confirms that 1 leads, so 3 gets entries and stays suspect.
    cluster.settle();
    const { commit } = cluster.status(1);
    cluster.propose(1, 'x');
    for (let i = 0; i < 4; i++) cluster.run(1);
    expect(cluster.status(3).lastIndex).toBe(cluster.status(1).lastIndex);
    expect(cluster.status(1).progress.find(({ member }) => member === 3)).toMatchObject({
      suspect: true,
    });
    expect(cluster.status(1).commit).toBe(commit);
    expect(cluster.status(3).suspect).toBe(true);
    cluster.heal();
    cluster.runUntil('repair', () => !cluster.status(3).suspect);
    cluster.runUntil('commit', () => cluster.applied(3).includes('x'));
  });

  test('confirms no reads, and does not keep a leader in office', () => {
    const cluster = committedWithout2();
    loseLog(cluster, { suspect: 'log' });
    cluster.settle();
    cluster.tick(3);
    cluster.settle();
    cluster.read(1, 7);
    cluster.settle();
    expect(cluster.member(1).reads).toEqual([]);
    cluster.run(25);
    expect(cluster.status(1).role).not.toBe('leader');
  });

  test('is forgotten by the leader that had counted on it', () => {
    const cluster = new Cluster({ members: [1, 2, 3], storage: 'async' });
    cluster.elect(1);
    cluster.settle();
    cluster.partition([1, 3], [2]);
    // The leader's own disk is slow: member 3 acknowledges, and nothing is committed yet.
    cluster.member(1).diskHeld = true;
    cluster.propose(1, 'x');
    cluster.settle();
    expect(cluster.status(1).progress[2]?.match).toBe(2);
    expect(cluster.status(1).commit).toBe(1);
    loseLog(cluster, { suspect: 'log' });
    // It asks, and is heard; but no append reaches it.
    const heal = cluster.drop((sent) => sent.type === 'append' && sent.to === 3);
    cluster.run(1);
    cluster.member(1).diskHeld = false;
    cluster.settle();
    expect(cluster.status(1).commit).toBe(1);
    heal();
    cluster.heal();
    cluster.runUntil('repair', () => !cluster.status(3).suspect);
    expect(cluster.applied(3)).toEqual(['x']);
  });

  test('takes no commit index from a leader that does not know of its loss', () => {
    const cluster = committedWithout2();
    const before = cluster.status(3).commit;
    const stop = cluster.drop((sent) => sent.from === 3);
    loseLog(cluster, { suspect: 'log' });
    cluster.tick(1, 3);
    cluster.settle();
    expect(before).toBe(3);
    expect(cluster.status(3).commit).toBe(1);
    stop();
    cluster.heal();
    cluster.runUntil('repair', () => cluster.applied(3).length === 2);
  });

  test('begins in the midst of a life where a leader shows the loss', () => {
    const cluster = committedWithout2();
    loseLog(cluster);
    cluster.heal();
    let shown = '';
    for (let i = 0; i < 20 && shown === ''; i++) {
      try {
        cluster.run(1);
      } catch (error) {
        shown = (error as { code?: string }).code ?? String(error);
      }
    }
    expect(shown).toBe('log-damaged');
    cluster.member(3).running.becomeSuspect();
    cluster.runUntil('repair', () => !cluster.status(3).suspect);
    expect(cluster.applied(3)).toEqual(['early', 'late']);
  });

  test('wakes a quiet group', () => {
    const settings = { quiesceAfterTicks: 5 };
    const cluster = new Cluster({ members: [1, 2, 3], settings });
    cluster.elect(1);
    cluster.propose(1, 'x');
    cluster.runUntil('quiet', () => cluster.status(1).quiet && cluster.status(2).quiet);
    loseLog(cluster, { suspect: 'log' });
    cluster.runUntil('repair', () => !cluster.status(3).suspect);
    expect(cluster.applied(3)).toEqual(['x']);
    cluster.runUntil('quiet again', () => [1, 2, 3].every((id) => cluster.status(id).quiet));
  });

  test('is no successor', () => {
    const cluster = committedWithout2();
    loseLog(cluster, { suspect: 'log' });
    cluster.tick(3);
    cluster.settle();
    expect(() => cluster.transfer(1, 3)).toThrow(/does not vote/);
  });
});

describe('a member that may have lost votes as well', () => {
  test('stays suspect until the others’ terms are known, and votes only after them', () => {
    const cluster = committedWithout2();
    cluster.crash(3);
    cluster.member(3).lose(1, { term: 1, vote: 0, commit: 1 });
    cluster.restart(3, { suspect: 'log-and-votes' });
    cluster.heal();
    cluster.run(20);
    expect(cluster.applied(3)).toEqual(['early', 'late']);
    expect(cluster.status(3).suspect).toBe(true);
    const { term } = cluster.status(1);
    cluster.member(3).running.settleVotes(term);
    cluster.run(2);
    expect(cluster.status(3)).toMatchObject({ suspect: false, term, vote: 3, leader: 1 });
    // Some other member was ahead: nothing is voted in its term either.
    cluster.crash(1);
    cluster.runUntil('a new leader', () => cluster.leader() !== undefined);
    expect(cluster.status(cluster.leader()!).term).toBeGreaterThan(term);
  });

  test('goes to the highest term that any of them is in', () => {
    const cluster = committedWithout2();
    loseLog(cluster, { suspect: 'log-and-votes' });
    const term = cluster.status(1).term + 3;
    cluster.member(3).running.settleVotes(term);
    expect(cluster.status(3)).toMatchObject({ term, vote: 3, leader: 0 });
  });
});

describe('five members, with lost logs, power and links', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])(
    'nothing committed is lost, seed %i',
    (seed) => {
      const cluster = new Cluster({ members: [1, 2, 3, 4, 5], seed });
      const { random } = cluster;
      let next = 0;
      for (let round = 0; round < 60; round++) {
        const id = 1 + random.below(5);
        const kind = random.below(6);
        if (kind === 0 && cluster.member(id).raft !== undefined) cluster.crash(id);
        else if (kind <= 2 && cluster.member(id).raft === undefined) {
          // At most a minority is suspect at a time: of two that lost the same, no one may know.
          const others = [...cluster.members.values()].filter(
            (each) => each.raft === undefined || each.raft.status().suspect,
          );
          if (kind === 1 && others.length === 1) {
            cluster.member(id).lose(random.below(cluster.member(id).storage.lastIndex() + 1));
            cluster.restart(id, { suspect: 'log' });
          } else {
            const marked = cluster.member(id).settings.suspect !== undefined;
            cluster.restart(id, marked ? {} : { suspect: undefined });
          }
        } else if (kind === 3)
          cluster.partition(
            [id],
            [1, 2, 3, 4, 5].filter((x) => x !== id),
          );
        else if (kind === 4) cluster.heal();
        const leader = cluster.leader();
        if (leader !== undefined && cluster.status(leader).transferTarget === 0) {
          cluster.propose(leader, `c${next++}`);
        }
        cluster.run(1 + random.below(12));
        for (const member of cluster.members.values()) {
          if (member.raft?.status().suspect === false) member.settings = {};
        }
      }
      cluster.heal();
      for (const [id, { raft }] of cluster.members) if (raft === undefined) cluster.restart(id);
      cluster.runUntil('all alike', () => {
        const all = [1, 2, 3, 4, 5].map((id) => cluster.status(id));
        return all.every(({ suspect, commit }) => !suspect && commit === all[0]!.commit);
      });
      expect(next).toBeGreaterThan(10);
    },
  );
});
