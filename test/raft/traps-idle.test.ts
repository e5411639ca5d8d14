/** Quiescence, leadership transfer (thesis §3.10) and forget-leader: what must not go wrong. */
import { describe, expect, test } from 'vitest';
import { Cluster } from './cluster.ts';
import { Lone } from './lone.ts';
import { message } from './messages.ts';

describe('quiescence', () => {
  const settings = { quiesceAfterTicks: 5 };

  function quiet(): Cluster {
    const cluster = new Cluster({ members: [1, 2, 3], settings });
    cluster.elect(1);
    cluster.propose(1, 'x');
    cluster.settle();
    cluster.run(10);
    return cluster;
  }

  test('an idle group falls quiet as a whole: no message, no election, however long', () => {
    const cluster = quiet();
    expect([1, 2, 3].map((id) => cluster.status(id).quiet)).toEqual([true, true, true]);
    cluster.sent();
    cluster.run(200);
    expect(cluster.sent()).toEqual([]);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', term: 1 });
  });

  test('off by default', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.run(100);
    expect(cluster.status(1).quiet).toBe(false);
  });

  test.each([1, 2])('a proposal to member %i wakes whom it needs', (id) => {
    const cluster = quiet();
    cluster.propose(id, 'y');
    cluster.run(2);
    for (const each of [1, 2, 3]) expect(cluster.applied(each)).toEqual(['x', 'y']);
    expect(cluster.status(3).quiet).toBe(false);
    cluster.run(20);
    expect(cluster.status(3).quiet).toBe(true);
  });

  test('a read wakes too, and is answered', () => {
    const cluster = quiet();
    cluster.read(2, 9);
    cluster.run(2);
    expect(cluster.member(2).reads).toMatchObject([{ context: 9 }]);
  });

  test('one member away keeps the others awake, so that it is missed', () => {
    const cluster = new Cluster({ members: [1, 2, 3], settings });
    cluster.elect(1);
    cluster.settle();
    cluster.crash(3);
    cluster.run(60);
    expect([1, 2].map((id) => cluster.status(id).quiet)).toEqual([false, false]);
    expect(cluster.leader()).toBe(1);
  });

  test('one that lacks an entry does not agree', () => {
    const lone = new Lone({ settings });
    const [reply] = lone.tell(message('quiesce', { commit: 5 }));
    expect(reply).toMatchObject({ type: 'quiesce-reply', agreed: false });
    expect(lone.status.quiet).toBe(false);
  });

  test('one that has committed but not applied does not agree', () => {
    const lone = new Lone({ settings: { ...settings, asyncStorageWrites: true } });
    lone.becomeLeader();
    lone.tell(message('heartbeat', { term: 2 }));
    lone.member.applierHeld = true;
    const [reply] = lone.tell(message('quiesce', { term: 2, commit: 1 }));
    expect(reply).toMatchObject({ agreed: false });
  });

  test('when the quiet leader dies, whom the host wakes elects another', () => {
    const cluster = quiet();
    cluster.crash(1);
    cluster.run(100);
    expect(cluster.leader()).toBeUndefined();
    cluster.step(2, { type: 'wake' });
    cluster.runUntil('a leader', () => cluster.leader() !== undefined);
    cluster.propose(cluster.leader()!, 'y');
    cluster.settle();
    expect(cluster.applied(3)).toEqual(['x', 'y']);
  });

  test('a quiet ex-leader learns of its successor when it is reached', () => {
    const cluster = quiet();
    cluster.partition([1], [2, 3]);
    for (const id of [2, 3]) cluster.step(id, { type: 'wake' });
    cluster.runUntil('a leader', () => cluster.leader() !== 1);
    cluster.read(1, 1);
    cluster.settle();
    expect(cluster.member(1).reads).toEqual([]);
    cluster.heal();
    cluster.run(3);
    expect(cluster.status(1)).toMatchObject({ role: 'follower', leader: cluster.leader() });
  });

  test('a member that restarts wakes the others', () => {
    const cluster = quiet();
    cluster.crash(3);
    cluster.restart(3);
    cluster.run(40);
    expect(cluster.status(3).leader).toBe(cluster.leader());
    expect(cluster.applied(3)).toEqual(['x']);
  });
});

