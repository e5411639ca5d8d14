/** Trap 24, the reasons of every refusal, fencing by term, and waiting for the storage. */
import { describe, expect, test } from 'vitest';
import { QuorateError } from '../../src/base/errors.ts';
import type { Entry } from '../../src/raft/entry.ts';
import type { MemoryStorage } from '../../src/raft/memory-storage.ts';
import { encodeChange } from '../../src/raft/wire/change.ts';
import { Cluster } from './cluster.ts';
import { Lone } from './lone.ts';
import { bytes, logOf, message } from './messages.ts';

/** The error that `action` throws, which must be an operating error. */
function refusal(action: () => unknown): QuorateError {
  try {
    action();
  } catch (error) {
    if (error instanceof QuorateError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

function leading(settings = {}, log: Entry[] = []): Lone {
  const lone = new Lone({ settings, log });
  lone.becomeLeader();
  lone.acknowledge(2, lone.status.lastIndex);
  lone.sent();
  return lone;
}

describe('every refusal says why, and then nothing changed', () => {
  test('no leader is known', () => {
    const lone = new Lone();
    expect(refusal(() => lone.propose('x'))).toMatchObject({ code: 'no-leader', retryable: true });
    expect(lone.member.running.hasReady()).toBe(false);
  });

  test('a candidate knows none either', () => {
    const lone = new Lone({ settings: { preVote: false } });
    lone.tell({ type: 'campaign' });
    expect(refusal(() => lone.propose('x')).code).toBe('no-leader');
  });

  test('forwarding is disabled: the error names the leader', () => {
    const lone = new Lone({ settings: { disableProposalForwarding: true } });
    lone.tell(message('heartbeat', { from: 3 }));
    const { code, details } = refusal(() => lone.propose('x'));
    expect({ code, details }).toEqual({ code: 'forwarding-disabled', details: { leader: 3 } });
  });

  test('a transfer is under way: the error names its target', () => {
    const lone = leading();
    lone.tell({ type: 'transfer-leadership', target: 3 });
    const { code, details } = refusal(() => lone.propose('x'));
    expect({ code, details }).toEqual({ code: 'transferring', details: { leader: 3 } });
  });

  test('the term required has passed, or has not come', () => {
    const lone = leading();
    const entries = [{ type: 'normal' as const, data: bytes('x') }];
    for (const requiredTerm of [2, 9]) {
      const error = refusal(() => lone.tell({ type: 'propose', entries, requiredTerm }));
      expect(error).toMatchObject({ code: 'stale-term', details: { requiredTerm, term: 1 } });
    }
    expect(lone.status.lastIndex).toBe(1);
    lone.tell({ type: 'propose', entries, requiredTerm: 1 });
    expect(lone.status.lastIndex).toBe(2);
  });

  test('requiring a term goes with a proposal that is passed on', () => {
    const lone = new Lone();
    lone.tell(message('heartbeat', { from: 3 }));
    const entries = [{ type: 'normal' as const, data: bytes('x') }];
    lone.tell({ type: 'propose', entries, requiredTerm: 1 });
    expect(lone.sent('forward')).toMatchObject([{ to: 3, term: 0, requiredTerm: 1, entries }]);
    const leader = leading();
    expect(refusal(() => leader.tell(message('forward', { entries, requiredTerm: 7 }))).code).toBe(
      'stale-term',
    );
  });

  test('over quota', () => {
    const lone = leading({ uncommittedBytesMax: 10 });
    lone.propose('12345678');
    const { code, details } = refusal(() => lone.propose('123'));
    expect(code).toBe('over-quota');
    expect(details).toEqual({ uncommittedBytes: 8, uncommittedBytesMax: 10 });
    expect(lone.status.lastIndex).toBe(2);
  });

  test('removed', () => {
    const lone = new Lone({ voters: [1], settings: { stepDownOnRemoval: false } });
    lone.becomeLeader();
    const configuration = (type: 'add-voter' | 'remove-member', member: number) => ({
      type: 'propose' as const,
      entries: [
        {
          type: 'configuration' as const,
          data: encodeChange({
            transition: 'auto',
            steps: [{ type, member }],
            context: new Uint8Array(),
          }),
        },
      ],
    });
    lone.tell(configuration('add-voter', 2));
    lone.tell(configuration('remove-member', 1));
    lone.acknowledge(2, lone.status.lastIndex);
    expect(refusal(() => lone.propose('x')).code).toBe('removed');
  });

  test('transferring to one that does not vote', () => {
    const lone = leading();
    const error = refusal(() => lone.tell({ type: 'transfer-leadership', target: 9 }));
    expect(error.code).toBe('not-a-voter');
    expect(lone.status.transferTarget).toBe(0);
  });

  test('transferring without a leader', () => {
    const lone = new Lone();
    const error = refusal(() => lone.tell({ type: 'transfer-leadership', target: 2 }));
    expect(error.code).toBe('no-leader');
  });

  test('an unsafe change says why, and an empty entry stands in its place', () => {
    const lone = leading();
    const data = new Uint8Array();
    const leave = { type: 'configuration' as const, data };
    const normal = { type: 'normal' as const, data: bytes('x') };
    const proposed = lone.member.step({ type: 'propose', entries: [normal, leave, normal] });
    expect(proposed).toEqual({
      term: 1,
      index: 2,
      refusals: [{ index: 3, reason: 'there is no joint configuration to leave' }],
    });
    expect(lone.core.log.entriesFrom(2, 999)?.map(({ type }) => type)).toEqual(
      Array(3).fill('normal'),
    );
  });
});

describe('trap 24: the quota neither leaks nor resets', () => {
  test('what is applied is given back: the same load goes on for ever', () => {
    const lone = leading({ uncommittedBytesMax: 10 });
    for (let i = 0; i < 100; i++) {
      const { index } = lone.propose('12345678')!;
      lone.acknowledge(2, index);
      expect(lone.core.uncommittedBytes).toBe(0);
    }
  });

  test('a refused proposal takes nothing of it', () => {
    const lone = leading({ uncommittedBytesMax: 10 });
    lone.propose('12345678');
    for (let i = 0; i < 5; i++) refusal(() => lone.propose('1234'));
    expect(lone.core.uncommittedBytes).toBe(8);
    lone.propose('12');
    expect(lone.core.uncommittedBytes).toBe(10);
  });

  test('a new leader counts the tail that it takes over', () => {
    const log = logOf([1, 1, 1]);
    const lone = new Lone({ log, settings: { uncommittedBytesMax: 12 } });
    lone.becomeLeader();
    expect(lone.core.uncommittedBytes).toBe(9);
    expect(refusal(() => lone.propose('1234')).code).toBe('over-quota');
    lone.acknowledge(2, 4);
    expect(lone.core.uncommittedBytes).toBe(0);
    lone.propose('1234');
  });

  test('a tail on a slow disk that is taken over page by page is counted whole', () => {
    const log = logOf([1, 1, 1, 1, 1, 1]);
    const lone = new Lone({ log, settings: { messageBytesMax: 30 } });
    lone.becomeLeader();
    expect(lone.core.uncommittedBytes).toBe(18);
  });

  test('losing and gaining leadership again and again without a commit stays bounded', () => {
    const cluster = new Cluster({ members: [1, 2, 3], settings: { uncommittedBytesMax: 100 } });
    cluster.elect(1);
    cluster.drop(({ type }) => type === 'append-reply');
    for (let term = 0; term < 5; term++) {
      for (let i = 0; i < 10; i++) {
        try {
          cluster.propose(1, 'x'.repeat(30));
        } catch (error) {
          if (!(error instanceof QuorateError)) throw error;
        }
      }
      cluster.settle();
      cluster.run(11);
      cluster.crash(1);
      cluster.restart(1);
      cluster.runUntil('leader', () => {
        if (cluster.status(1).role === 'follower') cluster.campaign(1);
        return cluster.leader() === 1;
      });
    }
    const uncommitted = cluster
      .log(1)
      .filter(({ index }) => index > cluster.status(1).commit)
      .reduce((sum, { data }) => sum + data.length, 0);
    expect(uncommitted).toBeLessThanOrEqual(100);
    cluster.network.clearDrops();
    cluster.run(30);
    expect(cluster.core(cluster.leader()!).uncommittedBytes).toBe(0);
  });

  test('one proposal always fits, and an empty one too', () => {
    const lone = leading({ uncommittedBytesMax: 4 });
    lone.propose('12345678');
    lone.propose('');
    expect(lone.status.lastIndex).toBe(3);
  });
});

describe('an entry carries its term to the applier', () => {
  test('so that it can tell a proposal that a successor took over', () => {
    const terms: number[] = [];
    const lone = new Lone({ log: logOf([1, 2]) });
    lone.member.onApply = ({ term }) => terms.push(term);
    lone.becomeLeader();
    lone.acknowledge(2, 3);
    expect(terms).toEqual([1, 2, 3]);
  });
});

describe('waiting for the storage', () => {
  /** Makes entries and snapshot absent until given back. */
  function withhold(storage: MemoryStorage): () => void {
    const { entries, snapshot } = storage;
    storage.entries = () => undefined as never;
    storage.snapshot = () => undefined;
    return () => Object.assign(storage, { entries, snapshot });
  }

  test('a follower’s append that needs entries not at hand leaves once they are', () => {
    const lone = leading({}, logOf([1, 1]));
    const giveBack = withhold(lone.member.storage);
    const rejected = { from: 3, term: 2, rejected: true, index: 2, hintIndex: 0 };
    expect(lone.tell(message('append-reply', rejected))).toEqual([]);
    expect(lone.core.awaitingStorage).toBe(true);
    giveBack();
    const sent = lone.tell({ type: 'storage-ready' });
    expect(sent).toMatchObject([{ type: 'append', to: 3, previousIndex: 0 }]);
    expect(lone.core.awaitingStorage).toBe(false);
  });

  test('so does a snapshot', () => {
    const lone = leading({}, logOf([1, 1]));
    lone.member.compact();
    const giveBack = withhold(lone.member.storage);
    const rejected = { from: 3, term: 2, rejected: true, index: 2, hintIndex: 0 };
    expect(lone.tell(message('append-reply', rejected))).toEqual([]);
    giveBack();
    expect(lone.tell({ type: 'storage-ready' })).toMatchObject([{ type: 'snapshot', to: 3 }]);
  });

  test('committed entries not at hand are applied once they are, and nothing spins meanwhile', () => {
    const lone = new Lone({ log: logOf([1, 1]) });
    const giveBack = withhold(lone.member.storage);
    lone.tell(message('heartbeat', { commit: 2 }));
    expect(lone.member.running.hasReady()).toBe(false);
    expect(lone.status).toMatchObject({ commit: 2, applied: 0 });
    giveBack();
    lone.tell({ type: 'storage-ready' });
    expect(lone.member.machine.commands).toEqual(['1.1', '1.2']);
  });

  test('who cannot see whether a change is unapplied does not campaign', () => {
    const lone = new Lone({ log: logOf([1, 1]) });
    withhold(lone.member.storage);
    lone.tell(message('heartbeat', { commit: 2 }));
    lone.tell({ type: 'campaign' });
    expect(lone.status.role).toBe('follower');
  });
});
