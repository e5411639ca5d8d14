import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyMessage, entriesFrom, joined } from '../../../test/peers/messages.ts';
import { QuorateError } from '../../base/errors.ts';
import type { Append, Heartbeat, Message } from '../../raft/message.ts';
import { EntryBlocks } from './entry-blocks.ts';
import { FrameReader } from './frame.ts';
import { MessageBatch, readMessages } from './message-batch.ts';
import { Outbox } from './outbox.ts';

type Grouped = readonly [group: number, message: Message];

const group = fc.oneof(fc.nat(20), fc.constantFrom(2 ** 40, Number.MAX_SAFE_INTEGER));
const traffic = fc.array(fc.tuple(group, anyMessage(3, 4)), { maxLength: 20 });

/** What a batch of these becomes on the wire, and what is left out. */
function encode(messages: readonly Grouped[], frameBytesMax = 1e6) {
  const batch = new MessageBatch();
  for (const [to, message] of messages) batch.add(to, message);
  const counted = batch.bytes;
  const outbox = new Outbox();
  const left = batch.flush(outbox, new EntryBlocks(), frameBytesMax);
  return { bytes: joined(outbox.take()), left, counted };
}

function decode(bytes: Uint8Array, frameBytesMax = 1e6): { frames: number; messages: Grouped[] } {
  const reader = new FrameReader(frameBytesMax);
  reader.push(bytes);
  const messages: Grouped[] = [];
  let frames = 0;
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
    frames++;
    readMessages(frame, { from: 3, to: 4 }, (to, message) => messages.push([to, message]));
  }
  return { frames, messages };
}

test('every message of every group arrives as it was sent, in order', () => {
  fc.assert(
    fc.property(traffic, (messages) => {
      expect(decode(encode(messages).bytes).messages).toEqual(messages);
    }),
  );
});

test('what a suspect member answers or asks arrives with its mark', () => {
  const ends = { from: 3, to: 4, term: 7, suspect: true } as const;
  const rejected = { rejected: true, hintIndex: 2, hintTerm: 1 };
  const messages: Grouped[] = [
    [1, { type: 'append-reply', ...ends, index: 5, ...rejected }],
    [1, { type: 'heartbeat-reply', ...ends, round: 9 }],
    [2, { type: 'read-index', ...ends, incarnation: 3, readId: 4 }],
    [2, { type: 'quiesce-reply', ...ends, agreed: false }],
  ];
  expect(decode(encode(messages).bytes).messages).toEqual(messages);
});

test('is counted with no less than it takes', () => {
  fc.assert(
    fc.property(traffic, (messages) => {
      const { bytes, counted } = encode(messages);
      if (messages.length > 0) expect(counted + 16).toBeGreaterThanOrEqual(bytes.length);
    }),
  );
});

test('what does not fit into one frame is split by message, and what fits into none left out', () => {
  fc.assert(
    fc.property(traffic, fc.integer({ min: 150, max: 700 }), (messages, frameBytesMax) => {
      const { bytes, left } = encode(messages, frameBytesMax);
      // The reader refuses a frame beyond the limit.
      const { messages: arrived } = decode(bytes, frameBytesMax);
      expect(arrived.length + left.length).toBe(messages.length);
      let at = 0;
      for (const each of messages)
        if (arrived[at] === undefined || !same(arrived[at]!, each)) continue;
        else at++;
      expect(at).toBe(arrived.length);
    }),
  );
});

const same = (a: Grouped, b: Grouped): boolean => {
  try {
    expect(a).toEqual(b);
    return true;
  } catch {
    return false;
  }
};

