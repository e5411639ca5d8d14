/** Bytes that nobody sends in good faith: decoded or dropped with a reason, never more. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCipher } from '../../../test/gossip/node-cipher.ts';
import {
  decodeConflictResponse,
  decodeCoordinate,
  decodeFilter,
  decodeKeyRequest,
  decodeKeyResponse,
  decodeSerfMessage,
  decodeSerfState,
  decodeTags,
} from './decode-serf.ts';
import { Keyring } from './keyring.ts';
import { lzwCompress, lzwDecompress } from './lzw.ts';
import { encodeAlive, encodePing, encodePushPull, encodeUser } from './messages.ts';
import { MsgpackReader } from './msgpack-reader.ts';
import { fieldName, MsgpackWriter } from './msgpack-writer.ts';
import { compressMessage, encodeCompound, PacketCodec } from './packet.ts';
import { encodeQuery, encodeSerfState } from './serf-messages.ts';
import { StreamReader, sealStream } from './stream.ts';
import { WireError } from './wire-error.ts';

const noKeys = new Keyring([], undefined);
const format = { label: '', compression: true, decompressedBytesMax: 65_536 };
const streamFormat = { ...format, bytesMax: 2 ** 20, decompressedBytesMax: 2 ** 20 };
const codec = new PacketCodec(format, noKeys);

function outcome(packet: Uint8Array, by = codec): { messages: number; dropped: string[] } {
  const result = { messages: 0, dropped: [] as string[] };
  by.open(packet, {
    message: () => {
      result.messages++;
    },
    dropped: (reason) => result.dropped.push(reason),
  });
  return result;
}

const address = { host: '10.0.0.1', port: 7946 };
const query = encodeQuery({
  lamportTime: 5,
  id: 77,
  address,
  sourceNode: 'a',
  filters: [
    { kind: 'names', names: ['a', 'b'] },
    { kind: 'tag', tag: 'role', expression: '^db' },
  ],
  flags: 1,
  relayFactor: 2,
  timeoutMs: 1000,
  name: 'load',
  payload: new Uint8Array(40),
});
const serfState = encodeSerfState({
  lamportTime: 9,
  statusTimes: new Map([
    ['a', 4],
    ['b', 2],
  ]),
  leftMembers: ['c'],
  eventTime: 3,
  events: [{ lamportTime: 2, name: 'deploy', payload: new Uint8Array(9) }],
  queryTime: 4,
  shared: new Uint8Array(5),
});
const versions = Uint8Array.of(1, 5, 2, 2, 5, 5);
const node = { address, meta: new Uint8Array(20), incarnation: 3, versions };
const pushPull = encodePushPull({
  join: false,
  nodes: [
    { ...node, name: 'a', state: 'alive' },
    { ...node, name: 'b', state: 'left' },
  ],
  userState: serfState,
});
const packets = [
  encodePing({ sequence: 3, node: 'b', source: { address, name: 'a' } }),
  encodeAlive({ ...node, node: 'a' }),
  encodeUser(query),
  codec.seal(encodeCompound([encodeUser(query), encodeAlive({ ...node, node: 'a' })]), true),
  compressMessage(encodeCompound([encodeUser(query), encodeUser(query)]), true),
];

/** Flips, cuts and inserts bytes of something that was valid. */
const mutated = (from: readonly Uint8Array[]) =>
  fc
    .tuple(
      fc.constantFrom(...from),
      fc.array(fc.tuple(fc.nat(2_000), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }),
      fc.nat(2_000),
      fc.uint8Array({ maxLength: 8 }),
    )
    .map(([bytes, flips, cut, tail]) => {
      const copy = Uint8Array.from(bytes);
      for (const [at, value] of flips) copy[at % copy.length] = value;
      return Uint8Array.from([...copy.subarray(0, cut % (copy.length * 2)), ...tail]);
    });
const anyBytes = (from: readonly Uint8Array[]) =>
  fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated(from));

