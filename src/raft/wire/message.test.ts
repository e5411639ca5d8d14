import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../base/binary.ts';
import { QuorateError } from '../../base/errors.ts';
import { type Entry, emptyBytes } from '../entry.ts';
import type { Message, MessageType } from '../message.ts';
import { decodeMessage, encodeMessage, MessageWriter, readMessage } from './message.ts';

const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));
const unhex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex');

const head = { from: 1, to: 2, term: 300 };
const large = 2 ** 53 - 1;
const entries: Entry[] = [
  { type: 'normal', term: 299, index: 7, data: bytes('ab') },
  { type: 'configuration', term: 300, index: 8, data: emptyBytes },
];
const commit = { term: 299, index: 7 };
const configuration = {
  voters: [1, 2, 3],
  votersOutgoing: [1, 200],
  learners: [4],
  learnersNext: [200],
  autoLeave: true,
};
const candidacy = { lastIndex: 7, lastTerm: 299, transfer: true, priority: 1, incarnation: large };

/**
 * One message of each type and what it is on the wire. The format is stable: a line may be added
 * here, never changed.
 */
const golden: { readonly [Type in MessageType]: [Message & { type: Type }, string] } = {
  append: [
    { type: 'append', ...head, previousIndex: 6, previousTerm: 299, commit: 5, entries },
    '010102ac0206ab02050c01ab02070261620' + '2ac020800',
  ],
  'append-reply': [
    { type: 'append-reply', ...head, index: 6, rejected: true, hintIndex: 5, hintTerm: 2 },
    '020102ac0206010502',
  ],
  vote: [{ type: 'vote', ...head, ...candidacy }, '030102ac0207ab020101ffffffffffffff0f'],
  'vote-reply': [
    { type: 'vote-reply', ...head, granted: false, incarnation: 9, commit },
    '040102ac020009ab0207',
  ],
  'pre-vote': [{ type: 'pre-vote', ...head, ...candidacy }, '050102ac0207ab020101ffffffffffffff0f'],
  'pre-vote-reply': [
    { type: 'pre-vote-reply', ...head, granted: true, incarnation: 9, commit },
    '060102ac020109ab0207',
  ],
  heartbeat: [{ type: 'heartbeat', ...head, commit: 6, round: 128 }, '070102ac02068001'],
  'heartbeat-reply': [{ type: 'heartbeat-reply', ...head, round: 128 }, '080102ac028001'],
  snapshot: [
    { type: 'snapshot', ...head, snapshot: { ...commit, configuration, data: bytes('xyz') } },
    '090102ac0201ab020703010203' + '0201c801' + '0104' + '01c801' + '01' + '0378797a',
  ],
  'timeout-now': [{ type: 'timeout-now', ...head }, '0a0102ac02'],
  forward: [
    {
      type: 'forward',
      ...head,
      term: 0,
      requiredTerm: 300,
      entries: entries.map(({ type, data }) => ({ type, data })),
    },
    '0b010200ac0202010261620200',
  ],
  'read-index': [
    { type: 'read-index', ...head, term: 0, incarnation: 9, readId: 3 },
    '0c0102000903',
  ],
  'read-index-reply': [
    { type: 'read-index-reply', ...head, incarnation: 9, readId: 3, index: 6 },
    '0d0102ac02090306',
  ],
  transfer: [{ type: 'transfer', ...head, target: 3 }, '0e0102ac0203'],
  quiesce: [{ type: 'quiesce', ...head, commit: 8 }, '0f0102ac0208'],
  'quiesce-reply': [{ type: 'quiesce-reply', ...head, agreed: true }, '100102ac0201'],
};
const examples = Object.values(golden).map(([message]) => message as Message);

describe.each(Object.entries(golden))('%s', (_, [message, wire]) => {
  it('has the bytes that it always had', () => {
    expect(hex(encodeMessage(message))).toBe(wire);
    expect(decodeMessage(unhex(wire))).toEqual(message);
  });

  it('is refused wherever it is cut off, and with anything behind it', () => {
    const whole = encodeMessage(message);
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeMessage(whole.subarray(0, length))).toThrow(QuorateError);
    }
    expect(() => decodeMessage(Uint8Array.from([...whole, 0]))).toThrow(/1 bytes follow/);
  });

  it('is refused, or another message, with any byte changed', () => {
    const whole = encodeMessage(message);
    for (let at = 0; at < whole.length; at++) {
      for (const flipped of [1, 2, 4, 8, 16, 32, 64, 128, 255]) {
        const changed = Uint8Array.from(whole);
        changed[at]! ^= flipped;
        expectMessageOrRefusal(changed);
      }
    }
  });
});

/** What can be read is written back as the same bytes, so that nothing is read in two ways. */
function expectMessageOrRefusal(input: Uint8Array): void {
  let message: Message;
  try {
    message = decodeMessage(input);
  } catch (error) {
    if (!(error instanceof QuorateError) || error.code !== 'malformed-message') throw error;
    return;
  }
  if (hex(encodeMessage(message)) !== hex(input)) throw new Error(`two forms: ${hex(input)}`);
}

const number = fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat());
const data = fc.uint8Array({ maxLength: 40 });
const entryType = fc.constantFrom('normal' as const, 'configuration' as const);
const ids = fc.array(number, { maxLength: 5 });
const envelope = { from: number, to: number, term: number };
const position = fc.record({ term: number, index: number });
const snapshot = fc.record({
  term: number,
  index: number,
  configuration: fc.record({
    voters: ids,
    votersOutgoing: ids,
    learners: ids,
    learnersNext: ids,
    autoLeave: fc.boolean(),
  }),
  data,
});

