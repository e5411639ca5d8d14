/**
 * What the random schedules found, each told by hand in a few steps: that outlives the runs, whose
 * meaning changes with what is drawn from a seed.
 */
import { expect, it } from 'vitest';
import { SeededRandom } from '../../src/base/seeded-random.ts';
import { emptyConfiguration } from '../../src/raft/configuration.ts';
import { type Entry, emptyBytes, noPosition } from '../../src/raft/entry.ts';
import { MemoryStorage } from '../../src/raft/memory-storage.ts';
import type { Message } from '../../src/raft/message.ts';
import type { RaftOptions } from '../../src/raft/options.ts';
import { Raft } from '../../src/raft/raft.ts';
import { encodeChange } from '../../src/raft/wire/change.ts';

const voters = [1, 2, 3];

function normal(index: number, term: number): Entry {
  return { type: 'normal', term, index, data: emptyBytes };
}

/** Member 1 of three, with a log of normal entries of these terms. */
function member(options: Partial<RaftOptions> = {}, terms: readonly number[] = []): Raft {
  const storage = new MemoryStorage();
  storage.setConfiguration({ ...emptyConfiguration, voters });
  storage.append(terms.map((term, i) => normal(i + 1, term)));
  storage.setHardState({ term: terms[terms.length - 1] ?? 0, vote: 0, commit: 0 });
  return new Raft({ id: 1, storage, random: new SeededRandom(1), electionTicks: 4, ...options });
}

function tick(raft: Raft, ticks: number): void {
  for (let left = ticks; left > 0; left--) raft.step({ type: 'tick', nowMs: 0 });
}

/** What the member says now; whatever it asks for is done. */
function said(raft: Raft): Message[] {
  const messages: Message[] = [];
  const storage = raft.core.settings.storage as MemoryStorage;
  while (raft.hasReady()) {
    const ready = raft.ready();
    storage.append(ready.entries);
    messages.push(...ready.messages);
    raft.advance();
  }
  return messages;
}

function voteRequest(from: number, term: number) {
  const log = { lastIndex: 9, lastTerm: term - 1 };
  const rest = { transfer: false, priority: 0, incarnation: 7 };
  return { type: 'vote' as const, from, to: 1, term, ...log, ...rest };
}

const heartbeat = { type: 'heartbeat', from: 2, to: 1, term: 1, commit: 0, round: 0 } as const;
const lease = { reads: 'lease', lease: { tickMs: 10, driftRatioMax: 0.1 } } as const;

it('lets no later reply slip into an append task that was handed out before', () => {
  const raft = member({ asyncStorageWrites: true, checkQuorum: false });
  raft.step(heartbeat);
  const first = raft.ready();
  expect(first.append?.hardState).toEqual({ term: 1, vote: 0, commit: 0 });
  raft.step(voteRequest(3, 2));
  expect(first.append?.replies).toEqual([]);
  const second = raft.ready();
  expect(second.append?.hardState).toEqual({ term: 2, vote: 3, commit: 0 });
  expect(second.append?.replies).toMatchObject([{ type: 'vote-reply', to: 3, granted: true }]);
});

it('starts where more is applied, or compacted away, than the stored commit index says', () => {
  expect(member({ applied: 3 }, [1, 1, 1]).status()).toMatchObject({ commit: 3, applied: 3 });
  const storage = new MemoryStorage();
  storage.append([normal(1, 1), normal(2, 1)]);
  storage.setHardState({ term: 1, vote: 0, commit: 1 });
  storage.compact(2);
  expect(member({ storage }).status()).toMatchObject({ commit: 2, applied: 2 });
});

it('stands for election under leases too once the leader is gone', () => {
  const raft = member(lease);
  raft.step(heartbeat);
  tick(raft, 3);
  expect(raft.status().role).toBe('follower');
  tick(raft, 8);
  expect(raft.status().role).toBe('pre-candidate');
});

it('keeps its promise to a leader with a lease in whatever term it comes to', () => {
  const raft = member(lease);
  tick(raft, 3);
  raft.step(heartbeat);
  // An answer to something that this member sent long ago, from one that is in a later term.
  const late = { index: 0, rejected: true, hintIndex: 0, hintTerm: 0 };
  raft.step({ type: 'append-reply', from: 3, to: 1, term: 5, ...late });
  expect(raft.status()).toMatchObject({ term: 5, leader: 0 });
  tick(raft, 3);
  raft.step(voteRequest(3, 5));
  raft.step(voteRequest(3, 6));
  expect(said(raft).filter(({ type }) => type === 'vote-reply')).toEqual([]);
  expect(raft.status()).toMatchObject({ term: 5, vote: 0 });
  tick(raft, 1);
  raft.step(voteRequest(3, 6));
  expect(raft.status()).toMatchObject({ term: 6, vote: 3 });
});