describe('packets', () => {
  it('are decoded or dropped with a reason', () => {
    const encrypted = new PacketCodec(format, new Keyring([new Uint8Array(16)], nodeCipher()));
    const labelled = new PacketCodec({ ...format, label: 'x' }, noKeys);
    fc.assert(
      fc.property(anyBytes(packets), (bytes) => {
        for (const by of [codec, encrypted, labelled]) {
          const { messages, dropped } = outcome(bytes, by);
          // A compound of no parts says nothing, which is no fault.
          if (bytes[0] !== 7) expect(messages + dropped.length).toBeGreaterThan(0);
          for (const reason of dropped) expect(reason).toMatch(/^[a-z0-9-]+$/);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('that are bombs stop at the cap', () => {
    const bomb = compressMessage(encodeUser(new Uint8Array(2 ** 20)), true);
    expect(bomb.length).toBeLessThan(65_536);
    expect(outcome(bomb)).toEqual({ messages: 0, dropped: ['lzw-too-large'] });
  });

  it('that hold many bombs share one cap', () => {
    const small = compressMessage(encodeUser(new Uint8Array(40_000)), true);
    const { messages, dropped } = outcome(encodeCompound(new Array<Uint8Array>(50).fill(small)));
    expect(messages).toBe(1);
    expect(new Set(dropped)).toEqual(new Set(['lzw-too-large']));
  });

  it('nest only so deep, and hold only so many parts', () => {
    let nested = encodeCompound([packets[0]!]);
    for (let depth = 0; depth < 10; depth++) nested = encodeCompound([nested]);
    expect(outcome(nested).dropped).toEqual(['nested-too-deeply']);
    const wide = encodeCompound(
      new Array<Uint8Array>(100).fill(
        encodeCompound(new Array<Uint8Array>(200).fill(new Uint8Array(0))),
      ),
    );
    expect(outcome(wide).dropped.length).toBeLessThan(4_300);
  });
});

describe('streams', () => {
  const read = (bytes: Uint8Array, pieceBytes: number, opened = true) => {
    const reader = new StreamReader(streamFormat, noKeys, opened);
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      const message = reader.push(bytes.subarray(at, at + pieceBytes));
      if (message !== undefined) return message;
    }
    return undefined;
  };
  const reasonOf = (action: () => unknown): string => {
    try {
      action();
      return 'none';
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return error.reason;
    }
  };

  it('are decoded, awaited or refused with a reason', () => {
    const sealed = sealStream(pushPull, streamFormat, noKeys, true);
    fc.assert(
      fc.property(
        anyBytes([pushPull, sealed]),
        fc.integer({ min: 1, max: 400 }),
        (bytes, pieceBytes) => {
          expect(reasonOf(() => read(bytes, pieceBytes))).toMatch(/^[a-z0-9-]+$/);
        },
      ),
      { numRuns: 700 },
    );
  });

  it('give the same however they are cut', () => {
    const sealed = sealStream(pushPull, streamFormat, noKeys, true);
    for (const bytes of [pushPull, sealed]) {
      for (const pieceBytes of [1, 3, 50, 5_000]) {
        expect(read(bytes, pieceBytes)).toEqual(read(pushPull, pushPull.length));
      }
    }
  });

  it('that claim more than the cap are refused at once', () => {
    const huge = new MsgpackWriter()
      .byte(6)
      .map(1)
      .plain(fieldName('UserStateLen'))
      .uint(2 ** 31);
    expect(reasonOf(() => read(huge.finish(), 100))).toBe('stream-too-large');
    const sealed = Uint8Array.of(10, 0xff, 0xff, 0xff, 0xff, 1);
    const keys = new Keyring([new Uint8Array(16)], nodeCipher());
    const reader = new StreamReader(streamFormat, keys, true);
    expect(reasonOf(() => reader.push(sealed))).toBe('stream-too-large');
    const bomb = compressMessage(encodeUser(new Uint8Array(4 * 2 ** 20)), true);
    expect(reasonOf(() => read(bomb, bomb.length))).toBe('lzw-too-large');
    const many = new MsgpackWriter()
      .byte(6)
      .map(1)
      .plain(fieldName('Nodes'))
      .uint(2 ** 40);
    expect(reasonOf(() => read(many.finish(), 100))).toBe('too-many-members');
  });

  it('are sealed and opened with keys and labels; an answer needs no label', () => {
    const labelled = { ...streamFormat, label: 'red' };
    const keys = new Keyring([new Uint8Array(32).fill(3)], nodeCipher());
    for (const opening of [true, false]) {
      const bytes = sealStream(pushPull, labelled, keys, opening);
      const reader = new StreamReader(labelled, keys, opening);
      expect(reader.push(bytes)?.type).toBe('push-pull');
      const foreign = new StreamReader({ ...labelled, label: 'blue' }, keys, opening);
      expect(reasonOf(() => foreign.push(bytes))).toBe(
        opening ? 'label-mismatch' : 'not-decrypted',
      );
    }
    const plain = sealStream(pushPull, labelled, noKeys, false);
    const strict = new StreamReader(labelled, noKeys, true);
    expect(reasonOf(() => strict.push(plain))).toBe('label-missing');
  });
});

describe("Serf's messages", () => {
  it('are decoded or refused with a reason', () => {
    const decoders = [
      decodeSerfMessage,
      decodeSerfState,
      decodeTags,
      decodeFilter,
      decodeCoordinate,
      decodeKeyRequest,
      decodeKeyResponse,
      decodeConflictResponse,
    ];
    fc.assert(
      fc.property(anyBytes([query, serfState]), (bytes) => {
        for (const decode of decoders) {
          try {
            decode(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(WireError);
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });

  // One such message, once witnessed, would leave every clock of the original at its end.
  it('refuse Lamport times that no cluster can reach', () => {
    const bytes = new MsgpackWriter().byte(1).map(2).plain(fieldName('LTime'));
    bytes.byte(0xcf).plain(new Uint8Array(8).fill(0xff)).plain(fieldName('Node')).string('a');
    expect(() => decodeSerfMessage(bytes.finish())).toThrow('number-out-of-range');
  });
});

describe('msgpack', () => {
  it('takes integers of every form', () => {
    const forms: [number, number[]][] = [
      [5, [0x05]],
      [5, [0xd0, 5]],
      [300, [0xd1, 1, 44]],
      [300, [0xd2, 0, 0, 1, 44]],
      [300, [0xd3, 0, 0, 0, 0, 0, 0, 1, 44]],
      [2 ** 53 - 1, [0xcf, 0, 0x1f, 255, 255, 255, 255, 255, 255]],
    ];
    for (const [value, bytes] of forms) {
      expect(new MsgpackReader(Uint8Array.from(bytes)).uint()).toBe(value);
    }
    expect(() => new MsgpackReader(Uint8Array.of(0xff)).uint()).toThrow('number-out-of-range');
  });

  it('reads what it writes', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.string({ unit: 'grapheme' }), fc.uint8Array(), (n, s, b) => {
        const writer = new MsgpackWriter(4);
        const reader = new MsgpackReader(
          writer
            .uint(n)
            .string(s)
            .raw(b)
            .float(n / 3)
            .finish(),
        );
        expect(reader.uint()).toBe(n);
        expect(reader.string(10_000)).toBe(s);
        expect(reader.raw()).toEqual(b);
        expect(reader.float()).toBe(n / 3);
        expect(reader.bytesLeft).toBe(0);
      }),
    );
  });

  it('refuses names that are not UTF-8, which could not be told apart', () => {
    expect(() => new MsgpackReader(Uint8Array.of(0xa2, 0xc3, 0x28)).string(10)).toThrow(
      'invalid-utf8',
    );
  });
});

describe('LZW', () => {
  it('gives back what it was given, past the end of its table too', () => {
    const words = fc.constantFrom(
      ...[1, 2, 3].map((fill) => new Uint8Array(fill * 700).fill(fill)),
    );
    const long = fc.array(fc.oneof(words, fc.uint8Array({ maxLength: 900 })), { maxLength: 20 });
    fc.assert(
      fc.property(long, (pieces) => {
        const bytes = Uint8Array.from(Buffer.concat(pieces));
        expect(lzwDecompress(lzwCompress(bytes), 2 ** 20)).toEqual(bytes);
      }),
      { numRuns: 100 },
    );
  });
});
