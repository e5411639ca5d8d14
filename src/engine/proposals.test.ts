import { beforeEach, describe, expect, it } from 'vitest';
import { QuorateError } from '../base/errors.ts';
import { SeededRandom } from '../base/seeded-random.ts';
import { unwrap } from './envelope.ts';
import type { Outcome } from './machine.ts';
import { type Pending, Proposals } from './proposals.ts';

const done: Outcome = { ok: true, value: 'done' };

describe('proposals of a member', () => {
  let answers: [ticket: number, outcome: Outcome][];
  let proposals: Proposals;

  beforeEach(() => {
    answers = [];
    const answer = (ticket: number, outcome: Outcome) => void answers.push([ticket, outcome]);
    proposals = new Proposals(7, new SeededRandom(1), 4, answer);
  });

  function add(ticket: number, about: { requiredTerm?: number; deadlineMs?: number } = {}): void {
    const { requiredTerm = 0, deadlineMs = 1000 } = about;
    const command = new Uint8Array([ticket]);
    proposals.add({ ticket, command, timeMs: 5, requiredTerm, deadlineMs });
  }

  function tickets(pendings: readonly Pending[]): number[] {
    return pendings.map(({ ticket }) => ticket);
  }

  /** How the tickets ended, each in a word. */
  function ends(): string[] {
    return answers.map(([ticket, outcome]) => {
      if (outcome.ok) return `${ticket} ${outcome.value}`;
      const { error } = outcome;
      if (!(error instanceof QuorateError)) return `${ticket} ${error}`;
      return `${ticket} ${error.code}${error.maybeApplied ? ' maybe' : ''}`;
    });
  }

  it('go out together, in the order in which they came', () => {
    add(1);
    add(2);
    expect(proposals.hasQueued).toBe(true);
    const offered = proposals.offer(3);
    expect(tickets(offered)).toEqual([1, 2]);
    expect(offered.map(({ term }) => term)).toEqual([3, 3]);
    expect(offered.map(({ data }) => [...unwrap(data).body])).toEqual([[1], [2]]);
    expect(proposals.hasQueued).toBe(false);
    expect(proposals.size).toBe(2);
  });

  it('are answered when they are applied, once', () => {
    add(1);
    const [first] = proposals.offer(3);
    proposals.placed([first!], 3);
    const { origin, sequence } = unwrap(first!.data);
    expect(origin).toBe(7);
    expect(sequence).toBe(first!.sequence);
    proposals.applied(sequence, done);
    proposals.applied(sequence, done);
    expect(ends()).toEqual(['1 done']);
    expect(proposals.size).toBe(0);
  });

  it('are nobody’s where the sequence is of an earlier life', () => {
    proposals.applied(12345, done);
    expect(ends()).toEqual([]);
  });

  it('are refused beyond the limit', () => {
    for (let ticket = 1; ticket <= 5; ticket++) add(ticket);
    expect(ends()).toEqual(['5 over-quota']);
    const [first] = proposals.offer(3);
    add(6);
    proposals.applied(first!.sequence, done);
    add(7);
    expect(ends()).toEqual(['5 over-quota', '6 over-quota', '1 done']);
    expect(proposals.size).toBe(4);
  });

  it('wait for another leader when one refuses that does not lead, before those that came later', () => {
    add(1);
    add(2);
    const offered = proposals.offer(3);
    add(3);
    proposals.refused(offered, 3, new QuorateError('no-leader', 'I do not lead'));
    expect(ends()).toEqual([]);
    expect(tickets(proposals.offer(4))).toEqual([1, 2, 3]);
  });

  it('fail by name when a leader refuses them for what they are', () => {
    add(1);
    const offered = proposals.offer(3);
    proposals.refused(offered, 3, new QuorateError('entry-too-large', 'too large'));
    expect(ends()).toEqual(['1 entry-too-large']);
    expect(proposals.size).toBe(0);
  });

  it('of a required term fail when that has passed, others wait for the next', () => {
    add(1, { requiredTerm: 3 });
    add(2);
    const offered = proposals.offer(3);
    proposals.refused(offered, 3, new QuorateError('stale-term', 'it is 4'));
    expect(ends()).toEqual(['1 stale-term']);
    expect(tickets(proposals.offer(4))).toEqual([2]);
  });

  it('are not offered again for a late refusal, once they were offered to a later leader', () => {
    add(1);
    const offered = proposals.offer(3);
    proposals.termBegan(4);
    expect(tickets(proposals.offer(4))).toEqual([1]);
    proposals.refused(offered, 3, new QuorateError('no-leader', 'late'));
    expect(proposals.hasQueued).toBe(false);
  });

  it('are offered again when the next term begins without them, unless they require the last', () => {
    add(1);
    add(2, { requiredTerm: 3 });
    add(3);
    const [first] = proposals.offer(3);
    proposals.applied(first!.sequence, done);
    proposals.termBegan(4);
    expect(ends()).toEqual(['1 done', '2 leadership-lost']);
    expect(tickets(proposals.offer(4))).toEqual([3]);
  });

  it('of this term stay where they are when it begins', () => {
    add(1);
    proposals.offer(4);
    proposals.termBegan(4);
    expect(proposals.hasQueued).toBe(false);
    expect(proposals.size).toBe(1);
  });

  it('under a snapshot may have been applied', () => {
    add(1);
    proposals.offer(3);
    add(2);
    proposals.offer(5);
    proposals.skipped(4);
    expect(ends()).toEqual(['1 leadership-lost maybe']);
    expect(proposals.size).toBe(1);
  });

  it('fail at their deadline: certainly not applied while queued, else perhaps', () => {
    add(1, { deadlineMs: 100 });
    add(2, { deadlineMs: 300 });
    proposals.offer(3);
    add(3, { deadlineMs: 100 });
    add(4, { deadlineMs: 300 });
    proposals.expire(99);
    expect(ends()).toEqual([]);
    proposals.expire(100);
    expect(ends()).toEqual(['1 timeout maybe', '3 no-leader']);
    expect(tickets(proposals.offer(3))).toEqual([4]);
  });

  it('are not answered any more once their requester gave up', () => {
    add(1);
    const offered = proposals.offer(3);
    add(2);
    proposals.cancel(1);
    proposals.cancel(2);
    proposals.refused(offered, 3, new QuorateError('no-leader', 'I do not lead'));
    expect(proposals.hasQueued).toBe(false);
    expect(proposals.size).toBe(0);
    expect(ends()).toEqual([]);
  });

  it('all end when the member does', () => {
    add(1);
    proposals.offer(3);
    add(2);
    proposals.failAll('closing', 'the member closes');
    expect(ends()).toEqual(['1 closing maybe', '2 closing']);
    expect(proposals.size).toBe(0);
    expect(proposals.hasQueued).toBe(false);
  });
});
