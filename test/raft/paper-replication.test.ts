/** The paper on logs: §5.3 (replication, log matching), §5.5 (crashes of others), §8 (clients). */
import { describe, expect, test } from 'vitest';
import { Cluster } from './cluster.ts';
import { Lone } from './lone.ts';
import { logOf, message } from './messages.ts';

const plain = { preVote: false, checkQuorum: false };

describe('§5.3 log replication', () => {
  test('a leader appends a command and sends it to all others at once', () => {
    const lone = new Lone({ settings: plain });
    lone.becomeLeader();
    lone.acknowledge(2, 1);
    lone.acknowledge(3, 1);
    lone.sent();
    expect(lone.propose('x')).toEqual({ term: 1, index: 2, refusals: [] });
    for (const append of lone.sent('append')) {
      expect(append).toMatchObject({ previousIndex: 1, previousTerm: 1, term: 1 });
      expect(append.entries.map(({ index, term }) => [index, term])).toEqual([[2, 1]]);
    }
  });

  test('an entry is committed once a majority holds it, and then applied and made known', () => {
    const lone = new Lone({ settings: plain });
    lone.becomeLeader();
    lone.acknowledge(2, 1);
    lone.acknowledge(3, 1);
    lone.propose('x');
    expect(lone.status.commit).toBe(1);
    lone.sent();
    lone.acknowledge(2, 2);
    expect(lone.status.commit).toBe(2);
    expect(lone.member.machine.commands).toEqual(['x']);
    expect(lone.sent('append').map(({ to, commit }) => [to, commit])).toEqual([
      [2, 2],
      [3, 2],
    ]);
  });

  // Cluster size, how many others acknowledge, whether that commits.
  test.each([
    [1, 0, true],
    [2, 0, false],
    [2, 1, true],
    [3, 0, false],
    [3, 1, true],
    [4, 1, false],
    [4, 2, true],
    [5, 1, false],
    [5, 2, true],
    [5, 4, true],
    [7, 2, false],
    [7, 3, true],
  ])('of %i members the leader and %i others hold an entry: committed %s', (size, others, done) => {
    const voters = Array.from({ length: size }, (_, i) => i + 1);
    const lone = new Lone({ voters, settings: plain });
    lone.becomeLeader();
    const { index } = lone.propose('x')!;
    for (const from of voters.slice(1, 1 + others)) lone.acknowledge(from, index);
    expect(lone.status.commit === index).toBe(done);
  });

  test('committing an entry commits all before it, those of other leaders included', () => {
    const lone = new Lone({ log: logOf([1, 1, 2]), settings: plain });
    lone.becomeLeader();
    lone.acknowledge(2, 4);
    expect(lone.status).toMatchObject({ commit: 4, applied: 4 });
    expect(lone.member.machine.commands).toEqual(['1.1', '1.2', '2.3']);
  });

  test('a follower applies what the leader has committed, in log order', () => {
    const lone = new Lone({ settings: plain });
    lone.tell(message('append', { entries: logOf([1, 1, 1]), commit: 2 }));
    expect(lone.member.machine.commands).toEqual(['1.1', '1.2']);
    lone.tell(message('append', { previousIndex: 3, previousTerm: 1, commit: 3 }));
    expect(lone.member.machine.commands).toEqual(['1.1', '1.2', '1.3']);
  });

  // Position before the append, whether a follower with the log [1, 2] takes it.
  test.each([
    [0, 0, true],
    [1, 1, true],
    [2, 2, true],
    [1, 2, false],
    [2, 1, false],
    [3, 2, false],
  ])('consistency check of (index %i, term %i): %s', (previousIndex, previousTerm, accepted) => {
    const lone = new Lone({ log: logOf([1, 2]), settings: plain });
    const [reply] = lone.tell(message('append', { term: 3, previousIndex, previousTerm }));
    expect(reply).toMatchObject({ rejected: !accepted, index: previousIndex, term: 3 });
  });

  // An append of term 3 to a follower with the log [1, 2]; its log afterwards (log matching).
  test.each([
    [2, 2, [3], [1, 2, 3]],
    [1, 1, [3, 3], [1, 3, 3]],
    [0, 0, [1], [1, 2]],
    [0, 0, [3], [3]],
    [1, 1, [2], [1, 2]],
    [1, 1, [2, 3], [1, 2, 3]],
    [0, 0, [], [1, 2]],
  ])('after (%i, %i) %j: %j', (previousIndex, previousTerm, terms, result) => {
    const lone = new Lone({ log: logOf([1, 2]), settings: plain });
    const entries = logOf(terms, previousIndex + 1);
    lone.tell(message('append', { term: 3, previousIndex, previousTerm, entries }));
    expect(lone.terms).toEqual(result);
  });

  test('the leader retries an append until a member that was away has it', () => {
    const cluster = new Cluster({ members: [1, 2, 3], settings: plain });
    cluster.elect(1);
    cluster.crash(3);
    for (const word of ['a', 'b', 'c']) cluster.propose(1, word);
    cluster.settle();
    cluster.restart(3);
    cluster.run(3);
    expect(cluster.applied(3)).toEqual(['a', 'b', 'c']);
  });

  test('a rejection is answered at once with an append further back', () => {
    const lone = new Lone({ log: logOf([1, 1, 1]), settings: plain });
    lone.becomeLeader();
    const hint = { hintIndex: 1, hintTerm: 1 };
    const term = lone.core.term;
    const [retry] = lone.tell(message('append-reply', { term, index: 3, rejected: true, ...hint }));
    expect(retry).toMatchObject({ type: 'append', previousIndex: 1, previousTerm: 1 });
  });

  test('a whole term is skipped with each rejection', () => {
    const leader = [1, 3, 3, 3, 3, 3, 3, 3];
    const follower = [1, 2, 2, 2, 2, 2, 2, 2];
    const logs = { 1: logOf(leader), 2: logOf(follower), 3: logOf(leader) };
    const cluster = new Cluster({ members: [1, 2, 3], settings: plain, logs });
    cluster.elect(1);
    const rejections = cluster.sent('append-reply').filter(({ rejected }) => rejected);
    expect(rejections).toHaveLength(1);
    expect(cluster.terms(2)).toEqual([...leader, 4]);
  });

  // Figure 7: the leader of term 8, and what its followers may look like when it is elected.
  test.each([
    ['(a) lacks an entry', [1, 1, 1, 4, 4, 5, 5, 6, 6]],
    ['(b) lacks many', [1, 1, 1, 4]],
    ['(c) has one more', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
    ['(d) has two more of a later term', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
    ['(e) has others and lacks', [1, 1, 1, 4, 4, 4, 4]],
    ['(f) has many others', [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
  ])('figure 7 %s: the leader makes it equal to its own', (_, follower) => {
    const leader = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    const logs = { 1: logOf(leader), 2: logOf(follower), 3: logOf([]) };
    const hardStates = { 1: { term: 7 }, 2: { term: 7 }, 3: { term: 7 } };
    const cluster = new Cluster({ members: [1, 2, 3], settings: plain, logs, hardStates });
    cluster.elect(1);
    expect(cluster.terms(2)).toEqual([...leader, 8]);
    expect(cluster.log(2)).toEqual(cluster.log(1));
    expect(cluster.status(2).commit).toBe(11);
  });

  test('leader append-only: no message of its term makes a leader change its log', () => {
    const lone = new Lone({ log: logOf([1, 1]), settings: plain });
    lone.becomeLeader();
    lone.propose('x');
    const { term } = lone.core;
    const before = [...lone.terms];
    const rewrite = message('append', { term, entries: logOf([2, 2, 2, 2]) });
    expect(() => lone.tell(rewrite)).toThrow(/member 1 leads/);
    lone.tell(message('append-reply', { term, rejected: true, index: 2, hintIndex: 0 }));
    lone.tell(message('heartbeat-reply', { term }));
    expect(lone.terms).toEqual(before);
    expect(lone.status.role).toBe('leader');
  });

  test('a leader brings logs to its own with ordinary appends alone, and deletes none of its own', () => {
    const logs = { 1: logOf([1, 1]), 2: logOf([1, 1, 1]), 3: logOf([1]) };
    const cluster = new Cluster({ members: [1, 2, 3], settings: plain, logs });
    cluster.drop(({ from, to }) => from === 2 || to === 2);
    cluster.elect(1);
    expect(cluster.terms(1)).toEqual([1, 1, 2]);
    expect(cluster.terms(3)).toEqual([1, 1, 2]);
  });
});

describe('§5.5 crashes', () => {
  test('appends are idempotent: the same one twice changes nothing', () => {
    const lone = new Lone({ settings: plain });
    const append = message('append', { entries: logOf([1, 1]) });
    const [first] = lone.tell(append);
    const [second] = lone.tell(append);
    expect(second).toEqual(first);
    expect(lone.terms).toEqual([1, 1]);
  });

  test('a member that restarts goes on with its log, term and vote', () => {
    const cluster = new Cluster({ members: [1, 2, 3], settings: plain });
    cluster.elect(1);
    cluster.propose(1, 'x');
    cluster.settle();
    cluster.crash(2);
    cluster.restart(2);
    expect(cluster.status(2)).toMatchObject({ term: 1, vote: 1, role: 'follower', lastIndex: 2 });
  });

  test('a cluster that lost power as a whole still has what it acknowledged', () => {
    const cluster = new Cluster({ members: [1, 2, 3], storage: 'async' });
    cluster.elect(1);
    cluster.propose(1, 'x');
    cluster.settle();
    cluster.crash(1, 2, 3);
    for (const id of [1, 2, 3]) cluster.restart(id);
    cluster.runUntil('x again', () => [1, 2, 3].every((id) => cluster.applied(id)[0] === 'x'));
  });
});

describe('§8 client interaction', () => {
  test('a new leader commits an empty entry of its term at once', () => {
    const cluster = new Cluster({ members: [1, 2, 3], settings: plain });
    cluster.elect(1);
    const [entry] = cluster.log(3);
    expect(entry).toMatchObject({ term: 1, index: 1, type: 'normal' });
    expect(entry?.data).toHaveLength(0);
    expect(cluster.status(3).applied).toBe(1);
  });

  test('a read waits for a quorum that still knows the leader', () => {
    const cluster = new Cluster({ members: [1, 2, 3], settings: plain });
    cluster.elect(1);
    cluster.partition([1], [2, 3]);
    cluster.read(1, 7);
    cluster.settle();
    expect(cluster.member(1).reads).toEqual([]);
    cluster.heal();
    cluster.tick(1);
    cluster.settle();
    expect(cluster.member(1).reads).toEqual([{ context: 7, index: 1 }]);
  });
});
