/**
 * Bytes captured between real agents (Serf 0.9.4), and those of the protocol's description: what we
 * write must be the same, and what they write must be understood.
 */
import { describe, expect, it } from 'vitest';
import { nodeCipher } from '../../../test/gossip/node-cipher.ts';
import { decodeCompressed } from './decode-messages.ts';
import { decodeSerfMessage, decodeSerfState, decodeTags } from './decode-serf.ts';
import { Keyring } from './keyring.ts';
import { lzwCompress, lzwDecompress } from './lzw.ts';
import {
  encodeAck,
  encodeAlive,
  encodeDead,
  encodeIndirectPing,
  encodeNack,
  encodePing,
  encodePushPull,
  encodeSuspect,
  encodeUser,
  type PacketMessage,
} from './messages.ts';
import { MsgpackReader } from './msgpack-reader.ts';
import { PacketCodec } from './packet.ts';
import {
  encodeCoordinate,
  encodeLeave,
  encodeRelay,
  encodeSerfState,
  encodeTags,
} from './serf-messages.ts';
import { StreamReader } from './stream.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
/** Hexadecimal digits and quoted text, as the protocol's description writes bytes. */
function bytesOf(text: string): Uint8Array {
  const digits = text.replace(/"([^"]*)"/g, (_, quoted: string) =>
    Buffer.from(quoted).toString('hex'),
  );
  return Uint8Array.from(Buffer.from(digits.replace(/[\s|]/g, ''), 'hex'));
}

const versions = Uint8Array.of(1, 5, 2, 2, 5, 4);
const noKeys = new Keyring([], undefined);
const format = { label: '', compression: true, decompressedBytesMax: 65_536 };

function opened(packet: Uint8Array, codec = new PacketCodec(format, noKeys)) {
  const messages: PacketMessage[] = [];
  const dropped: string[] = [];
  codec.open(packet, {
    message: (message) => messages.push(message),
    dropped: (reason) => dropped.push(reason),
  });
  return { messages, dropped };
}

const source = { address: { host: '127.0.0.3', port: 7946 }, name: 'b' };
const written: readonly [string, Uint8Array, string][] = [
  [
    'ping',
    encodePing({ sequence: 1, node: 'a', source }),
    '00 85 a4"Node"a1"a" a5"SeqNo"01 aa"SourceAddr"a4 7f000003 aa"SourceNode"a1"b" aa"SourcePort"cd 1f0a',
  ],
  [
    'indirect ping',
    encodeIndirectPing({
      sequence: 0x5a,
      node: 'b',
      nack: true,
      target: { host: '127.0.0.3', port: 0x1f0a },
      source: { address: { host: '127.0.0.4', port: 0x1f0a }, name: 'c' },
    }),
    '01 88 a4"Nack"c3 a4"Node"a1"b" a4"Port"cd1f0a a5"SeqNo"5a aa"SourceAddr"a47f000004 aa"SourceNode"a1"c" aa"SourcePort"cd1f0a a6"Target"a4 7f000003',
  ],
  ['nack', encodeNack(0x5a), '0b 81 a5"SeqNo" 5a'],
  [
    'suspect',
    encodeSuspect({ incarnation: 1, node: 'b', from: 'a' }),
    '03 83 a4"From"a1"a" ab"Incarnation"01 a4"Node"a1"b"',
  ],
  [
    'dead',
    encodeDead({ incarnation: 1, node: 'b', from: 'a' }),
    '05 83 a4"From"a1"a" ab"Incarnation"01 a4"Node"a1"b"',
  ],
  [
    'alive',
    encodeAlive({
      incarnation: 1,
      node: 'c',
      address: { host: '127.0.0.4', port: 7946 },
      meta: encodeTags(new Map([['role', 'js']])),
      versions,
    }),
    '04 86 a4"Addr"a4 7f000004 ab"Incarnation"01 a4"Meta"aa ff81a4"role"a2"js" a4"Node"a1"c" a4"Port"cd1f0a a3"Vsn"a6 010502020504',
  ],
  [
    'leave intent in a packet with its checksum',
    new PacketCodec(format, noKeys).seal(
      encodeUser(encodeLeave({ lamportTime: 3, node: 'b', prune: false })),
      true,
    ),
    '0c 4798dcf4 | 08 00 83 a5"LTime"03 a4"Node"a1"b" a5"Prune"c2',
  ],
  [
    'relay',
    encodeRelay({ address: source.address, name: 'b', inner: Uint8Array.of(5, 0x80) }),
    '09 82 a8"DestAddr" 83 a2"IP"a47f000003 a4"Port"cd1f0a a4"Zone"a0 a8"DestName"a1"b" 05 80',
  ],
  [
    'push/pull',
    encodePushPull({
      join: true,
      nodes: [
        {
          name: 'b',
          address: { host: '127.0.0.3', port: 0x1f0a },
          meta: new Uint8Array(0),
          incarnation: 1,
          state: 'alive',
          versions: Uint8Array.of(1, 5, 2, 2, 5, 5),
        },
      ],
      userState: Uint8Array.of(1, 2),
    }),
    '06 83 a4"Join"c3 a5"Nodes"01 ac"UserStateLen"02 | 87 a4"Addr"a47f000003 ab"Incarnation"01 a4"Meta"a0 a4"Name"a1"b" a4"Port"cd1f0a a5"State"00 a3"Vsn"a6 010502020505 | 01 02',
  ],
  [
    "Serf's state",
    encodeSerfState({
      lamportTime: 1,
      statusTimes: new Map([['b', 0]]),
      leftMembers: [],
      eventTime: 1,
      events: [],
      queryTime: 1,
      shared: undefined,
    }),
    '02 86 aa"EventLTime"01 a6"Events"90 a5"LTime"01 ab"LeftMembers"90 aa"QueryLTime"01 ac"StatusLTimes"81 a1"b"00',
  ],
];

