import { describe, expect, test } from 'vitest';
import { AssertionError } from '../base/assert.ts';
import { type ErrorCode, QuorateError } from '../base/errors.ts';
import { SeededRandom } from '../base/seeded-random.ts';
import { emptyConfiguration } from './configuration.ts';
import type { Entry } from './entry.ts';
import type { Input } from './input.ts';
import { MemoryStorage } from './memory-storage.ts';
import { Raft } from './raft.ts';
import { encodeChange } from './wire/change.ts';

const tooLarge = 2 ** 53;
const x = new Uint8Array([120]);

function entry(index: number, term: number): Entry {
  return { type: 'normal', index, term, data: x };
}

/** Member 1 of three with a log of two entries in term 3: a follower of 2, or the leader. */
function member(role: 'follower' | 'leader'): Raft {
  const storage = new MemoryStorage();
  storage.setConfiguration({ ...emptyConfiguration, voters: [1, 2, 3] });
  storage.append([entry(1, 1), entry(2, 2)]);
  storage.setHardState({ term: 2, vote: 0, commit: 1 });
  const raft = new Raft({
    id: 1,
    storage,
    random: new SeededRandom(1),
    entryBytesMax: 8,
    preVote: false,
    checkQuorum: false,
  });
  const settle = () => {
    while (raft.hasReady()) {
      const { hardState, entries } = raft.ready();
      if (hardState) storage.setHardState(hardState);
      storage.append(entries);
      raft.advance();
    }
  };
  if (role === 'follower') {
    raft.step({ type: 'heartbeat', from: 2, to: 1, term: 3, commit: 1, round: 0 });
  } else {
    raft.step({ type: 'campaign' });
    const { incarnation } = raft.core;
    raft.step({
      type: 'vote-reply',
      from: 2,
      to: 1,
      term: 3,
      granted: true,
      incarnation,
      commit: { term: 0, index: 0 },
    });
  }
  settle();
  expect(raft.status()).toMatchObject({ role, term: 3 });
  return raft;
}

/** Everything that a step could change, as plain data. */
function picture(raft: Raft) {
  const { core } = raft;
  const { log, settings, ...rest } = core;
  return structuredClone({
    ...rest,
    membership: {
      ...core.membership,
      progress: [...core.membership.progress.values()].map((progress) => ({ ...progress })),
    },
    log: [log.committed, log.applied, log.applying, log.entriesFrom(1, 9999)],
    unstable: [log.unstable.offset, log.unstable.end, log.unstable.hasUnwritten],
    lease: undefined,
    votes: [...core.votes],
    reads: { ...core.reads },
    status: raft.status(),
    ready: raft.hasReady(),
    settings: settings.id,
  });
}

function bad(name: string, code: ErrorCode, input: unknown, role?: 'leader' | 'follower') {
  return { name, code, input: input as Input, role: role ?? 'follower' };
}

const from2 = { from: 2, to: 1, term: 3 };
const append = { type: 'append', ...from2, previousIndex: 2, previousTerm: 2, commit: 1 };
const vote = {
  type: 'vote',
  ...from2,
  lastIndex: 2,
  lastTerm: 2,
  transfer: false,
  priority: 0,
  incarnation: 1,
};
const appendReply = {
  type: 'append-reply',
  ...from2,
  index: 2,
  rejected: false,
  hintIndex: 0,
  hintTerm: 0,
};
const configuration = { ...emptyConfiguration, voters: [1, 2, 3] };
const snapshot = { index: 5, term: 3, configuration, data: x };
const install = (fields: object) => ({
  type: 'snapshot',
  ...from2,
  snapshot: { ...snapshot, ...fields },
});
const voters = (fields: object) => install({ configuration: { ...configuration, ...fields } });
const propose = (...entries: unknown[]) => ({ type: 'propose', entries });

