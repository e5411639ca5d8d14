/** Traps 5, 6, 7, 26 and 29: reads by read index and by lease, and what makes them stale. */
import { describe, expect, test } from 'vitest';
import { Cluster } from './cluster.ts';
import { Lone } from './lone.ts';
import { logOf, message } from './messages.ts';

/** A leader with its term's first entry committed, and nothing of it still to be sent. */
function leading(settings = {}): Lone {
  const lone = new Lone({ settings });
  // With leases nobody stands right after its start.
  lone.tick(10);
  lone.becomeLeader();
  lone.acknowledge(2, 1);
  lone.sent();
  return lone;
}

const read = (context: number) => ({ type: 'read' as const, context });

describe('trap 5: a read index before the term’s first commit would be stale', () => {
  test('it is postponed, not dropped, and answered with an index that covers it', () => {
    const lone = new Lone({ log: logOf([1, 1]) });
    lone.becomeLeader();
    lone.tell(read(7));
    for (const from of [2, 3]) lone.tell(message('heartbeat-reply', { from, term: 2, round: 0 }));
    expect(lone.member.reads).toEqual([]);
    lone.acknowledge(2, 3);
    const { latestRound: round } = lone.core.reads;
    expect(round).toBe(1);
    lone.tell(message('heartbeat-reply', { term: 2, round }));
    expect(lone.member.reads).toEqual([{ context: 7, index: 3 }]);
  });

  test('a follower’s read is postponed in the same way', () => {
    const lone = new Lone();
    lone.becomeLeader();
    lone.tell(message('read-index', { from: 3, incarnation: 5, readId: 8 }));
    lone.acknowledge(2, 1);
    lone.tell(message('heartbeat-reply', { round: 1 }));
    expect(lone.sent('read-index-reply')).toMatchObject([
      { to: 3, incarnation: 5, readId: 8, index: 1 },
    ]);
  });

  test('the new leader of a term reads nothing that misses its predecessor’s commits', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.drop((sent) => sent.type === 'append' && sent.commit > 1);
    cluster.propose(1, 'x');
    cluster.settle();
    expect(cluster.status(2).commit).toBe(1);
    cluster.crash(1);
    cluster.runUntil('a leader', () => cluster.leader() !== undefined);
    const leader = cluster.leader()!;
    cluster.network.clearDrops();
    cluster.read(leader, 1);
    cluster.run(3);
    expect(cluster.member(leader).reads[0]?.index).toBeGreaterThanOrEqual(2);
  });
});

describe('trap 6: rounds and read ids are never used again', () => {
  test('answers to heartbeats that left before the read confirm nothing', () => {
    const lone = leading();
    lone.tell(read(1));
    lone.tell(message('heartbeat-reply', { from: 2, round: 1 }));
    expect(lone.member.reads).toHaveLength(1);
    lone.tell(read(2));
    // Late and doubled answers to the round before, as after a pause.
    for (const from of [2, 3, 2, 3]) lone.tell(message('heartbeat-reply', { from, round: 1 }));
    expect(lone.member.reads).toHaveLength(1);
    lone.tell(message('heartbeat-reply', { from: 3, round: 2 }));
    expect(lone.member.reads).toEqual([
      { context: 1, index: 1 },
      { context: 2, index: 1 },
    ]);
  });

  test('an ex-leader that does not know it yet answers no read after its pause', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    const release = cluster.hold(({ type, to }) => type === 'heartbeat-reply' && to === 1);
    cluster.tick(1);
    cluster.settle();
    cluster.read(1, 1);
    cluster.settle();
    // While it is paused the others elect and commit; then the old answers reach it first.
    cluster.partition([1], [2, 3]);
    for (let i = 0; cluster.leader() !== 2 && i < 40; i++) {
      for (const id of [2, 3]) cluster.tick(id);
      cluster.settle();
      if (cluster.status(3).role === 'leader') break;
    }
    const leader = cluster.status(2).role === 'leader' ? 2 : 3;
    cluster.propose(leader, 'newer');
    cluster.settle();
    cluster.read(1, 2);
    release();
    cluster.work(1);
    const stale = cluster.member(1).reads.filter(({ context }) => context === 2);
    expect(stale).toEqual([]);
  });

  test('a read retried under the same context is a read of its own', () => {
    const lone = new Lone();
    lone.tell(message('heartbeat'));
    for (let i = 0; i < 2; i++) lone.tell(read(7));
    const [first, second] = lone.sent('read-index');
    expect(second!.readId).toBeGreaterThan(first!.readId);
    const { incarnation, readId } = first!;
    lone.tell(message('read-index-reply', { incarnation, readId, index: 3 }));
    lone.tell(message('read-index-reply', { incarnation, readId, index: 3 }));
    expect(lone.member.reads).toEqual([{ context: 7, index: 3 }]);
  });

  test('an answer to an earlier life is no answer', () => {
    const lone = new Lone();
    lone.tell(message('heartbeat'));
    lone.tell(read(7));
    const { readId, incarnation } = lone.sent('read-index')[0]!;
    const earlier = { readId, incarnation: incarnation + 1, index: 3 };
    lone.tell(message('read-index-reply', earlier));
    expect(lone.member.reads).toEqual([]);
  });

  test('all reads between two outputs share a round; later ones open another', () => {
    const lone = leading();
    lone.member.step(read(1));
    lone.member.step(read(2));
    lone.member.work();
    expect(lone.core.reads.latestRound).toBe(1);
    lone.tell(read(3));
    expect(lone.core.reads.latestRound).toBe(2);
    lone.tell(message('heartbeat-reply', { round: 1 }));
    expect(lone.member.reads.map(({ context }) => context)).toEqual([1, 2]);
  });

  test.each([[[1, 2, 3]], [[1, 4, 5]]])(
    'a joint configuration confirms with both majorities, not with %j alone',
    (half) => {
      const configuration = { voters: [1, 4, 5], votersOutgoing: [1, 2, 3] };
      const cluster = new Cluster({ members: [1, 2, 3, 4, 5], configuration });
      cluster.elect(1);
      cluster.partition(half);
      cluster.read(1, 1);
      cluster.settle();
      expect(cluster.member(1).reads).toEqual([]);
      cluster.partition([1, 2, 4]);
      cluster.tick(1);
      cluster.settle();
      expect(cluster.member(1).reads).toHaveLength(1);
    },
  );
});