describe('what we write', () => {
  it.each(written)('%s is, byte for byte, what a real agent writes', (_, bytes, expected) => {
    expect(hex(bytes)).toBe(hex(bytesOf(expected)));
  });

  it('writes the coordinate of an ack with all floats in eight bytes', () => {
    const coordinate = {
      vector: new Array<number>(8).fill(0),
      error: 1.5,
      adjustment: 0,
      height: 1e-5,
    };
    const ack = encodeAck({ sequence: 1, payload: encodeCoordinate(coordinate) });
    const head = bytesOf('02 82 a7"Payload" da0082 01 84 aa"Adjustment"cb');
    expect(hex(ack.subarray(0, head.length))).toBe(hex(head));
    expect(hex(ack.subarray(-7))).toBe(hex(bytesOf('a5"SeqNo"01')));
  });
});

/** The answer of a real agent to a join: compressed. */
const pushPullAnswer = [
  '0982a4416c676f00a3427566da00d1000d0c22a5e44d1a37c34a397943a6cc9c00acaacc2923670a9d3074ca',
  '3029e3a69980248748052143460ea93f00000c5895c4cd983072dc604cf3c64d00524dca5c64f52f1029396f',
  'd894f959260c1b524ec2b429134a0c29286fe4d069664443298b18cb001865658e1b53010a08105040ac2155',
  '45ec70a4c3844a9aa5014ca55d3b879b0000c0f2eaddcbb7afdfbf80030b1e4cb8b0e1c388132b5eccb8b1e3',
  'c790234b9e4cb9b2e5c3a5dabe2d1360d546337472b61143710e245551ea50cca3192e2bac74eacc69ed3050',
  '53000101',
].join('');

/** A query and an event of a real agent, gossiped together: checksum, LZW, compound. */
const gossip = [
  '0ce0c52b7b0982a4416c676f00a3427566da00cd000f080060284014040416910a42868c1c527f00001870ca',
  '481a3674cac8991389560041a48ae0812367941c172a4651097386949c376cca9432c286e59c00a2921071c6',
  'e793bf30a5985049d3a64c00524ec21425c5e64d1832a7a084c9d3f4e928376fee9082f2460e9d664634ac92',
  '52a6661e2361c6d0e90a40d5943775e48c29e3e40d9932a1c49c1a5a142e1d67be788100806000215143860c',
  '0bcad72852a5654cdd85d3344fd4a955c9680bc0028fe7cfa0438b1e4dbab4e9d3a853ab5ecdbab5ebd7b063',
  'cb9e4d3b20',
].join('');

