/** Traps 1, 15, 18 to 23 and 25: the log, its commit index, its completions and its snapshots. */
import { describe, expect, test } from 'vitest';
import { type ConfigurationChange, emptyConfiguration } from '../../src/raft/configuration.ts';
import { emptyBytes } from '../../src/raft/entry.ts';
import { encodeChange } from '../../src/raft/wire/change.ts';
import { Cluster } from './cluster.ts';
import { Lone } from './lone.ts';
import { bytes, logOf, message, snapshotAt } from './messages.ts';

const inAsync = { settings: { asyncStorageWrites: true } };

describe('trap 1: only entries of the current term commit by counting', () => {
  test('all members hold an entry of an earlier term: not committed until one of this term is', () => {
    const lone = new Lone({ log: logOf([1, 1]) });
    lone.becomeLeader();
    for (const from of [2, 3]) lone.acknowledge(from, 2);
    expect(lone.status.commit).toBe(0);
    lone.acknowledge(2, 3);
    expect(lone.status.commit).toBe(3);
  });
});

describe('trap 15: a late “appended” of an earlier term marks nothing stable (ABA)', () => {
  test('an index rewritten and rewritten back is stable only when the last write is', () => {
    const lone = new Lone(inAsync);
    lone.member.diskHeld = true;
    lone.tell(message('append', { from: 2, term: 1, entries: logOf([1]) }));
    lone.tell(message('append', { from: 3, term: 2, entries: logOf([2]) }));
    lone.tell(message('append', { from: 2, term: 3, entries: logOf([1, 3]) }));
    expect(lone.member.appends).toHaveLength(3);
    lone.member.write(1);
    expect(lone.core.log.unstable.offset).toBe(1);
    lone.member.write(1);
    expect(lone.member.storage.term(1)).toBe(2);
    expect(lone.terms).toEqual([1, 3]);
    lone.member.write(1);
    expect(lone.core.log.unstable.offset).toBe(3);
    expect(lone.terms).toEqual([1, 3]);
  });

  test('nor does a leader count itself for what it wrote in an earlier life as leader', () => {
    const lone = new Lone(inAsync);
    lone.becomeLeader();
    lone.member.diskHeld = true;
    lone.propose('x');
    lone.tell(message('append', { term: 2, previousIndex: 1, previousTerm: 1 }));
    lone.member.write(1);
    expect(lone.status).toMatchObject({ role: 'follower', commit: 0 });
    expect(lone.core.log.unstable.offset).toBe(2);
  });

  test('a completion of this term holds, and later tasks vouch for what a void one wrote', () => {
    const lone = new Lone(inAsync);
    lone.member.diskHeld = true;
    lone.tell(message('append', { term: 1, entries: logOf([1, 1]) }));
    lone.tell(message('heartbeat', { term: 2 }));
    lone.member.write(1);
    expect(lone.core.log.unstable.offset).toBe(1);
    lone.member.write();
    expect(lone.core.log.unstable.offset).toBe(3);
  });
});

describe('trap 18: a follower commits no further than what the message verified', () => {
  test('behind the last entry of an append may stand another leader’s', () => {
    const lone = new Lone({ log: logOf([1, 1, 1]) });
    lone.tell(message('append', { term: 2, previousIndex: 1, previousTerm: 1, commit: 3 }));
    expect(lone.status).toMatchObject({ commit: 1, lastIndex: 3 });
    const entries = logOf([2], 2);
    lone.tell(
      message('append', { term: 2, previousIndex: 1, previousTerm: 1, entries, commit: 9 }),
    );
    expect(lone.status).toMatchObject({ commit: 2, lastIndex: 2 });
  });

  test('a heartbeat carries no commit index beyond what its receiver is known to match', () => {
    const lone = new Lone();
    lone.becomeLeader();
    lone.propose('x');
    lone.acknowledge(2, 2);
    lone.acknowledge(3, 1);
    lone.sent();
    const heartbeats = lone.tick().map((sent) => [sent.to, 'commit' in sent ? sent.commit : 0]);
    expect(heartbeats).toEqual([
      [2, 2],
      [3, 1],
    ]);
  });
});

