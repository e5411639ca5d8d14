/** Traps 2, 3, 4, 11 and 23 of membership: when a change is safe, and who may act on it. */
import { describe, expect, test } from 'vitest';
import type { ChangeStep } from '../../src/raft/configuration.ts';
import type { Entry, MemberId } from '../../src/raft/entry.ts';
import { encodeChange } from '../../src/raft/wire/change.ts';
import { Cluster } from './cluster.ts';
import { Lone } from './lone.ts';
import { logOf, message, votersOf } from './messages.ts';

const add = (member: MemberId): ChangeStep => ({ type: 'add-voter', member });
const remove = (member: MemberId): ChangeStep => ({ type: 'remove-member', member });
const learn = (member: MemberId): ChangeStep => ({ type: 'add-learner', member });

function changeEntry(index: number, term: number, ...steps: ChangeStep[]): Entry {
  const data = encodeChange({ transition: 'auto', steps, context: new Uint8Array() });
  return { type: 'configuration', index, term, data };
}

const joint: Entry = {
  ...changeEntry(1, 1),
  data: encodeChange({
    transition: 'joint-implicit',
    steps: [learn(3)],
    context: new Uint8Array(),
  }),
};

function propose(lone: Lone, ...steps: ChangeStep[]) {
  const data = encodeChange({ transition: 'auto', steps, context: new Uint8Array() });
  const proposed = lone.member.step({
    type: 'propose',
    entries: [{ type: 'configuration', data }],
  });
  lone.member.work();
  return proposed!;
}

describe('trap 2: no change before an entry of the term has committed', () => {
  test('such a change becomes an empty entry, and its proposer is told why', () => {
    const lone = new Lone();
    lone.becomeLeader();
    expect(propose(lone, add(4)).refusals).toMatchObject([
      { index: 2, reason: expect.stringContaining('term') },
    ]);
    expect(lone.core.log.entriesFrom(2, 100)).toMatchObject([{ type: 'normal', index: 2 }]);
  });

  test('afterwards it is taken', () => {
    const lone = new Lone({ log: logOf([1]) });
    lone.becomeLeader();
    lone.acknowledge(2, 2);
    expect(propose(lone, add(4)).refusals).toEqual([]);
  });

  test('a lone voter need not wait: nobody else can have led', () => {
    const lone = new Lone({ voters: [1], settings: { asyncStorageWrites: true } });
    lone.becomeLeader();
    lone.member.diskHeld = true;
    expect(lone.status).toMatchObject({ role: 'leader' });
    expect(propose(lone, add(4)).refusals).toEqual([]);
  });

  test('a new leader that finds a joint configuration waits as well before it leaves it', () => {
    const lone = new Lone({ settings: { asyncStorageWrites: true } });
    lone.tell(message('append', { entries: [joint], commit: 0 }));
    lone.member.applierHeld = true;
    lone.tell(message('heartbeat', { commit: 1 }));
    lone.member.applierHeld = false;
    lone.member.work();
    expect(lone.status.configuration.autoLeave).toBe(true);
    lone.becomeLeader();
    expect(lone.status.lastIndex).toBe(2);
    lone.acknowledge(2, 2);
    expect(lone.core.log.entriesFrom(3, 100)).toMatchObject([{ type: 'configuration' }]);
  });

  test('a change of an earlier leader, not yet committed, keeps others out', () => {
    const lone = new Lone({ log: [changeEntry(1, 1, add(4))] });
    lone.becomeLeader();
    expect(propose(lone, add(5)).refusals).toHaveLength(1);
    lone.acknowledge(2, 3);
    expect(lone.status.configuration.voters).toEqual([1, 2, 3, 4]);
    expect(propose(lone, add(5)).refusals).toEqual([]);
  });
});

