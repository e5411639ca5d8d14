/** Any message of Raft, for property tests. */
import fc from 'fast-check';
import type { Entry, Proposal } from '../../src/raft/entry.ts';
import type { Message } from '../../src/raft/message.ts';

/** Mostly small, sometimes at the limit. */
const number = fc.oneof(fc.nat(300), fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER));
const member = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const members = fc.array(member, { maxLength: 4 });
const data = fc.uint8Array({ maxLength: 40 });
const entryType = fc.constantFrom('normal' as const, 'configuration' as const);
const proposal: fc.Arbitrary<Proposal> = fc.record({ type: entryType, data });

/** Entries that follow each other, with terms that rise now and then. */
export function entriesFrom(firstIndex: number, least = 0): fc.Arbitrary<Entry[]> {
  return fc
    .array(fc.record({ type: entryType, data, rise: fc.constantFrom(0, 0, 0, 1, 300) }), {
      minLength: least,
      maxLength: 6,
    })
    .map((drawn) => {
      let term = 1;
      return drawn.map(({ type, data: bytes, rise }, at) => {
        term += rise;
        return { type, data: bytes, term, index: firstIndex + at };
      });
    });
}

const position = fc.record({ term: number, index: number });
const configuration = fc.record({
  voters: members,
  votersOutgoing: members,
  learners: members,
  learnersNext: members,
  autoLeave: fc.boolean(),
});

/** A message from one member to another. */
export function anyMessage(from: number, to: number): fc.Arbitrary<Message> {
  const envelope = { from: fc.constant(from), to: fc.constant(to), term: number };
  const typed = <Type extends string>(...types: Type[]) => fc.constantFrom(...types);
  const previousIndex = fc.oneof(fc.nat(500), fc.constant(2 ** 40));
  return fc.oneof(
    previousIndex.chain((index) =>
      fc.record({
        type: typed('append'),
        ...envelope,
        previousIndex: fc.constant(index),
        previousTerm: number,
        entries: entriesFrom(index + 1),
        commit: number,
      }),
    ),
    fc.record({
      type: typed('append-reply'),
      ...envelope,
      index: number,
      rejected: fc.constant(true),
      hintIndex: number,
      hintTerm: number,
    }),
    fc.record({
      type: typed('append-reply'),
      ...envelope,
      index: number,
      rejected: fc.constant(false),
      hintIndex: fc.constant(0),
      hintTerm: fc.constant(0),
    }),
    fc.record({
      type: typed('vote', 'pre-vote'),
      ...envelope,
      lastIndex: number,
      lastTerm: number,
      transfer: fc.boolean(),
      priority: number,
      incarnation: number,
    }),
    fc.record({
      type: typed('vote-reply', 'pre-vote-reply'),
      ...envelope,
      granted: fc.boolean(),
      incarnation: number,
      commit: position,
    }),
    fc.record({ type: typed('heartbeat'), ...envelope, commit: number, round: number }),
    fc.record({ type: typed('heartbeat-reply'), ...envelope, round: number }),
    fc.record({
      type: typed('snapshot'),
      ...envelope,
      snapshot: fc.record({ term: number, index: number, configuration, data }),
    }),
    fc.record({ type: typed('timeout-now'), ...envelope }),
    fc.record({
      type: typed('forward'),
      ...envelope,
      entries: fc.array(proposal, { maxLength: 5 }),
      requiredTerm: number,
    }),
    fc.record({ type: typed('read-index'), ...envelope, incarnation: number, readId: number }),
    fc.record({
      type: typed('read-index-reply'),
      ...envelope,
      incarnation: number,
      readId: number,
      index: number,
    }),
    fc.record({ type: typed('transfer'), ...envelope, target: member }),
    fc.record({ type: typed('quiesce'), ...envelope, commit: number }),
    fc.record({ type: typed('quiesce-reply'), ...envelope, agreed: fc.boolean() }),
  );
}

/** Buffers as one. */
export function joined(buffers: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(buffers.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const bytes of buffers) {
    all.set(bytes, at);
    at += bytes.length;
  }
  return all;
}