describe('trap 19: only a conflict cuts the log', () => {
  test('a shorter append that arrives late leaves what came after it', () => {
    const lone = new Lone();
    const all = logOf([1, 1, 1]);
    lone.tell(message('append', { entries: all }));
    const [reply] = lone.tell(message('append', { entries: all.slice(0, 1) }));
    expect(lone.terms).toEqual([1, 1, 1]);
    expect(reply).toMatchObject({ index: 1, rejected: false });
    expect(lone.member.readies.at(-1)?.entries).toEqual([]);
  });

  test('matching entries are not written again, conflicting ones replace from there on', () => {
    const lone = new Lone({ log: logOf([1, 1, 1]) });
    const entries = [...logOf([1, 1]), ...logOf([2], 3)];
    lone.tell(message('append', { term: 2, entries }));
    expect(lone.member.readies.at(-1)?.entries.map(({ index }) => index)).toEqual([3]);
    expect(lone.terms).toEqual([1, 1, 2]);
  });
});

describe('trap 20: a snapshot and the tail of the log', () => {
  test('with a conflicting tail the log is discarded', () => {
    const lone = new Lone({ log: logOf([1, 1, 1, 1]) });
    lone.tell(message('snapshot', { term: 2, snapshot: snapshotAt(3, 2, [1, 2, 3]) }));
    expect(lone.status).toMatchObject({ firstIndex: 4, lastIndex: 3, commit: 3, applied: 3 });
    expect(lone.member.machine.applied).toBe(3);
  });

  test('with a matching one it is kept', () => {
    const lone = new Lone({ log: logOf([1, 1, 1, 1]) });
    const [reply] = lone.tell(message('snapshot', { snapshot: snapshotAt(3, 1, [1, 2, 3]) }));
    expect(lone.status).toMatchObject({ firstIndex: 1, lastIndex: 4, commit: 3 });
    expect(reply).toMatchObject({ type: 'append-reply', index: 3, rejected: false });
    expect(lone.member.readies.some(({ snapshot }) => snapshot !== undefined)).toBe(false);
  });
});