describe('what real agents write', () => {
  it('reads the answer to a join, in pieces of any size', () => {
    const bytes = bytesOf(pushPullAnswer);
    const streamFormat = { ...format, bytesMax: 2 ** 20, decompressedBytesMax: 2 ** 20 };
    for (const size of [1, 7, bytes.length]) {
      const reader = new StreamReader(streamFormat, noKeys, false);
      let message: ReturnType<StreamReader['push']>;
      for (let at = 0; at < bytes.length; at += size) {
        expect(message).toBeUndefined();
        message = reader.push(bytes.subarray(at, at + size));
      }
      expect(message?.type).toBe('push-pull');
      if (message?.type !== 'push-pull') return;
      expect(message.nodes).toHaveLength(1);
      expect(message.nodes[0]).toMatchObject({
        name: 'b',
        state: 'alive',
        incarnation: 1,
        address: { host: '127.0.0.3', port: 17946 },
        versions: Uint8Array.of(1, 5, 2, 2, 5, 5),
      });
      expect(decodeTags(message.nodes[0]!.meta)).toEqual(new Map([['role', 'real']]));
      const state = decodeSerfState(message.userState);
      expect(state).toMatchObject({ lamportTime: 1, eventTime: 1, queryTime: 1, events: [] });
      expect(state.statusTimes).toEqual(new Map([['b', 0]]));
    }
  });

  it('reads gossip with checksum, compression and compound', () => {
    const { messages, dropped } = opened(bytesOf(gossip));
    expect(dropped).toEqual([]);
    const inner = messages.map((message) =>
      message.type === 'user' ? decodeSerfMessage(message.payload) : message,
    );
    expect(inner).toMatchObject([
      {
        type: 'query',
        name: 'load',
        flags: 1,
        timeoutMs: 3200,
        filters: [{ kind: 'tag', tag: 'role', expression: 'r.*' }],
      },
      { type: 'user-event', name: 'deploy', coalesce: true },
    ]);
  });

  it('compresses to the same bytes as the original', () => {
    for (const packet of [bytesOf(pushPullAnswer), bytesOf(gossip).subarray(5)]) {
      const compressed = decodeCompressed(new MsgpackReader(packet, 1));
      const plain = lzwDecompress(compressed, 2 ** 20);
      expect(hex(lzwCompress(plain))).toBe(hex(compressed));
    }
  });

  it('counts a packet whose checksum is wrong', () => {
    const bytes = bytesOf(gossip);
    bytes[40]! ^= 1;
    expect(opened(bytes)).toEqual({ messages: [], dropped: ['checksum-mismatch'] });
  });
});

describe('encryption', () => {
  const key = (fill: number) => new Uint8Array(16).fill(fill);
  const ring = (...keys: Uint8Array[]) => new Keyring(keys, nodeCipher());
  const message = encodeNack(7);

  it('adds 29 bytes, no type byte, and opens with any key of the ring', () => {
    const packet = new PacketCodec(format, ring(key(1))).seal(message, false);
    expect(packet.length).toBe(message.length + 29);
    expect(packet[0]).toBe(1);
    const both = new PacketCodec(format, ring(key(2), key(1)));
    expect(opened(packet, both).messages).toEqual([{ type: 'nack', sequence: 7 }]);
    const other = new PacketCodec(format, ring(key(2)));
    expect(opened(packet, other)).toEqual({ messages: [], dropped: ['not-decrypted'] });
  });

  it('takes version 0 with its padding', () => {
    const cipher = nodeCipher();
    const padding = 16 - (message.length % 16);
    const padded = new Uint8Array(message.length + padding).fill(padding);
    padded.set(message);
    const nonce = cipher.nonce();
    const sealed = cipher.seal(key(1), nonce, padded, new Uint8Array(0));
    const packet = Buffer.concat([Uint8Array.of(0), nonce, sealed]);
    const codec = new PacketCodec(format, ring(key(1)));
    expect(opened(packet, codec).messages).toEqual([{ type: 'nack', sequence: 7 }]);
  });

  it('drops what is not encrypted once there is a key', () => {
    const codec = new PacketCodec(format, ring(key(1)));
    expect(opened(encodePing({ sequence: 1, node: 'a', source }), codec).messages).toEqual([]);
  });
});

describe('labels', () => {
  const labelled = (label: string) => new PacketCodec({ ...format, label }, noKeys);
  const message = encodeNack(7);

  // Without labels two clusters merge as soon as an address is used again (consul #260).
  it('keeps packets of another label, or of none, apart', () => {
    const packet = labelled('red').seal(message, false);
    expect(hex(packet)).toBe(hex(bytesOf('f4 03 "red"')) + hex(message));
    expect(opened(packet, labelled('red')).messages).toHaveLength(1);
    expect(opened(packet, labelled('blue')).dropped).toEqual(['label-mismatch']);
    expect(opened(packet, labelled('')).dropped).toEqual(['label-mismatch']);
    expect(opened(message, labelled('red')).dropped).toEqual(['label-missing']);
  });

  it('binds the label to what is encrypted', () => {
    const ring = () => new Keyring([new Uint8Array(32)], nodeCipher());
    const red = new PacketCodec({ ...format, label: 'red' }, ring());
    const ted = new PacketCodec({ ...format, label: 'ted' }, ring());
    const packet = red.seal(message, false);
    packet[2] = 't'.charCodeAt(0);
    expect(opened(packet, ted).dropped).toEqual(['not-decrypted']);
  });
});
