/** Ongaro's thesis, beyond what the paper has: chapters 3, 4, 6, 9.6 and 10. */
import { describe, expect, test } from 'vitest';
import type { ChangeStep } from '../../src/raft/configuration.ts';
import { Cluster } from './cluster.ts';
import { Lone } from './lone.ts';
import { logOf, message, votersOf } from './messages.ts';

const add = (member: number): ChangeStep => ({ type: 'add-voter', member });
const remove = (member: number): ChangeStep => ({ type: 'remove-member', member });

describe('chapter 3: the algorithm', () => {
  test('§3.4: whoever was cut off in a minority follows when it is back', () => {
    const cluster = new Cluster({ members: [1, 2, 3, 4, 5] });
    cluster.elect(1);
    cluster.partition([1, 2], [3, 4, 5]);
    cluster.runUntil('a second leader', () => (cluster.leader() ?? 1) > 2);
    cluster.heal();
    cluster.run(3);
    const leader = cluster.leader()!;
    expect([1, 2, 3, 4, 5].map((id) => cluster.status(id).leader)).toEqual(Array(5).fill(leader));
  });

  test('§3.6.2: a new leader commits nothing of its predecessors before something of its own', () => {
    const logs = { 1: logOf([1, 1]), 2: logOf([1, 1]), 3: logOf([1, 1]) };
    const cluster = new Cluster({ members: [1, 2, 3], logs });
    const commits: number[] = [];
    cluster.member(1).onApply = ({ index }) => commits.push(index);
    cluster.drop((sent) => sent.type === 'append' && sent.entries.some(({ term }) => term === 2));
    cluster.campaign(1);
    cluster.settle();
    cluster.run(5);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', commit: 0 });
    cluster.network.clearDrops();
    cluster.run(2);
    expect(cluster.status(1).commit).toBe(3);
  });

  test('§3.8: after a restart a member waits an election timeout before it campaigns', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.crash(2);
    cluster.restart(2);
    cluster.tick(2, 9);
    cluster.settle();
    expect(cluster.status(2)).toMatchObject({ role: 'follower', term: 1 });
  });

  test('§3.10: a transfer is over before an election timeout', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.transfer(1, 3);
    cluster.settle();
    expect(cluster.leader()).toBe(3);
    expect(cluster.status(3).term).toBe(2);
  });

  test('§3.10: the target is asked only once its log is as long as the leader’s', () => {
    const lone = new Lone();
    lone.becomeLeader();
    lone.acknowledge(2, 1);
    lone.propose('x');
    lone.sent();
    lone.tell({ type: 'transfer-leadership', target: 2 });
    expect(lone.sent('timeout-now')).toEqual([]);
    lone.acknowledge(2, 2);
    expect(lone.sent('timeout-now')).toMatchObject([{ to: 2 }]);
  });
});

