import fc from 'fast-check';
import { expect, test } from 'vitest';
import { joined } from '../../../test/peers/messages.ts';
import { QuorateError } from '../../base/errors.ts';
import { viewOf, xxhash32 } from '../../base/xxhash32.ts';
import { type Frame, FrameReader, type FrameType, HEAD_BYTES } from './frame.ts';
import { Outbox } from './outbox.ts';

const drawn = fc.record({
  type: fc.constantFrom<FrameType>('messages', 'call', 'answer', 'ping'),
  meta: fc.uint8Array({ maxLength: 30 }),
  bulk: fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 3 }),
});

interface Drawn {
  readonly type: FrameType;
  readonly meta: Uint8Array;
  readonly bulk: readonly Uint8Array[];
}

function bytesOf(frames: readonly Drawn[]): Uint8Array {
  const outbox = new Outbox();
  for (const { type, meta, bulk } of frames) outbox.frame(type, meta, bulk);
  return joined(outbox.take());
}

function read(reader: FrameReader, pieces: readonly Uint8Array[]): Frame[] {
  const frames: Frame[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    for (let next = reader.next(); next !== undefined; next = reader.next()) {
      frames.push({ type: next.type, meta: next.meta.slice(), bulk: next.bulk.slice() });
    }
  }
  return frames;
}

const plain = ({ type, meta, bulk }: Drawn): Frame => ({ type, meta, bulk: joined(bulk) });

function pieces(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const cut: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const length = lengths[turn % lengths.length]!;
    cut.push(bytes.slice(at, at + length));
    at += length;
  }
  return cut;
}

test('frames arrive whole, however the stream is cut', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(fc.array(drawn, { maxLength: 6 }), lengths, (frames, each) => {
      const reader = new FrameReader(1000);
      expect(read(reader, pieces(bytesOf(frames), each))).toEqual(frames.map(plain));
      expect(reader.pendingBytes).toBe(0);
    }),
  );
});

test('large parts are passed on uncopied, small ones lie side by side', () => {
  const large = new Uint8Array(100_000).fill(5);
  const outbox = new Outbox();
  for (let turn = 0; turn < 50; turn++) outbox.frame('ping', Uint8Array.of(turn));
  outbox.frame('messages', large, [Uint8Array.of(1), large, Uint8Array.of(2)]);
  const total = outbox.bytes;
  const buffers = outbox.take();
  expect(buffers.filter((buffer) => buffer === large)).toHaveLength(2);
  expect(buffers.length).toBeLessThanOrEqual(7);
  expect(joined(buffers)).toHaveLength(total);
  const frames = read(new FrameReader(1e6), [joined(buffers)]);
  expect(frames).toHaveLength(51);
  expect(frames[50]!.bulk).toEqual(joined([Uint8Array.of(1), large, Uint8Array.of(2)]));
});

test('what was given out is never written to again', () => {
  const outbox = new Outbox();
  const given: Uint8Array[] = [];
  const copies: Uint8Array[] = [];
  for (let turn = 0; turn < 3000; turn++) {
    outbox.frame('call', new Uint8Array(turn % 90).fill(turn));
    for (const buffer of outbox.take()) {
      given.push(buffer);
      copies.push(buffer.slice());
    }
  }
  expect(joined(given)).toEqual(joined(copies));
});

test('any byte flipped: the fault is named without waiting for bytes that never come', () => {
  const damage = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }));
  fc.assert(
    fc.property(drawn, damage, fc.boolean(), ({ type, meta }, [at, flip], apart) => {
      const bytes = bytesOf([{ type, meta, bulk: [] }]);
      bytes[at % bytes.length]! ^= flip;
      const reader = new FrameReader(1000);
      const parts = apart ? pieces(bytes, [7]) : [bytes];
      expect(() => read(reader, parts)).toThrow(QuorateError);
    }),
    { numRuns: 500 },
  );
});

test('nobody gets memory for naming a length', () => {
  const head = bytesOf([
    { type: 'messages', meta: new Uint8Array(0), bulk: [new Uint8Array(9_000)] },
  ]);
  const reader = new FrameReader(10_000);
  reader.push(head.slice(0, HEAD_BYTES + 10));
  expect(reader.next()).toBeUndefined();
  expect(reader.pendingBytes).toBe(HEAD_BYTES + 10);
  expect(() => read(new FrameReader(8_999), [head.slice(0, HEAD_BYTES)])).toThrow('9000 bytes');
});

function ofType(type: number, meta: Uint8Array): Uint8Array {
  const bytes = bytesOf([{ type: 'ping', meta, bulk: [] }]);
  bytes[0] = type;
  const view = viewOf(bytes);
  view.setUint32(12, xxhash32(view, 0, 12), true);
  return bytes;
}

test('types of a later version: passed over where they say so, else refused by name', () => {
  const later = ofType(200, Uint8Array.of(1, 2, 3));
  const ping = bytesOf([{ type: 'ping', meta: Uint8Array.of(9), bulk: [] }]);
  const frames = read(new FrameReader(100), pieces(joined([later, ping, later]), [5]));
  expect(frames.map(({ type }) => type)).toEqual(['ping']);
  expect(() => read(new FrameReader(100), [ofType(100, ping)])).toThrow('unknown type 100');
});