describe('trap 21: snapshots do not go back, and do not overlap the applier', () => {
  test.each([1, 2])('a snapshot at index %i, at or below the commit index, is ignored', (index) => {
    const lone = new Lone();
    lone.tell(message('append', { entries: logOf([1, 1, 1]), commit: 2 }));
    const [reply] = lone.tell(message('snapshot', { snapshot: snapshotAt(index, 1, [1, 2, 3]) }));
    expect(lone.status).toMatchObject({ lastIndex: 3, commit: 2, firstIndex: 1 });
    expect(reply).toMatchObject({ type: 'append-reply', index: 2 });
  });

  test('nor does one that lies before what was compacted away', () => {
    const lone = new Lone();
    lone.tell(message('append', { entries: logOf([1, 1, 1]), commit: 3 }));
    lone.member.compact();
    lone.tell(message('snapshot', { snapshot: snapshotAt(1, 1, [1, 2, 3]) }));
    expect(lone.status).toMatchObject({ firstIndex: 4, lastIndex: 3, commit: 3 });
    expect(lone.sent('append-reply').at(-1)).toMatchObject({ index: 3, rejected: false });
  });

  test('one is handed out only when all applies handed out before are done', () => {
    const lone = new Lone(inAsync);
    lone.member.applierHeld = true;
    lone.tell(message('append', { entries: logOf([1, 1]), commit: 2 }));
    expect(lone.member.applies).toHaveLength(1);
    lone.tell(message('snapshot', { snapshot: snapshotAt(9, 1, [1, 2, 3]) }));
    expect(lone.member.readies.some(({ append }) => append?.snapshot !== undefined)).toBe(false);
    expect(lone.sent('append-reply').some(({ index }) => index === 9)).toBe(false);
    lone.member.applierHeld = false;
    expect(lone.member.work()).toMatchObject([{ type: 'append-reply', index: 9 }]);
    expect(lone.member.machine.applied).toBe(9);
  });

  test('nothing is applied while one is being installed', () => {
    const lone = new Lone(inAsync);
    lone.member.diskHeld = true;
    lone.tell(message('snapshot', { snapshot: snapshotAt(4, 1, [1, 2, 3]) }));
    const next = { previousIndex: 4, previousTerm: 1, entries: logOf([1], 5), commit: 5 };
    lone.tell(message('append', next));
    expect(lone.member.applies).toEqual([]);
    lone.member.diskHeld = false;
    lone.member.work();
    expect(lone.member.machine.applied).toBe(5);
  });

  test('a change that is still being applied does not change the snapshot’s configuration', () => {
    const lone = new Lone(inAsync);
    lone.member.applierHeld = true;
    const change: ConfigurationChange = {
      transition: 'auto',
      steps: [{ type: 'add-learner', member: 5 }],
      context: emptyBytes,
    };
    const data = encodeChange(change);
    const entries = [{ type: 'configuration' as const, term: 1, index: 1, data }];
    lone.tell(message('append', { entries, commit: 1 }));
    lone.tell(message('snapshot', { snapshot: snapshotAt(9, 1, [1, 2, 3]) }));
    lone.member.apply();
    // The machine is as of entry 1; the core already as of the snapshot.
    expect(lone.member.machine.configuration.learners).toEqual([5]);
    expect(lone.status.configuration).toEqual({ ...emptyConfiguration, voters: [1, 2, 3] });
    lone.member.work();
    expect(lone.member.machine.configuration.learners).toEqual([]);
    expect(lone.status.configuration.learners).toEqual([]);
  });

  test('nobody campaigns while a snapshot is being installed', () => {
    const lone = new Lone(inAsync);
    lone.member.diskHeld = true;
    lone.tell(message('snapshot', { snapshot: snapshotAt(4, 1, [1, 2, 3]) }));
    lone.tell({ type: 'campaign' });
    expect(lone.status.role).toBe('follower');
  });
});

describe('trap 22: the log moves on while a snapshot is on its way', () => {
  function fallBehind(): Cluster {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.partition([1, 2], [3]);
    cluster.propose(1, 'a', 'b');
    cluster.settle();
    cluster.member(1).compact();
    cluster.heal();
    return cluster;
  }

  test('with trailing entries kept, the member goes on behind the snapshot with one transfer', () => {
    const cluster = fallBehind();
    const release = cluster.hold(({ type }) => type === 'snapshot');
    cluster.run(2);
    cluster.propose(1, 'c');
    cluster.settle();
    cluster.member(1).compact(3);
    cluster.sent();
    release();
    cluster.run(3);
    expect(cluster.sent('snapshot')).toEqual([]);
    expect(cluster.applied(3)).toEqual(['a', 'b', 'c']);
  });

  test('without them it gets the newer snapshot once the host has reported the older', () => {
    const cluster = fallBehind();
    const release = cluster.hold(({ type }) => type === 'snapshot');
    cluster.run(2);
    cluster.propose(1, 'c');
    cluster.settle();
    cluster.member(1).compact();
    release();
    cluster.settle();
    cluster.step(1, { type: 'report-snapshot', member: 3, failed: false });
    cluster.run(3);
    expect(cluster.applied(3)).toEqual(['a', 'b', 'c']);
  });

  test('a transfer that failed is tried again, from where the member was known to be', () => {
    const cluster = fallBehind();
    const allow = cluster.drop(({ type }) => type === 'snapshot');
    cluster.run(2);
    expect(cluster.status(1).progress[2]).toMatchObject({ state: 'snapshot', pendingSnapshot: 3 });
    allow();
    cluster.run(5);
    expect(cluster.applied(3)).toEqual([]);
    cluster.step(1, { type: 'report-snapshot', member: 3, failed: true });
    expect(cluster.status(1).progress[2]).toMatchObject({ state: 'probe', next: 2 });
    cluster.run(3);
    expect(cluster.applied(3)).toEqual(['a', 'b']);
  });

  test('a member that has not answered lately is sent none', () => {
    const cluster = fallBehind();
    cluster.partition([1, 2], [3]);
    cluster.run(25);
    cluster.step(1, { type: 'report-unreachable', member: 3 });
    expect(cluster.status(1).progress[2]).toMatchObject({ state: 'probe', active: false });
    cluster.propose(1, 'c');
    cluster.sent();
    cluster.run(3);
    expect(cluster.sent('snapshot')).toEqual([]);
    cluster.heal();
    cluster.run(3);
    expect(cluster.sent('snapshot')).toHaveLength(1);
    expect(cluster.applied(3)).toEqual(['a', 'b', 'c']);
  });
});