describe('chapter 4: membership', () => {
  test('§4.1: members may be added one by one, and count at once when they are', () => {
    const cluster = new Cluster({ members: [1] });
    cluster.elect(1);
    for (const id of [2, 3, 4, 5]) {
      cluster.join(id);
      cluster.change(1, [add(id)]);
      cluster.settle();
      cluster.run(2);
      expect(cluster.status(id).configuration.voters).toContain(id);
    }
    cluster.crash(4, 5);
    cluster.propose(1, 'x');
    cluster.settle();
    expect(cluster.applied(3)).toEqual(['x']);
    cluster.crash(3);
    cluster.propose(1, 'y');
    cluster.settle();
    expect(cluster.applied(2)).toEqual(['x']);
  });

  test('§4.1: a change takes effect whoever leads meanwhile: the entry decides', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.drop((sent) => sent.type === 'append' && sent.to !== 2);
    cluster.drop(({ type, to }) => type === 'append-reply' && to === 1);
    cluster.change(1, [remove(3)]);
    cluster.settle();
    cluster.crash(1);
    cluster.network.clearDrops();
    cluster.runUntil('2 leads', () => {
      if (cluster.status(2).role === 'follower') cluster.campaign(2);
      return cluster.leader() === 2;
    });
    cluster.run(2);
    expect(cluster.status(2).configuration).toEqual(votersOf(1, 2));
  });

  test('§4.2.1: a learner catches up without delaying commits', () => {
    const cluster = new Cluster({ members: [1, 2], configuration: { voters: [1, 2] } });
    cluster.elect(1);
    cluster.join(3, { voters: [1, 2], learners: [3] });
    cluster.drop(({ to }) => to === 3);
    cluster.change(1, [{ type: 'add-learner', member: 3 }]);
    cluster.settle();
    cluster.propose(1, 'x');
    cluster.settle();
    expect(cluster.applied(2)).toEqual(['x']);
    cluster.network.clearDrops();
    cluster.run(2);
    expect(cluster.applied(3)).toEqual(['x']);
  });

  test('§4.2.2: a leader on its way out leads until the change is committed, then stands back', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.partition([1], [2, 3]);
    cluster.change(1, [remove(1)]);
    cluster.propose(1, 'after it');
    cluster.settle();
    expect(cluster.status(1).role).toBe('leader');
    cluster.heal();
    cluster.run(2);
    expect(cluster.status(1).role).toBe('follower');
    cluster.runUntil('another leader', () => [2, 3].includes(cluster.leader() ?? 0));
  });

  test('§4.2.3: servers that were removed and cannot know it do not interrupt the others', () => {
    const cluster = new Cluster({ members: [1, 2, 3, 4], settings: { preVote: false } });
    cluster.elect(1);
    cluster.partition([1, 2, 3], [4]);
    cluster.change(1, [remove(4)]);
    cluster.settle();
    cluster.heal();
    cluster.run(150);
    expect(cluster.status(4).term).toBeGreaterThan(2);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', term: 1 });
  });

  test('§4.3: any configuration may follow any other by way of a joint one', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    for (const id of [4, 5, 6]) cluster.join(id, { voters: [1, 2, 3] });
    cluster.change(1, [add(4), add(5), add(6), remove(1), remove(2), remove(3)]);
    cluster.settle();
    cluster.crash(1, 2, 3);
    cluster.runUntil('a leader', () => cluster.leader() !== undefined);
    cluster.propose(cluster.leader()!, 'x');
    cluster.run(2);
    expect(cluster.applied(4)).toEqual(['x']);
    expect(cluster.status(5).configuration).toEqual(votersOf(4, 5, 6));
  });
});

describe('chapter 6: clients', () => {
  test('§6.2: a leader that hears no majority for an election timeout stands back', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.partition([1], [2, 3]);
    cluster.tick(1, 25);
    cluster.settle();
    expect(cluster.status(1)).toMatchObject({ role: 'follower', leader: 0 });
    expect(() => cluster.propose(1, 'x')).toThrow(expect.objectContaining({ code: 'no-leader' }));
  });

  test('§6.2: with any majority it stays', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.crash(3);
    cluster.run(100);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', term: 1 });
  });

  test('§6.4: a read sees every write acknowledged before it, on any member', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    for (let i = 0; i < 5; i++) {
      const { index } = cluster.propose(1, `${i}`)!;
      cluster.settle();
      cluster.read(3, i);
      cluster.settle();
      expect(cluster.member(3).reads.at(-1)).toMatchObject({ context: i });
      expect(cluster.member(3).reads.at(-1)!.index).toBeGreaterThanOrEqual(index);
    }
  });

  test('§6.4: a read writes nothing', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.member(1).readies.length = 0;
    cluster.read(1, 1);
    cluster.settle();
    expect(cluster.member(1).reads).toHaveLength(1);
    for (const ready of cluster.member(1).readies) {
      expect(ready).toMatchObject({ mustSync: false, entries: [], hardState: undefined });
    }
  });

  test('§6.4: many reads of one moment cost one round', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.sent();
    for (let i = 0; i < 50; i++) cluster.read(1, i);
    cluster.settle();
    expect(cluster.member(1).reads).toHaveLength(50);
    expect(cluster.sent('heartbeat')).toHaveLength(2);
  });
});

describe('§9.6: pre-vote', () => {
  test('a member that comes back from a partition has not raised its term', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    cluster.partition([1, 2], [3]);
    cluster.run(200);
    expect(cluster.status(3)).toMatchObject({ term: 1, role: 'pre-candidate' });
    cluster.heal();
    cluster.run(30);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', term: 1 });
  });

  test('whose log is behind cannot even raise the others’ terms', () => {
    const logs = { 1: logOf([1, 1]), 2: logOf([1, 1]), 3: logOf([1]) };
    const cluster = new Cluster({ members: [1, 2, 3], logs });
    cluster.campaign(3);
    cluster.settle();
    expect([1, 2, 3].map((id) => cluster.status(id).term)).toEqual([1, 1, 1]);
    expect(cluster.status(3).role).toBe('follower');
  });
});