describe('trap 3: configurations take effect when applied', () => {
  test('the leader takes no change while one is unapplied', () => {
    const lone = new Lone({ settings: { asyncStorageWrites: true } });
    lone.becomeLeader();
    lone.acknowledge(2, 1);
    lone.member.applierHeld = true;
    expect(propose(lone, add(4)).refusals).toEqual([]);
    expect(propose(lone, add(5)).refusals).toHaveLength(1);
    lone.acknowledge(2, 3);
    expect(lone.status.commit).toBe(3);
    expect(propose(lone, add(5)).refusals).toHaveLength(1);
    lone.member.applierHeld = false;
    lone.member.work();
    expect(propose(lone, add(5)).refusals).toEqual([]);
  });

  test('two changes in one proposal: the second is refused', () => {
    const lone = new Lone();
    lone.becomeLeader();
    lone.acknowledge(2, 1);
    const { type, data } = changeEntry(0, 0, add(4));
    const both = { type: 'propose' as const, entries: [4, 5].map(() => ({ type, data })) };
    expect(lone.member.step(both)?.refusals).toMatchObject([{ index: 3 }]);
  });

  test('a joint configuration must be left before the next change', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.change(1, [add(4), remove(3)], 'joint-explicit');
    cluster.settle();
    expect(cluster.status(1).configuration.votersOutgoing).toEqual([1, 2, 3]);
    expect(cluster.change(1, [add(5)])?.refusals[0]?.reason).toMatch(/must be left first/);
    cluster.settle();
    expect(cluster.change(1, [])?.refusals).toEqual([]);
    cluster.settle();
    expect(cluster.status(2).configuration).toEqual(votersOf(1, 2, 4));
    expect(cluster.change(1, [])?.refusals[0]?.reason).toMatch(/no joint configuration/);
  });

  test.each([
    ['the host asks', (lone: Lone) => lone.tell({ type: 'campaign' })],
    ['time is up', (lone: Lone) => lone.tick(30)],
    ['the leader asks', (lone: Lone) => lone.tell(message('timeout-now'))],
  ])('nobody campaigns with a committed change not yet applied, though %s', (_, cause) => {
    const lone = new Lone({ settings: { asyncStorageWrites: true } });
    lone.member.applierHeld = true;
    lone.tell(message('append', { entries: [changeEntry(1, 1, add(4))], commit: 1 }));
    lone.sent();
    cause(lone);
    expect(lone.sent()).toEqual([]);
    expect(lone.status.role).toBe('follower');
    lone.member.applierHeld = false;
    lone.member.work();
    lone.tell({ type: 'campaign' });
    expect(lone.sent('pre-vote').map(({ to }) => to)).toEqual([2, 3, 4]);
  });

  test('that the change before another is committed is as durable as that other', () => {
    const lone = new Lone({ settings: { asyncStorageWrites: true } });
    lone.member.diskHeld = true;
    lone.tell(message('append', { entries: [changeEntry(1, 1, add(4))] }));
    const entries = [changeEntry(2, 1, add(5))];
    lone.tell(message('append', { previousIndex: 1, previousTerm: 1, entries, commit: 1 }));
    expect(lone.member.appends[1]).toMatchObject({ entries, hardState: { commit: 1 } });
    expect(lone.member.appends[1]?.mustSync).toBe(true);
  });

  test('a change only committed at the end of a long log is found too', () => {
    const settings = { asyncStorageWrites: true, messageBytesMax: 40 };
    const lone = new Lone({ settings });
    lone.member.applierHeld = true;
    const entries = [...logOf([1, 1, 1, 1, 1, 1, 1]), changeEntry(8, 1, add(4))];
    lone.tell(message('append', { entries, commit: 8 }));
    lone.tell({ type: 'campaign' });
    expect(lone.status.role).toBe('follower');
  });
});