const messages: { readonly [Type in MessageType]: fc.Arbitrary<Message & { type: Type }> } = {
  append: fc.record({
    type: fc.constant('append'),
    ...envelope,
    previousIndex: number,
    previousTerm: number,
    commit: number,
    entries: fc.array(fc.record({ type: entryType, term: number, index: number, data })),
  }),
  'append-reply': fc.record({
    type: fc.constant('append-reply'),
    ...envelope,
    index: number,
    rejected: fc.boolean(),
    hintIndex: number,
    hintTerm: number,
  }),
  vote: votes('vote'),
  'pre-vote': votes('pre-vote'),
  'vote-reply': voteReplies('vote-reply'),
  'pre-vote-reply': voteReplies('pre-vote-reply'),
  heartbeat: fc.record({
    type: fc.constant('heartbeat'),
    ...envelope,
    commit: number,
    round: number,
  }),
  'heartbeat-reply': fc.record({
    type: fc.constant('heartbeat-reply'),
    ...envelope,
    round: number,
  }),
  snapshot: fc.record({ type: fc.constant('snapshot'), ...envelope, snapshot }),
  'timeout-now': fc.record({ type: fc.constant('timeout-now'), ...envelope }),
  forward: fc.record({
    type: fc.constant('forward'),
    ...envelope,
    entries: fc.array(fc.record({ type: entryType, data })),
    requiredTerm: number,
  }),
  'read-index': fc.record({
    type: fc.constant('read-index'),
    ...envelope,
    incarnation: number,
    readId: number,
  }),
  'read-index-reply': fc.record({
    type: fc.constant('read-index-reply'),
    ...envelope,
    incarnation: number,
    readId: number,
    index: number,
  }),
  transfer: fc.record({ type: fc.constant('transfer'), ...envelope, target: number }),
  quiesce: fc.record({ type: fc.constant('quiesce'), ...envelope, commit: number }),
  'quiesce-reply': fc.record({
    type: fc.constant('quiesce-reply'),
    ...envelope,
    agreed: fc.boolean(),
  }),
};

function votes<Type extends 'vote' | 'pre-vote'>(type: Type) {
  return fc.record({
    type: fc.constant(type),
    ...envelope,
    lastIndex: number,
    lastTerm: number,
    transfer: fc.boolean(),
    priority: number,
    incarnation: number,
  });
}

function voteReplies<Type extends 'vote-reply' | 'pre-vote-reply'>(type: Type) {
  return fc.record({
    type: fc.constant(type),
    ...envelope,
    granted: fc.boolean(),
    incarnation: number,
    commit: position,
  });
}

const anyMessage: fc.Arbitrary<Message> = fc.oneof(...Object.values(messages));

it('reads every message that it writes, many in one buffer', () => {
  const property = fc.property(fc.array(anyMessage, { maxLength: 8 }), (all) => {
    const writer = new ByteWriter(1);
    const messageWriter = new MessageWriter();
    for (const message of all) messageWriter.write(writer, message);
    const reader = new ByteReader(writer.finish());
    for (const message of all) expect(readMessage(reader)).toEqual(message);
    reader.end();
  });
  fc.assert(property, { numRuns: 300 });
});

it('makes a message or a refusal of whatever bytes', () => {
  const start = fc.constantFrom(...examples).map((message) => encodeMessage(message));
  const input = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    // A known type with nonsense behind it.
    fc
      .tuple(fc.integer({ min: 1, max: 16 }), fc.uint8Array({ maxLength: 60 }))
      .map(([type, rest]) => Uint8Array.from([type, ...rest])),
    // Two messages, spliced.
    fc
      .tuple(start, start, fc.nat({ max: 40 }))
      .map(([one, other, at]) => Uint8Array.from([...one.subarray(0, at), ...other.subarray(at)])),
  );
  fc.assert(
    fc.property(input, (value) => expectMessageOrRefusal(value)),
    { numRuns: 3000 },
  );
});

it.each([
  ['more entries than bytes', '0b010200' + '00' + 'ffffffffffffff0f'],
  ['a section longer than the input', '010102ac020601' + '05' + 'ffffffffffffff0f'],
  ['data longer than the section', '010102ac020601' + '05' + '05' + '010101' + 'ff7f'],
  ['more members than bytes', '090102ac02' + '01' + '0101' + 'ffffffff0f'],
  ['a number of 2^53', '0a0102' + '8080808080808010'],
  ['a number that is longer than need be', '0a0102' + '8000'],
  ['a flag of 2', '100102ac0202'],
  ['an unknown type', '00'],
  ['an unknown version of snapshots', '090102ac0202'],
  ['an unknown type of entry', '010102ac0206010504' + '00010100'],
])('refuses %s, and takes no memory for it', (_, wire) => {
  expect(() => decodeMessage(unhex(wire))).toThrow(
    expect.objectContaining({ code: 'malformed-message' }),
  );
});

it('copies no data when reading, and encodes no entry twice', () => {
  const wire = encodeMessage(golden.append[0]);
  const read = decodeMessage(wire);
  if (read.type !== 'append') throw new Error(read.type);
  expect(read.entries[0]!.data.buffer).toBe(wire.buffer);
  const writer = new MessageWriter();
  // What was read stands in one piece already; what was made here is encoded once for all.
  expect(writer.entries(read.entries).buffer).toBe(wire.buffer);
  expect(writer.entries(entries)).toBe(writer.entries([...entries]));
  expect(hex(writer.entries(entries))).toBe(hex(writer.entries(read.entries)));
  // Entries of different origin in one section.
  const mixed = [read.entries[0]!, entries[1]!];
  expect(hex(writer.entries(mixed))).toBe(hex(writer.entries(entries)));
});