describe('trap 7: the stored commit index may lag what was acknowledged', () => {
  test('a lone member’s read after a restart covers what it had acknowledged', () => {
    const cluster = new Cluster({ members: [1] });
    cluster.elect(1);
    cluster.propose(1, 'x');
    cluster.settle();
    expect(cluster.applied(1)).toEqual(['x']);
    cluster.crash(1);
    expect(cluster.member(1).storage.initialState().hardState.commit).toBeLessThan(2);
    cluster.restart(1);
    cluster.campaign(1);
    while (cluster.status(1).role !== 'leader') cluster.member(1).takeReady();
    expect(cluster.status(1).commit).toBeLessThan(2);
    cluster.read(1, 1);
    cluster.settle();
    expect(cluster.member(1).reads).toEqual([{ context: 1, index: 3 }]);
    expect(cluster.applied(1)).toEqual(['x']);
  });

  test('a member whose machine is ahead of its stored commit index starts all the same', () => {
    const cluster = new Cluster({ members: [1, 2, 3], durableMachines: true });
    cluster.elect(1);
    cluster.propose(1, 'x');
    cluster.settle();
    cluster.crash(1);
    const { hardState } = cluster.member(1).storage.initialState();
    expect(hardState.commit).toBeLessThan(cluster.member(1).machine.applied);
    cluster.restart(1);
    expect(cluster.status(1)).toMatchObject({ applied: 2, commit: 2 });
  });

  test('and so does one whose log was compacted beyond it', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.propose(1, 'x');
    cluster.settle();
    cluster.propose(1, 'y');
    cluster.settle();
    cluster.member(1).compact();
    cluster.crash(1);
    const { hardState } = cluster.member(1).storage.initialState();
    expect(hardState.commit).toBeLessThan(3);
    cluster.restart(1);
    expect(cluster.status(1)).toMatchObject({ applied: 3, commit: 3, firstIndex: 4 });
  });

  test('but a commit index beyond the log means that the log was lost', () => {
    const lost = () => new Lone({ log: logOf([1]), hardState: { term: 1, commit: 5 } });
    expect(lost).toThrow(/commit 5/);
  });
});