const cases = [
  bad('an unknown type', 'malformed-message', { type: 'gossip', ...from2 }),
  bad('a term beyond 2^53', 'out-of-range', { ...append, term: tooLarge, entries: [] }),
  bad('a negative term', 'out-of-range', { ...append, term: -1, entries: [] }),
  bad('a broken term', 'out-of-range', { ...append, term: 3.5, entries: [] }),
  bad('no term', 'out-of-range', { ...append, term: undefined, entries: [] }),
  bad('no sender', 'out-of-range', { ...append, from: 0, entries: [] }),
  bad('another receiver', 'unknown-sender', { ...append, to: 2, entries: [] }),
  bad('an append from itself', 'unknown-sender', { ...append, from: 1, entries: [] }),
  bad('a reply of a stranger', 'unknown-sender', { ...appendReply, from: 9 }, 'leader'),
  bad('a vote of a stranger', 'unknown-sender', {
    type: 'vote-reply',
    ...from2,
    from: 9,
    granted: true,
    incarnation: 1,
  }),
  bad('an index beyond 2^53', 'out-of-range', {
    ...append,
    previousIndex: tooLarge,
    entries: [],
  }),
  bad('entries that go beyond 2^53', 'out-of-range', {
    ...append,
    previousIndex: tooLarge - 1,
    entries: [entry(tooLarge, 3)],
  }),
  bad('a commit index beyond 2^53', 'out-of-range', { ...append, commit: tooLarge, entries: [] }),
  bad('a previous term above its own', 'malformed-message', {
    ...append,
    previousTerm: 4,
    entries: [],
  }),
  bad('a gap between entries', 'malformed-message', {
    ...append,
    entries: [entry(3, 3), entry(5, 3)],
  }),
  bad('entries of falling terms', 'malformed-message', {
    ...append,
    entries: [entry(3, 3), entry(4, 2)],
  }),
  bad('an entry of a later term', 'malformed-message', { ...append, entries: [entry(3, 4)] }),
  bad('an entry of no term', 'malformed-message', {
    ...append,
    previousIndex: 0,
    previousTerm: 0,
    entries: [entry(1, 0)],
  }),
  bad('an entry of an unknown type', 'malformed-message', {
    ...append,
    entries: [{ ...entry(3, 3), type: 'odd' }],
  }),
  bad('an entry without bytes', 'malformed-message', {
    ...append,
    entries: [{ ...entry(3, 3), data: 'x' }],
  }),
  bad('an acknowledgement beyond 2^53', 'out-of-range', { ...appendReply, index: tooLarge }),
  bad(
    'an acknowledgement of entries that there are not',
    'malformed-message',
    { ...appendReply, index: 99 },
    'leader',
  ),
  bad('a hint beyond 2^53', 'out-of-range', { ...appendReply, hintIndex: tooLarge }),
  bad('a hint of a broken term', 'out-of-range', { ...appendReply, hintTerm: Number.NaN }),
  bad('a candidacy in term 0', 'malformed-message', { ...vote, term: 0 }),
  bad('a candidate’s index beyond 2^53', 'out-of-range', { ...vote, term: 4, lastIndex: 2 ** 60 }),
  bad('a candidate’s term beyond 2^53', 'out-of-range', { ...vote, term: 4, lastTerm: 2 ** 60 }),
  bad('a broken priority', 'out-of-range', { ...vote, term: 4, priority: Number.NaN }),
  bad('a broken incarnation', 'out-of-range', { ...vote, term: 4, incarnation: 0.5 }),
  bad('a heartbeat’s commit beyond 2^53', 'out-of-range', {
    type: 'heartbeat',
    ...from2,
    commit: tooLarge,
    round: 0,
  }),
  bad('a heartbeat’s round beyond 2^53', 'out-of-range', {
    type: 'heartbeat',
    ...from2,
    commit: 1,
    round: tooLarge,
  }),
  bad(
    'a confirmation of an endless round',
    'out-of-range',
    { type: 'heartbeat-reply', ...from2, round: Number.POSITIVE_INFINITY },
    'leader',
  ),
  bad(
    'a confirmation of a round that there was not',
    'malformed-message',
    { type: 'heartbeat-reply', ...from2, round: 7 },
    'leader',
  ),
  bad('a second leader', 'malformed-message', { ...append, entries: [entry(3, 3)] }, 'leader'),
  bad('a read id beyond 2^53', 'out-of-range', {
    type: 'read-index',
    ...from2,
    incarnation: 1,
    readId: tooLarge,
  }),
  bad('a read index beyond 2^53', 'out-of-range', {
    type: 'read-index-reply',
    ...from2,
    incarnation: 1,
    readId: 1,
    index: tooLarge,
  }),
  bad('a transfer to nobody', 'out-of-range', { type: 'transfer', ...from2, target: 0 }),
  bad('a quiesce beyond 2^53', 'out-of-range', { type: 'quiesce', ...from2, commit: tooLarge }),
  bad('an empty snapshot', 'malformed-message', install({ index: 0, term: 0 })),
  bad('a snapshot beyond 2^53', 'out-of-range', install({ index: tooLarge })),
  bad('a snapshot of a later term', 'malformed-message', install({ term: 4 })),
  bad('a snapshot without voters', 'malformed-message', voters({ voters: [] })),
  bad('voters out of order', 'malformed-message', voters({ voters: [2, 1] })),
  bad('a voter twice', 'malformed-message', voters({ voters: [1, 1] })),
  bad('a voter that is nobody', 'out-of-range', voters({ voters: [0, 1] })),
  bad('a voter that is a learner', 'malformed-message', voters({ learners: [3] })),
  bad('one that waits without a vote', 'malformed-message', voters({ learnersNext: [3] })),
  bad('a proposal of nothing', 'malformed-message', propose()),
  bad(
    'a proposal above the maximum',
    'entry-too-large',
    propose({ type: 'normal', data: new Uint8Array(9) }),
    'leader',
  ),
  bad(
    'one of several above the maximum',
    'entry-too-large',
    propose({ type: 'normal', data: x }, { type: 'normal', data: new Uint8Array(9) }),
    'leader',
  ),
  bad(
    'a forwarded one above the maximum',
    'entry-too-large',
    {
      type: 'forward',
      ...from2,
      term: 0,
      requiredTerm: 0,
      entries: [{ type: 'normal', data: new Uint8Array(9) }],
    },
    'leader',
  ),
  bad(
    'a proposal of an unknown type',
    'malformed-message',
    propose({ type: 'odd', data: x }),
    'leader',
  ),
  bad(
    'a change that cannot be read',
    'malformed-message',
    propose({ type: 'configuration', data: new Uint8Array([77, 1]) }),
    'leader',
  ),
  bad(
    'a required term beyond 2^53',
    'out-of-range',
    { type: 'propose', entries: [{ type: 'normal', data: x }], requiredTerm: tooLarge },
    'leader',
  ),
  bad('a broken read context', 'out-of-range', { type: 'read', context: Number.NaN }),
  bad('a transfer to a broken member', 'out-of-range', {
    type: 'transfer-leadership',
    target: 1.5,
  }),
  bad('news of nobody', 'out-of-range', { type: 'report-unreachable', member: 0 }),
  bad('a report on nobody', 'out-of-range', { type: 'report-snapshot', member: 0, failed: true }),
];