describe('trap 4: a leader that removes itself', () => {
  test.each(['simple', 'async'] as const)(
    'steps down when it applies that, and the others go on (%s)',
    (storage) => {
      const cluster = new Cluster({ members: [1, 2, 3], storage });
      cluster.elect(1);
      cluster.change(1, [remove(1)]);
      cluster.settle();
      expect(cluster.status(1)).toMatchObject({ role: 'follower', configuration: votersOf(2, 3) });
      cluster.crash(1);
      cluster.runUntil('a leader', () => cluster.leader() !== undefined);
      cluster.propose(cluster.leader()!, 'x');
      cluster.settle();
      expect(cluster.applied(2)).toEqual(['x']);
    },
  );

  test('it leads, and does not count itself out, until then', () => {
    const lone = new Lone({ voters: [1, 2] });
    lone.becomeLeader();
    lone.acknowledge(2, 1);
    propose(lone, remove(1));
    expect(lone.status).toMatchObject({ role: 'leader', commit: 1 });
    lone.acknowledge(2, 2);
    expect(lone.status).toMatchObject({ role: 'follower', commit: 2 });
  });

  test('of two members the one that stays is not stranded: it has the commit when the other goes', () => {
    const cluster = new Cluster({ members: [1, 2] });
    cluster.elect(1);
    cluster.change(1, [remove(1)]);
    cluster.settle();
    cluster.crash(1);
    cluster.runUntil('a leader', () => cluster.leader() === 2);
    cluster.propose(2, 'x');
    cluster.settle();
    expect(cluster.applied(2)).toEqual(['x']);
  });

  test('nor if that news is lost: the removed one still votes', () => {
    const cluster = new Cluster({ members: [1, 2] });
    cluster.elect(1);
    const again = cluster.drop((sent) => sent.type === 'append' && sent.commit > 1);
    cluster.change(1, [remove(1)]);
    cluster.settle();
    expect(cluster.status(2).configuration.voters).toEqual([1, 2]);
    again();
    cluster.runUntil('a leader', () => cluster.leader() === 2);
    expect(cluster.status(2).configuration.voters).toEqual([2]);
  });

  test('a leader that becomes a learner steps down as well', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.change(1, [learn(1)]);
    cluster.settle();
    expect(cluster.status(1)).toMatchObject({ role: 'follower', learner: true });
  });

  test('unless told to lead on: then it takes no proposals once it is out', () => {
    const cluster = new Cluster({ members: [1, 2, 3], settings: { stepDownOnRemoval: false } });
    cluster.elect(1);
    cluster.change(1, [remove(1)]);
    cluster.settle();
    expect(cluster.status(1).role).toBe('leader');
    expect(() => cluster.propose(1, 'x')).toThrow(expect.objectContaining({ code: 'removed' }));
  });
});