describe('trap 26: a lease counts from when its round was sent', () => {
  const tickMs = 100;
  const leases = {
    reads: 'lease' as const,
    lease: { tickMs, driftRatioMax: 0.1 },
    electionTicks: 10,
  };
  // Nine ticks, less a tenth for drift.
  const lastsMs = 810;

  /** A leader whose heartbeats left at 10,000 ms and were answered. */
  function leased(settings = {}): Lone {
    const lone = leading({ ...leases, ...settings });
    lone.tick(1, 10_000);
    const { latestRound: round } = lone.core.reads;
    lone.tell(message('heartbeat-reply', { round }));
    lone.sent();
    return lone;
  }
  const readAt = (lone: Lone, nowMs: number) => {
    lone.tell({ type: 'read', context: 1, nowMs });
    return lone.member.reads.length > 0;
  };

  test('it serves reads at once until it ends, by the clock alone', () => {
    expect(readAt(leased(), 10_000 + lastsMs - 1)).toBe(true);
    expect(readAt(leased(), 10_000 + lastsMs)).toBe(false);
  });

  test('a late answer starts it no later', () => {
    const lone = leading(leases);
    lone.tick(1, 10_000);
    const { latestRound: round } = lone.core.reads;
    // The answer comes 800 ms after the heartbeats left.
    lone.tick(1, 10_800);
    lone.tell(message('heartbeat-reply', { round }));
    expect(readAt(lone, 10_000 + lastsMs)).toBe(false);
  });

  test('an event loop that stood still gets no more ticks, but its lease is over', () => {
    expect(readAt(leased(), 60_000)).toBe(false);
  });

  test('when it is over a read takes a round, and is answered by that', () => {
    const lone = leased();
    expect(readAt(lone, 60_000)).toBe(false);
    lone.tell(message('heartbeat-reply', { round: lone.core.reads.latestRound }));
    expect(lone.member.reads).toHaveLength(1);
  });

  test('asking another member to campaign ends it for the term', () => {
    const lone = leased();
    lone.tell({ type: 'transfer-leadership', target: 2 });
    expect(lone.sent('timeout-now')).toHaveLength(1);
    expect(readAt(lone, 10_001)).toBe(false);
    lone.tick(11, 10_002);
    expect(lone.status.transferTarget).toBe(0);
    lone.tell(message('heartbeat-reply', { round: lone.core.reads.latestRound }));
    lone.member.reads = [];
    expect(readAt(lone, 10_003)).toBe(false);
  });

  test('trap 29: an ex-leader does not go on acting on it', () => {
    const lone = leased();
    lone.tell(message('heartbeat', { term: 2 }));
    expect(lone.status.role).toBe('follower');
    expect(lone.core.lease.holds(10_001)).toBe(false);
    expect(readAt(lone, 10_001)).toBe(false);
  });

  test('a follower that has just started promises not to vote, for its earlier life may have', () => {
    const lone = new Lone({ settings: leases, hardState: { term: 1 } });
    expect(lone.tell(message('vote', { term: 2 }))).toEqual([]);
    lone.tick(9);
    expect(lone.tell(message('pre-vote', { term: 2 }))).toEqual([]);
    lone.tick(1);
    expect(lone.tell(message('vote', { term: 2 }))).toMatchObject([{ granted: true }]);
  });

  test('a follower that hears the leader neither votes, nor campaigns, nor forgets it', () => {
    const lone = new Lone({ settings: leases });
    lone.tick(10);
    lone.tell(message('heartbeat', { term: 1 }));
    lone.sent();
    lone.tell({ type: 'forget-leader' });
    lone.tell({ type: 'campaign' });
    lone.tell(message('vote', { from: 3, term: 2 }));
    expect(lone.sent()).toEqual([]);
    expect(lone.status).toMatchObject({ role: 'follower', term: 1, leader: 2 });
  });

  test('leases need check-quorum', () => {
    const make = () => new Lone({ settings: { ...leases, checkQuorum: false } });
    expect(make).toThrow(expect.objectContaining({ code: 'invalid-config' }));
  });
});

describe('reads that cannot be answered', () => {
  test('without a leader they are refused with a reason', () => {
    const lone = new Lone();
    expect(() => lone.tell(read(1))).toThrow(expect.objectContaining({ code: 'no-leader' }));
  });

  test('when leadership changes, those of leader and follower are reported dropped', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.drop(({ type }) => type === 'read-index-reply' || type === 'heartbeat-reply');
    cluster.read(1, 11);
    cluster.read(2, 22);
    cluster.settle();
    cluster.deliver(message('vote', { from: 3, to: 2, term: 2, transfer: true, lastIndex: 9 }));
    cluster.deliver(message('heartbeat', { from: 3, to: 1, term: 2 }));
    cluster.settle();
    expect(cluster.member(1).droppedReads).toEqual([11]);
    expect(cluster.member(2).droppedReads).toEqual([22]);
  });

  test('a follower whose question or answer was lost reports it dropped, and asks no room for it', () => {
    const lone = new Lone({ settings: { pendingReadsMax: 2 } });
    lone.tell(message('heartbeat'));
    for (const context of [1, 2]) lone.tell(read(context));
    expect(() => lone.tell(read(3))).toThrow(expect.objectContaining({ code: 'over-quota' }));
    for (let i = 0; i < 15; i++) {
      lone.tick();
      lone.tell(message('heartbeat'));
    }
    expect(lone.member.droppedReads).toEqual([1, 2]);
    lone.tell(read(3));
    expect(lone.sent('read-index').at(-1)).toMatchObject({ readId: 3 });
  });

  test('a leader that stands back by itself drops what waits', () => {
    const lone = leading();
    lone.tell(read(5));
    lone.tick(20);
    expect(lone.status.role).toBe('follower');
    expect(lone.member.droppedReads).toEqual([5]);
  });
});