describe('leadership transfer (thesis §3.10)', () => {
  function led(): Cluster {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    return cluster;
  }

  test.each([1, 3])('asked of member %i, the target leads at once, without a timeout', (asked) => {
    const cluster = led();
    cluster.transfer(asked, 2);
    cluster.settle();
    expect(cluster.leader()).toBe(2);
    expect(cluster.status(1)).toMatchObject({ role: 'follower', leader: 2, transferTarget: 0 });
  });

  test('a target that lags is brought up to date first', () => {
    const cluster = led();
    cluster.partition([1, 3], [2]);
    cluster.propose(1, 'a', 'b');
    cluster.settle();
    cluster.heal();
    cluster.transfer(1, 2);
    cluster.settle();
    cluster.tick(1);
    cluster.settle();
    expect(cluster.leader()).toBe(2);
    expect(cluster.applied(2)).toEqual(['a', 'b']);
  });

  test('one that needs a snapshot gets it first', () => {
    const cluster = led();
    cluster.partition([1, 3], [2]);
    cluster.propose(1, 'a', 'b');
    cluster.settle();
    cluster.member(1).compact();
    cluster.heal();
    cluster.transfer(1, 2);
    cluster.settle();
    cluster.tick(1);
    cluster.settle();
    expect(cluster.leader()).toBe(2);
  });

  test('after an election timeout it is given up, and proposals are taken again', () => {
    const cluster = led();
    cluster.crash(2);
    cluster.transfer(1, 2);
    expect(() => cluster.propose(1, 'x')).toThrow(/goes to member 2/);
    cluster.run(10);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', transferTarget: 0 });
    cluster.propose(1, 'x');
    cluster.settle();
    expect(cluster.applied(3)).toEqual(['x']);
  });

  test('to itself means to stay', () => {
    const cluster = led();
    cluster.drop(({ type }) => type === 'timeout-now');
    cluster.transfer(1, 2);
    cluster.transfer(1, 1);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', transferTarget: 0 });
  });

  test('another target takes the place of the first', () => {
    const cluster = led();
    cluster.drop(({ to }) => to === 2);
    cluster.transfer(1, 2);
    cluster.settle();
    cluster.transfer(1, 3);
    cluster.settle();
    expect(cluster.leader()).toBe(3);
  });

  test('it ends when the target is removed', () => {
    const cluster = led();
    cluster.drop(({ type }) => type === 'timeout-now');
    cluster.change(1, [{ type: 'remove-member', member: 2 }]);
    cluster.transfer(1, 2);
    cluster.settle();
    expect(cluster.status(1)).toMatchObject({ transferTarget: 0, role: 'leader' });
  });

  test('those who hear the leader vote all the same, for the leader asked for it', () => {
    const cluster = led();
    cluster.transfer(1, 2);
    cluster.settle();
    expect(cluster.sent('vote')).toEqual(
      expect.arrayContaining([expect.objectContaining({ from: 2, transfer: true })]),
    );
    expect(cluster.status(3)).toMatchObject({ term: 2, vote: 2 });
  });

  test('a request of an earlier term is ignored', () => {
    const cluster = led();
    const late = message('timeout-now', { from: 1, to: 3, term: 1 });
    cluster.transfer(1, 2);
    cluster.settle();
    cluster.deliver(late);
    cluster.settle();
    expect(cluster.leader()).toBe(2);
  });
});

describe('forget-leader', () => {
  test('a vote can be granted before the timeout, and the leader is known again when heard', () => {
    const lone = new Lone();
    lone.tell(message('heartbeat', { from: 2, term: 1 }));
    lone.tell({ type: 'forget-leader' });
    expect(lone.status.leader).toBe(0);
    lone.tell(message('heartbeat', { from: 2, term: 1 }));
    expect(lone.status.leader).toBe(2);
    lone.tell({ type: 'forget-leader' });
    lone.sent();
    expect(lone.tell(message('pre-vote', { from: 3, term: 2 }))).toMatchObject([{ granted: true }]);
  });

  test('a leader does not forget itself', () => {
    const lone = new Lone();
    lone.becomeLeader();
    lone.tell({ type: 'forget-leader' });
    expect(lone.status).toMatchObject({ role: 'leader', leader: 1 });
  });
});