test('any damage to a frame of messages is found', () => {
  fc.assert(
    fc.property(traffic, fc.nat(), fc.integer({ min: 1, max: 255 }), (messages, at, flip) => {
      const { bytes } = encode(messages);
      if (bytes.length === 0) return;
      bytes[at % bytes.length]! ^= flip;
      let arrived: Grouped[] = [];
      let code = '';
      try {
        arrived = decode(bytes).messages;
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error;
        code = error.code;
      }
      // A type from 128 on is passed over, but its head is checked like any other.
      expect(code).toBe('malformed-message');
      expect(arrived).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('whatever bytes come, they are refused by name or read', () => {
  const parts = fc.record({
    meta: fc.uint8Array({ maxLength: 60 }),
    bulk: fc.uint8Array({ maxLength: 20 }),
  });
  fc.assert(
    fc.property(parts, (frame) => {
      try {
        readMessages(frame, { from: 3, to: 4 }, () => {});
      } catch (error) {
        expect(error).toBeInstanceOf(QuorateError);
      }
    }),
    { numRuns: 2000 },
  );
});

test('heartbeats of 2,000 groups are one frame of a few bytes each', () => {
  const messages = Array.from({ length: 2000 }, (_, at): Grouped => {
    const round = 70_000 + at;
    const beat: Heartbeat = {
      type: 'heartbeat',
      from: 3,
      to: 4,
      term: 19,
      commit: 40_000 + at,
      round,
    };
    return [at + 1, beat];
  });
  const { bytes } = encode(messages);
  expect(decode(bytes).frames).toBe(1);
  expect(bytes.length / 2000).toBeLessThan(10);
});

test('a long batch becomes several frames, which are read one by one', () => {
  const data = new Uint8Array(100_000);
  const messages = Array.from({ length: 9 }, (_, at): Grouped => {
    const entries = [{ type: 'normal', term: 2, index: at + 1, data } as const];
    const envelope = { from: 3, to: 4, term: 2, previousIndex: at, previousTerm: 2 };
    return [1, { type: 'append', ...envelope, entries, commit: 0 }];
  });
  const { bytes } = encode(messages, 64e6);
  expect(decode(bytes)).toEqual({ frames: 3, messages });
});

test('the same entries are encoded once for all followers', () => {
  const [entries] = fc.sample(entriesFrom(8, 3), 1) as [ReturnType<typeof Array.of>];
  const of = (to: number): Append =>
    ({
      type: 'append',
      from: 3,
      to,
      term: 900,
      previousIndex: 7,
      previousTerm: 1,
      entries: [...entries],
      commit: 2,
    }) as Append;
  const blocks = new EntryBlocks();
  const first = blocks.of(of(4).entries);
  expect(blocks.of(of(5).entries)).toBe(first);
  expect(blocks.of(of(5).entries.slice(1))).not.toBe(first);
  blocks.forget();
  expect(blocks.of(of(4).entries)).not.toBe(first);
  expect(blocks.of(of(4).entries)).toEqual(first);
});

test('heartbeats are dropped first', () => {
  const batch = new MessageBatch();
  const envelope = { from: 3, to: 4, term: 1 };
  batch.add(1, { type: 'heartbeat', ...envelope, commit: 1, round: 1 });
  batch.add(1, { type: 'timeout-now', ...envelope });
  batch.add(2, { type: 'heartbeat-reply', ...envelope, round: 1 });
  batch.dropHeartbeats();
  expect([batch.size, batch.bytes]).toEqual([1, 64]);
});

test('a frame that was given out stays as it is while the batch goes on', () => {
  const voters = Array.from({ length: 2000 }, (_, at) => at + 1);
  const configuration = {
    voters,
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
  };
  const data = new Uint8Array(0);
  const envelope = { from: 3, to: 4, term: 1 };
  const large: Message = {
    type: 'snapshot',
    ...envelope,
    snapshot: { term: 1, index: 9, configuration, data },
  };
  const batch = new MessageBatch();
  const outbox = new Outbox();
  const given: Uint8Array[] = [];
  for (const message of [large, large, { type: 'timeout-now', ...envelope } as const, large]) {
    batch.add(1, message);
    batch.flush(outbox, new EntryBlocks(), 1e6);
    given.push(...outbox.take());
  }
  const { messages } = decode(joined(given));
  expect(messages.map(([, { type }]) => type)).toEqual([
    'snapshot',
    'snapshot',
    'timeout-now',
    'snapshot',
  ]);
  expect(messages[0]).toEqual([1, large]);
});