test('trap 23: a voter may become a learner by snapshot', () => {
  const lone = new Lone();
  const configuration = { ...emptyConfiguration, voters: [2, 3], learners: [1] };
  lone.tell(message('snapshot', { snapshot: { ...snapshotAt(5, 1, []), configuration } }));
  expect(lone.status).toMatchObject({ learner: true, commit: 5, configuration });
  lone.tick(100);
  expect(lone.status.role).toBe('follower');
});

describe('trap 25: a full window, all of it lost', () => {
  test.each([
    ['messages', { inflightMessagesMax: 3 }],
    ['bytes', { inflightBytesMax: 60, messageBytesMax: 60 }],
  ])('limited by %s it recovers by an empty append', (_, limits) => {
    const settings = { ...limits };
    const cluster = new Cluster({ members: [1, 2, 3], settings });
    cluster.elect(1);
    const restore = cluster.drop(({ type, to }) => type === 'append' && to === 3);
    for (let i = 0; i < 5; i++) {
      cluster.propose(1, `${i}-${'x'.repeat(28)}`);
      cluster.settle();
    }
    expect(cluster.status(1).progress[2]).toMatchObject({ inflightFull: true, paused: true });
    restore();
    cluster.run(3);
    expect(cluster.applied(3)).toHaveLength(5);
    expect(cluster.status(1).progress[2]).toMatchObject({ inflightMessages: 0, inflightBytes: 0 });
  });

  test('while the window is full nothing but a heartbeat’s answer makes the leader send', () => {
    const lone = new Lone({ settings: { inflightMessagesMax: 2 } });
    lone.becomeLeader();
    lone.acknowledge(2, 1);
    lone.sent();
    for (const word of ['a', 'b', 'c', 'd']) lone.propose(word);
    const sent = lone.sent('append').filter(({ to }) => to === 2);
    expect(sent.map(({ entries }) => entries.length)).toEqual([1, 1]);
    const [empty] = lone.tell(message('heartbeat-reply', { from: 2 }));
    expect(empty).toMatchObject({ type: 'append', previousIndex: 3, entries: [] });
    const size = bytes('c').length + bytes('d').length;
    const [rest] = lone.acknowledge(2, 3);
    expect(rest).toMatchObject({ previousIndex: 3, entries: [{ index: 4 }, { index: 5 }] });
    expect(lone.status.progress[1]).toMatchObject({ inflightMessages: 1, inflightBytes: size });
  });

  test('a member that cannot be reached is probed from where it was known to be', () => {
    const lone = new Lone();
    lone.becomeLeader();
    lone.acknowledge(2, 1);
    for (const word of ['a', 'b', 'c']) lone.propose(word);
    expect(lone.status.progress[1]).toMatchObject({ state: 'replicate', next: 5 });
    lone.tell({ type: 'report-unreachable', member: 2 });
    expect(lone.status.progress[1]).toMatchObject({
      state: 'probe',
      next: 2,
      inflightMessages: 0,
    });
  });
});