describe('chapter 10: performance that must not cost safety', () => {
  test('§10.2.1: the leader’s disk works beside the followers’, who may be enough without it', () => {
    const cluster = new Cluster({ members: [1, 2, 3], storage: 'async' });
    cluster.elect(1);
    cluster.member(1).diskHeld = true;
    cluster.propose(1, 'x');
    cluster.settle();
    expect(cluster.status(1)).toMatchObject({ commit: 2, applied: 1 });
    expect(cluster.applied(2)).toEqual(['x']);
    cluster.member(1).diskHeld = false;
    cluster.settle();
    expect(cluster.applied(1)).toEqual(['x']);
  });

  test('§10.2.1: but counts itself only when its own is durable', () => {
    const cluster = new Cluster({ members: [1, 2, 3], storage: 'async' });
    cluster.elect(1);
    cluster.member(1).diskHeld = true;
    cluster.crash(3);
    cluster.drop(({ from, type }) => from === 2 && type === 'append-reply');
    cluster.propose(1, 'x');
    cluster.settle();
    expect(cluster.status(1).commit).toBe(1);
    cluster.network.clearDrops();
    cluster.run(2);
    expect(cluster.status(1).commit).toBe(1);
    cluster.member(1).diskHeld = false;
    cluster.settle();
    expect(cluster.status(1).commit).toBe(2);
  });

  test('§10.2.1: a lone leader acknowledges nothing before its disk has it (trap 14)', () => {
    const cluster = new Cluster({ members: [1], storage: 'async' });
    cluster.elect(1);
    cluster.member(1).diskHeld = true;
    cluster.propose(1, 'x');
    cluster.settle();
    expect(cluster.applied(1)).toEqual([]);
    expect(cluster.status(1).commit).toBe(1);
    cluster.member(1).diskHeld = false;
    cluster.settle();
    expect(cluster.applied(1)).toEqual(['x']);
  });

  test('§10.2.1: appends are pipelined, without waiting for answers', () => {
    const lone = new Lone();
    lone.becomeLeader();
    lone.acknowledge(2, 1);
    lone.sent();
    for (const word of ['a', 'b', 'c']) lone.propose(word);
    const pipeline = lone.sent('append').filter(({ to }) => to === 2);
    expect(pipeline.map(({ previousIndex }) => previousIndex)).toEqual([1, 2, 3]);
  });

  test('§10.2.1: which may arrive in any order', () => {
    const cluster = new Cluster({ members: [1, 2, 3] });
    cluster.elect(1);
    const release = cluster.hold((sent) => sent.type === 'append' && sent.to === 3);
    for (const word of ['a', 'b', 'c', 'd']) {
      cluster.propose(1, word);
      cluster.settle();
    }
    cluster.network.held.reverse();
    release();
    cluster.run(3);
    expect(cluster.log(3)).toEqual(cluster.log(1));
  });

  test('§10.2.2: what is proposed in one moment is one append', () => {
    const lone = new Lone();
    lone.becomeLeader();
    lone.acknowledge(2, 1);
    lone.sent();
    lone.propose('a', 'b', 'c');
    const [append] = lone.sent('append');
    expect(append?.entries).toHaveLength(3);
    expect(lone.member.readies.at(-1)?.entries).toHaveLength(3);
  });

  test('§10.2.2: appends have a maximum size, but take one entry of any', () => {
    const lone = new Lone({ settings: { messageBytesMax: 60 } });
    lone.becomeLeader();
    lone.acknowledge(2, 1);
    lone.sent();
    lone.propose('12345', '12345', '12345', 'x'.repeat(500), '1');
    const sizes = lone.sent('append').filter(({ to }) => to === 2);
    expect(sizes.map(({ entries }) => entries.length)).toEqual([2]);
    const rest = lone.acknowledge(2, 3).filter(({ type, to }) => type === 'append' && to === 2);
    expect(rest.map((sent) => 'entries' in sent && sent.entries.length)).toEqual([1, 1, 1]);
  });

  test('messages that a leader sent to an earlier life of a member do no harm', () => {
    const cluster = new Cluster({ members: [1, 2, 3], storage: 'async' });
    cluster.elect(1);
    const release = cluster.hold(({ from, to }) => from === 1 && to === 3);
    cluster.propose(1, 'a');
    cluster.settle();
    cluster.crash(3);
    cluster.restart(3);
    release();
    cluster.deliver(message('append-reply', { from: 3, to: 1, term: 1, index: 1 }));
    cluster.run(3);
    expect(cluster.log(3)).toEqual(cluster.log(1));
  });
});