describe('joint consensus (trap 3 and 7 of the invariants)', () => {
  /** Member 1 leads {1, 2, 3} on its way to {1, 4, 5}, in which 4 and 5 do not answer. */
  function inJoint(): Lone {
    const lone = new Lone();
    lone.becomeLeader();
    lone.acknowledge(2, 1);
    propose(lone, add(4), add(5), remove(2), remove(3));
    lone.acknowledge(2, 2);
    expect(lone.status.configuration).toMatchObject({
      voters: [1, 4, 5],
      votersOutgoing: [1, 2, 3],
    });
    return lone;
  }

  test('entries need both majorities', () => {
    const lone = inJoint();
    const { index } = lone.propose('x')!;
    for (const from of [2, 3]) lone.acknowledge(from, index);
    expect(lone.status.commit).toBe(2);
    lone.acknowledge(4, index);
    expect(lone.status.commit).toBe(index);
  });

  test('and the new majority alone does not do either', () => {
    const lone = inJoint();
    const { index } = lone.propose('x')!;
    for (const from of [4, 5]) lone.acknowledge(from, index);
    expect(lone.status.commit).toBe(2);
    lone.acknowledge(3, index);
    expect(lone.status.commit).toBe(index);
  });

  test('elections need both majorities', () => {
    const configuration = { voters: [1, 4, 5], votersOutgoing: [1, 2, 3], autoLeave: true };
    const settings = { preVote: false };
    for (const [granted, role] of [
      [[2, 3], 'candidate'],
      [[4, 5], 'candidate'],
      [[2, 4], 'leader'],
    ] as const) {
      const cluster = new Cluster({ members: [1, 2, 3, 4, 5], configuration, settings });
      cluster.drop(({ from }) => from !== 1 && !granted.some((id) => id === from));
      cluster.campaign(1);
      cluster.settle();
      expect(cluster.status(1).role).toBe(role);
    }
  });

  test('check-quorum counts both halves', () => {
    const lone = inJoint();
    lone.tick(10);
    for (let i = 0; i < 10; i++) {
      for (const from of [2, 3]) lone.tell(message('heartbeat-reply', { from }));
      lone.tick();
    }
    expect(lone.status.role).toBe('follower');
  });

  test('with automatic leave the leader leaves by itself', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.join(4, { voters: [1, 2, 3] });
    cluster.change(1, [add(4), remove(3)], 'joint-implicit');
    cluster.settle();
    expect(cluster.status(1).configuration).toEqual(votersOf(1, 2, 4));
    expect(cluster.status(4).configuration).toEqual(votersOf(1, 2, 4));
  });

  test('and so does a new leader that finds it joint', () => {
    const configuration = { voters: [1, 2, 4], votersOutgoing: [1, 2, 3], autoLeave: true };
    const cluster = new Cluster({ members: [1, 2, 3, 4], configuration });
    cluster.elect(2);
    expect(cluster.status(1).configuration).toEqual(votersOf(1, 2, 4));
  });

  test('a transfer that is under way only delays it', () => {
    const configuration = { voters: [1, 2, 4], votersOutgoing: [1, 2, 3], autoLeave: true };
    const cluster = new Cluster({ members: [1, 2, 3, 4], configuration });
    cluster.drop(({ type }) => type === 'timeout-now');
    cluster.campaign(1);
    while (cluster.status(1).role !== 'leader') {
      cluster.work(1);
      cluster.network.carry();
      for (const id of [2, 3, 4]) cluster.work(id);
      cluster.network.carry();
    }
    cluster.transfer(1, 2);
    cluster.settle();
    expect(cluster.status(1).configuration.votersOutgoing).toEqual([1, 2, 3]);
    cluster.tick(1, 10);
    cluster.settle();
    cluster.run(3);
    expect(cluster.status(1)).toMatchObject({
      transferTarget: 0,
      configuration: votersOf(1, 2, 4),
    });
  });

  test('a voter on its way to learner keeps its outgoing vote until the end', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.change(1, [learn(3), add(4)], 'joint-explicit');
    cluster.settle();
    expect(cluster.status(1).configuration).toMatchObject({ learners: [], learnersNext: [3] });
    expect(cluster.status(3).learner).toBe(false);
    cluster.change(1, []);
    cluster.settle();
    expect(cluster.status(1).configuration).toMatchObject({ learners: [3], learnersNext: [] });
    expect(cluster.status(3).learner).toBe(true);
  });
});

describe('learners count for nothing', () => {
  test('neither in the commit rule', () => {
    const lone = new Lone({ learners: [4, 5] });
    lone.becomeLeader();
    for (const from of [4, 5]) lone.acknowledge(from, 1);
    expect(lone.status.commit).toBe(0);
  });

  test('nor in elections', () => {
    const lone = new Lone({ learners: [4, 5], settings: { preVote: false } });
    lone.tell({ type: 'campaign' });
    expect(lone.sent('vote').map(({ to }) => to)).toEqual([2, 3]);
    const { incarnation } = lone.core;
    for (const from of [4, 5]) lone.tell(message('vote-reply', { from, term: 1, incarnation }));
    expect(lone.status.role).toBe('candidate');
  });

  test('nor in check-quorum, nor for reads', () => {
    const lone = new Lone({ learners: [4, 5] });
    lone.becomeLeader();
    lone.acknowledge(2, 1);
    lone.member.step({ type: 'read', context: 1 });
    lone.member.work();
    const { latestRound: round } = lone.core.reads;
    for (const from of [4, 5]) lone.tell(message('heartbeat-reply', { from, round }));
    expect(lone.member.reads).toEqual([]);
    for (let i = 0; i < 20; i++) {
      for (const from of [4, 5]) lone.tell(message('heartbeat-reply', { from }));
      lone.tick();
    }
    expect(lone.status.role).toBe('follower');
  });
});