describe('bad input is refused with a code, and nothing changes', () => {
  test.each(cases)('$name: $code', ({ code, input, role }) => {
    const raft = member(role);
    const before = picture(raft);
    let refused: unknown;
    try {
      raft.step(input);
    } catch (error) {
      refused = error;
    }
    expect(refused).toBeInstanceOf(QuorateError);
    expect(refused).toMatchObject({ code, retryable: false });
    expect(picture(raft)).toEqual(before);
  });

  test('the numbers just inside the range are taken', () => {
    const raft = member('follower');
    const max = Number.MAX_SAFE_INTEGER;
    raft.step({ ...append, type: 'append', term: max, commit: max, entries: [] });
    expect(raft.status()).toMatchObject({ term: max, leader: 2 });
  });

  test('after a refusal the instance goes on', () => {
    const raft = member('leader');
    expect(() => raft.step(propose() as Input)).toThrow();
    expect(raft.step({ type: 'propose', entries: [{ type: 'normal', data: x }] })).toMatchObject({
      index: 4,
    });
    expect(raft.hasReady()).toBe(true);
  });
});

describe('a failed assertion', () => {
  /** A host that reports as applied what it was never given. */
  function fail(raft: Raft): void {
    expect(() => raft.step({ type: 'applied', entries: [entry(99, 3)] })).toThrow(AssertionError);
  }

  test('yields nothing to persist or send, though there was something before', () => {
    const raft = member('follower');
    raft.step({ type: 'heartbeat', from: 2, to: 1, term: 3, commit: 2, round: 1 });
    expect(raft.hasReady()).toBe(true);
    fail(raft);
    expect(raft.hasReady()).toBe(false);
    expect(() => raft.ready()).toThrow(/has failed.*out of range/);
    expect(() => raft.advance()).toThrow(/has failed/);
  });

  test('is final: no input is taken any more', () => {
    const raft = member('follower');
    fail(raft);
    expect(() => raft.step({ type: 'tick' })).toThrow(/has failed/);
    expect(() =>
      raft.applyChange({ transition: 'auto', steps: [], context: new Uint8Array() }),
    ).toThrow(/has failed/);
    expect(raft.status().id).toBe(1);
  });
});

describe('a leader that knows of more than the log holds', () => {
  test('shows by a heartbeat that the end is lost', () => {
    const raft = member('follower');
    const heartbeat = { type: 'heartbeat', from: 2, to: 1, term: 3, round: 0 } as const;
    expect(() => raft.step({ ...heartbeat, commit: 3 })).toThrow(/the end of the log is lost/);
    raft.step({ ...heartbeat, commit: 2 });
    // A deposed leader may know of entries that were replaced since.
    raft.step({ ...heartbeat, commit: 3, term: 2 });
  });
});

test('nobody proposes a forced change', () => {
  const raft = member('leader');
  const steps = [{ type: 'add-voter', member: 1 }] as const;
  const data = encodeChange({ transition: 'forced', steps, context: new Uint8Array() });
  expect(() => raft.step({ type: 'propose', entries: [{ type: 'configuration', data }] })).toThrow(
    /never proposed/,
  );
});