it('takes a snapshot that does not name it yet: the entry that adds it comes behind', () => {
  const storage = new MemoryStorage();
  const raft = member({ storage });
  const configuration = { ...emptyConfiguration, voters: [2, 3] };
  const snapshot = { term: 1, index: 5, configuration, data: emptyBytes };
  raft.step({ type: 'snapshot', from: 2, to: 1, term: 1, snapshot });
  expect(raft.ready().snapshot).toEqual(snapshot);
  storage.install(snapshot);
  raft.advance();
  expect(raft.status()).toMatchObject({ commit: 5, applied: 5, configuration });
  const change = { transition: 'auto', steps: [{ type: 'add-learner', member: 1 }] } as const;
  expect(raft.applyChange({ ...change, context: emptyBytes }).learners).toEqual([1]);
});

it('is not stranded by a leader that removed itself with more in its log (trap 4)', () => {
  // Member 2 removed itself with entry 1, which both have, and appended entry 2 before it knew.
  const steps = [{ type: 'remove-member', member: 2 }] as const;
  const data = encodeChange({ transition: 'auto', steps, context: emptyBytes });
  const storage = new MemoryStorage();
  storage.setConfiguration({ ...emptyConfiguration, voters: [1, 2] });
  storage.append([{ type: 'configuration', term: 1, index: 1, data }]);
  storage.setHardState({ term: 1, vote: 0, commit: 0 });
  const raft = member({ storage, preVote: false });
  raft.step({ type: 'campaign' });
  const request = said(raft)[0]!;
  expect(request).toMatchObject({ type: 'vote', to: 2, term: 2 });
  const refusal = { granted: false, incarnation: raft.core.incarnation };
  const refused = { type: 'vote-reply', from: 2, to: 1, term: 2, ...refusal } as const;
  // What is committed elsewhere in another term's log means nothing here.
  raft.step({ ...refused, commit: noPosition });
  raft.step({ type: 'campaign' });
  raft.step({ ...refused, term: 3, commit: { term: 2, index: 1 } });
  expect(raft.status().commit).toBe(0);
  raft.step({ type: 'campaign' });
  raft.step({ ...refused, term: 4, commit: { term: 1, index: 1 } });
  expect(raft.status()).toMatchObject({ commit: 1, role: 'follower' });
  // It may not stand before it has applied that; then it is alone and leads.
  raft.step({ type: 'campaign' });
  expect(raft.status().role).toBe('follower');
  expect(raft.ready().committed).toHaveLength(1);
  raft.applyChange({ transition: 'auto', steps, context: emptyBytes });
  raft.advance();
  raft.step({ type: 'campaign' });
  said(raft);
  expect(raft.status().role).toBe('leader');
});

it('is not woken by late news of what it sent before', () => {
  const raft = member();
  raft.step({ type: 'quiesce', from: 2, to: 1, term: 1, commit: 0 });
  expect(raft.status().quiet).toBe(true);
  raft.step({ type: 'report-snapshot', member: 3, failed: false });
  raft.step({ type: 'report-unreachable', member: 3 });
  expect(raft.status().quiet).toBe(true);
});

it('tells a leader of its later term where it may not stand itself', () => {
  const storage = new MemoryStorage();
  storage.setConfiguration({ ...emptyConfiguration, voters: [2, 3], learners: [1] });
  storage.setHardState({ term: 5, vote: 0, commit: 0 });
  const raft = member({ storage, preVote: false, checkQuorum: false });
  raft.step(heartbeat);
  expect(said(raft)).toMatchObject([{ type: 'append-reply', to: 2, term: 5 }]);
});

it('tells its later term to a candidate that it does not know of yet', () => {
  const raft = member({ preVote: false }, [5]);
  // Member 4 took the place of one that this member still believes in, and asks for a vote.
  raft.step(voteRequest(4, 3));
  expect(said(raft)).toMatchObject([{ type: 'vote-reply', to: 4, term: 5, granted: false }]);
  // One that it knows will hear of the term when this member stands itself.
  raft.step(voteRequest(3, 3));
  expect(said(raft)).toEqual([]);
});
