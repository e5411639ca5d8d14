/**
 * The rules of RFC 9113 for a server, one broken at a time; and windows, limits and ends.
 *
 * Length: one table of rules, a line each.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { httpLimitDefaults } from '../ports/http.ts';
import { preface, readUint31, readUint32, reasons, frameTypes as types } from './frame.ts';
import { ServerConnection } from './server-connection.ts';
import type { ServerStream } from './server-stream.ts';

/** A client that writes frames by hand, and reads what comes back. */
class Client {
  readonly streams: ServerStream[] = [];
  readonly bodies = new Map<number, string>();
  over = false;
  readonly connection: ServerConnection;
  onExchange: (stream: ServerStream) => void = () => {};
  drained: (stream: ServerStream) => void = () => {};
  #nowMs = 0;

  constructor(limits: Partial<typeof httpLimitDefaults> = {}) {
    const peer = { remote: { host: '127.0.0.1', port: 1 }, secure: false, certificate: null };
    this.connection = new ServerConnection(
      {
        exchange: (stream) => {
          this.streams.push(stream);
          stream.subscribe({
            received: (bytes) => {
              const before = this.bodies.get(stream.id) ?? '';
              this.bodies.set(stream.id, before + Buffer.from(bytes).toString('latin1'));
            },
            drained: () => this.drained(stream),
            ended: () => this.bodies.set(stream.id, `${this.bodies.get(stream.id) ?? ''}.`),
            closed: (whole) =>
              this.bodies.set(stream.id, `${this.bodies.get(stream.id) ?? ''}${whole ? '!' : '?'}`),
          });
          this.onExchange(stream);
        },
        wake: () => {},
        nowMs: () => this.#nowMs,
        pinged: () => {},
        over: () => {
          this.over = true;
        },
      },
      { peer, limits: { ...httpLimitDefaults, ...limits } },
    );
  }

  /** Says the preface, and settings. */
  greet(settings = ''): this {
    this.connection.receive(Buffer.from(preface, 'latin1'));
    this.send(types.settings, 0, 0, settings);
    this.replies();
    return this;
  }

  send(type: number, flags: number, stream: number, hex = ''): this {
    const payload = Buffer.from(hex, 'hex');
    const frame = Buffer.alloc(9 + payload.length);
    frame.writeUIntBE(payload.length, 0, 3);
    frame[3] = type;
    frame[4] = flags;
    frame.writeUInt32BE(stream, 5);
    payload.copy(frame, 9);
    this.connection.receive(new Uint8Array(frame));
    return this;
  }

  /** What has come back: `type stream flags payload`. */
  replies(): string[] {
    const all = Buffer.concat(this.connection.take());
    const found: string[] = [];
    for (let at = 0; at < all.length; ) {
      const length = all.readUIntBE(at, 3);
      const [type, stream] = [all[at + 3]!, readUint31(all, at + 5)];
      const payload = all.subarray(at + 9, at + 9 + length);
      const name = Object.entries(types).find(([, number]) => number === type)![0];
      if (type === types.goAway) found.push(`goAway ${named(readUint32(payload, 4))}`);
      else if (type === types.reset) found.push(`reset ${stream} ${named(readUint32(payload, 0))}`);
      else if (type === types.data)
        found.push(`data ${stream} ${length}${all[at + 4] === 1 ? ' end' : ''}`);
      else if (type === types.windowUpdate)
        found.push(`window ${stream} ${readUint32(payload, 0)}`);
      else found.push(`${name} ${stream}`);
      at += 9 + length;
    }
    return found;
  }
}

const named = (reason: number): string =>
  Object.entries(reasons).find(([, number]) => number === reason)![0];

/** POST, http, path `/`. */
const post = '838684';
const endStream = 1;
const endHeaders = 4;
const head = endHeaders;
const whole = endHeaders | endStream;
const field = (name: string, value: string): string => `00${text(name)}${text(value)}`;
const text = (of: string): string =>
  Buffer.concat([Buffer.of(of.length), Buffer.from(of)]).toString('hex');

describe('a client that breaks a rule hears which, and where', () => {
  const open = (client: Client) => client.send(types.headers, head, 1, post);
  const done = (client: Client) => client.send(types.headers, whole, 1, post);
  test.each<[string, string, (client: Client) => unknown]>([
    ['DATA of stream 0', 'goAway protocol', (c) => c.send(types.data, 0, 0, '00')],
    ['DATA of an idle stream', 'goAway protocol', (c) => c.send(types.data, 0, 5, '00')],
    ['DATA behind the end', 'reset 1 streamClosed', (c) => done(c).send(types.data, 0, 1, '00')],
    [
      'DATA with too much padding',
      'goAway protocol',
      (c) => open(c).send(types.data, 8, 1, '05aa'),
    ],
    ['HEADERS of an even stream', 'goAway protocol', (c) => c.send(types.headers, whole, 2, post)],
    [
      'HEADERS of an older stream',
      'goAway streamClosed',
      (c) => {
        c.onExchange = (stream) => stream.respondOnly(200, {});
        c.send(types.headers, whole, 5, post).send(types.headers, whole, 3, post);
      },
    ],
    [
      'HEADERS that wait for themselves',
      'goAway protocol',
      (c) => c.send(types.headers, 0x25, 1, `0000000100${post}`),
    ],
    [
      'fields that are interrupted',
      'goAway protocol',
      (c) => c.send(types.headers, 1, 1, post).send(types.ping, 0, 0, '00'.repeat(8)),
    ],
    [
      'fields of another stream',
      'goAway protocol',
      (c) => c.send(types.headers, 1, 1, post).send(types.continuation, 4, 3),
    ],
    ['CONTINUATION of nothing', 'goAway protocol', (c) => c.send(types.continuation, 4, 1)],
    [
      'fields that cannot be read',
      'goAway compression',
      (c) => c.send(types.headers, whole, 1, '80'),
    ],
    [
      'PRIORITY of four bytes',
      'reset 1 frameSize',
      (c) => open(c).send(types.priority, 0, 1, '00000000'),
    ],
    ['RST_STREAM of stream 0', 'goAway protocol', (c) => c.send(types.reset, 0, 0, '00000008')],
    [
      'RST_STREAM of an idle stream',
      'goAway protocol',
      (c) => c.send(types.reset, 0, 1, '00000008'),
    ],
    [
      'RST_STREAM of three bytes',
      'goAway frameSize',
      (c) => open(c).send(types.reset, 0, 1, '000008'),
    ],
    ['SETTINGS of a stream', 'goAway protocol', (c) => c.send(types.settings, 0, 1)],
    [
      'SETTINGS of five bytes',
      'goAway frameSize',
      (c) => c.send(types.settings, 0, 0, '0000000000'),
    ],
    [
      'an ACK that says something',
      'goAway frameSize',
      (c) => c.send(types.settings, 1, 0, '000100000000'),
    ],
    [
      'push that is neither',
      'goAway protocol',
      (c) => c.send(types.settings, 0, 0, '000200000002'),
    ],
    [
      'a window beyond 2^31 − 1',
      'goAway flowControl',
      (c) => c.send(types.settings, 0, 0, '000480000000'),
    ],
    [
      'frames that may be too small',
      'goAway protocol',
      (c) => c.send(types.settings, 0, 0, '000500003fff'),
    ],
    ['PING of seven bytes', 'goAway frameSize', (c) => c.send(types.ping, 0, 0, '00'.repeat(7))],
    ['PING of a stream', 'goAway protocol', (c) => c.send(types.ping, 0, 1, '00'.repeat(8))],
    [
      'WINDOW_UPDATE by nothing',
      'goAway protocol',
      (c) => c.send(types.windowUpdate, 0, 0, '00000000'),
    ],
    [
      'WINDOW_UPDATE of a stream by nothing',
      'reset 1 protocol',
      (c) => open(c).send(types.windowUpdate, 0, 1, '00000000'),
    ],
    [
      'a window that overflows',
      'goAway flowControl',
      (c) => c.send(types.windowUpdate, 0, 0, '7fffffff'),
    ],
    [
      'a window of a stream that overflows',
      'reset 1 flowControl',
      (c) => open(c).send(types.windowUpdate, 0, 1, '7fffffff'),
    ],
    ['PUSH_PROMISE', 'goAway protocol', (c) => c.send(types.pushPromise, 4, 1, '00000002')],
    ['GOAWAY of a stream', 'goAway protocol', (c) => c.send(types.goAway, 0, 1, '00'.repeat(8))],
    [
      'a request without a path',
      'reset 1 protocol',
      (c) => c.send(types.headers, whole, 1, '8386'),
    ],
    ['one with two', 'reset 1 protocol', (c) => c.send(types.headers, whole, 1, `${post}84`)],
    [
      'a pseudo-header behind a field',
      'reset 1 protocol',
      (c) => c.send(types.headers, whole, 1, `8386${field('a', 'b')}84`),
    ],
    ['one of an answer', 'reset 1 protocol', (c) => c.send(types.headers, whole, 1, `${post}88`)],
    [
      'an upper-case name',
      'reset 1 protocol',
      (c) => c.send(types.headers, whole, 1, post + field('A', 'b')),
    ],
    [
      'a field of connections',
      'reset 1 protocol',
      (c) => c.send(types.headers, whole, 1, post + field('connection', 'x')),
    ],
    [
      'te that is not trailers',
      'reset 1 protocol',
      (c) => c.send(types.headers, whole, 1, post + field('te', 'gzip')),
    ],
    [
      'a value of two lines',
      'reset 1 protocol',
      (c) => c.send(types.headers, whole, 1, post + field('a', 'b\nc')),
    ],
    [
      'trailers that do not end',
      'reset 1 protocol',
      (c) => open(c).send(types.headers, head, 1, field('a', 'b')),
    ],
    [
      'trailers with a pseudo-header',
      'reset 1 protocol',
      (c) => open(c).send(types.headers, whole, 1, '84'),
    ],
    [
      'a body that is too long',
      'reset 1 protocol',
      (c) =>
        c
          .send(types.headers, head, 1, post + field('content-length', '1'))
          .send(types.data, endStream, 1, '0000'),
    ],
    [
      'a body that is too short',
      'reset 1 protocol',
      (c) =>
        c
          .send(types.headers, head, 1, post + field('content-length', '3'))
          .send(types.data, endStream, 1, '0000'),
    ],
    [
      'fields without end',
      'goAway calm',
      (c) => {
        c.send(types.headers, 1, 1, post);
        for (let i = 0; i < 40; i++) c.send(types.continuation, 0, 1, '');
      },
    ],
    [
      'frames that bring nothing',
      'goAway calm',
      (c) => {
        for (let i = 0; i < 10_100; i++) c.send(types.priority, 0, 1, '0000000001');
      },
    ],
    [
      'streams that are broken off',
      'goAway calm',
      (c) => {
        for (let i = 0; i < 900; i++)
          c.send(types.headers, whole, 2 * i + 1, post).send(types.reset, 0, 2 * i + 1, '00000008');
      },
    ],
  ])('%s: %s', (_what, expected, act) => {
    const client = new Client().greet();
    act(client);
    expect(client.replies()).toContain(expected);
    expect(client.over).toBe(expected.startsWith('goAway'));
    if (!client.over) {
      // The connection is none the worse for it.
      expect(client.send(types.headers, whole, 7, post).streams.at(-1)?.id).toBe(7);
    }
  });

  test('what comes before settings', () => {
    const client = new Client();
    client.connection.receive(Buffer.from(preface, 'latin1'));
    client.send(types.headers, whole, 1, post);
    expect(client.replies()).toContain('goAway protocol');
    const other = new Client();
    other.connection.receive(Buffer.from(`${preface.slice(0, 20)}XXXX`, 'latin1'));
    expect(other.replies()).toContain('goAway protocol');
  });

  test('more than the window of a stream', () => {
    const client = new Client().greet();
    client.onExchange = (stream) => stream.pause();
    client.send(types.headers, head, 1, post);
    for (let i = 0; i < 65; i++) client.send(types.data, 0, 1, '00'.repeat(16_384));
    expect(client.replies()).toContain('reset 1 flowControl');
  });
});

describe('requests and answers', () => {
  test('a body and its end; the answer waits for room', () => {
    const client = new Client().greet();
    client.send(types.headers, head, 1, post).send(types.data, 0, 1, '6162');
    client.send(types.data, 9, 1, '016300');
    expect(client.bodies.get(1)).toBe('abc.');
    const [stream] = client.streams;
    stream!.respond(200, {});
    expect(stream!.write(new Uint8Array(100_000))).toBe(true);
    stream!.end({ 'grpc-status': '0' });
    const sent = () =>
      client
        .replies()
        .filter((each) => each.startsWith('data'))
        .reduce((sum, each) => sum + Number(each.split(' ')[2]), 0);
    expect(sent()).toBe(65_535);
    client.send(types.windowUpdate, 0, 0, '00100000');
    expect(sent()).toBe(0);
    client.send(types.windowUpdate, 0, 1, '00000001');
    expect(sent()).toBe(1);
    client.send(types.settings, 0, 0, '000400100000');
    expect(client.replies()).toEqual([
      'settings 0',
      'data 1 16384',
      'data 1 16384',
      'data 1 1696',
      'headers 1',
    ]);
    expect(client.bodies.get(1)).toBe('abc.!');
  });

  test('a long answer holds up no short one, and long ones share what room there is', () => {
    // Streams have all the room they could want, the connection 65,535 bytes.
    const client = new Client().greet('000400ffffff');
    for (const id of [1, 3, 5]) client.send(types.headers, whole, id, post);
    const [first, second, third] = client.streams;
    for (const stream of client.streams) stream.respond(200, {});
    first!.write(new Uint8Array(1_000_000));
    client.replies();
    second!.write(new Uint8Array(1_000_000));
    third!.write(new Uint8Array(10));
    third!.end({ 'grpc-status': '0' });
    expect(client.replies()).toEqual([]);
    client.send(types.windowUpdate, 0, 0, '0000c000');
    expect(client.replies()).toEqual([
      'data 1 16384',
      'data 3 16384',
      'data 5 10',
      'headers 5',
      'data 1 16374',
    ]);
    // Who was served last is served last.
    client.send(types.windowUpdate, 0, 0, '00008000');
    expect(client.replies()).toEqual(['data 3 16384', 'data 1 16384']);
    // One that has no room of its own is passed over.
    client.send(types.settings, 0, 0, '000400000000').send(types.windowUpdate, 0, 3, '00ffffff');
    expect(client.replies()).toEqual(['settings 0']);
    client.send(types.windowUpdate, 0, 0, '00008000');
    expect(client.replies()).toEqual(['data 3 16384', 'data 3 16384']);
  });

  test('a writer that goes on when it is relieved waits for its turn', () => {
    const client = new Client();
    client.drained = (stream) => {
      if (stream.id === 1) stream.write(new Uint8Array(65_536));
    };
    client.greet('000400ffffff');
    for (const id of [1, 3]) client.send(types.headers, whole, id, post);
    const [first, second] = client.streams;
    for (const stream of client.streams) stream.respond(200, {});
    expect(first!.write(new Uint8Array(200_000))).toBe(false);
    second!.write(new Uint8Array(40_000));
    client.replies();
    client.send(types.windowUpdate, 0, 0, '00100000');
    const order = client.replies().map((reply) => Number(reply.split(' ')[1]));
    // Without turns all of the first would come before the second.
    expect(order.slice(0, 6)).toEqual([1, 3, 1, 3, 1, 3]);
    expect(order.length).toBeGreaterThan(12);
  });

  test('a client may ping for each piece of an answer, as those of Go do, and not without', () => {
    const client = new Client().greet();
    client.send(types.headers, whole, 1, post);
    const [stream] = client.streams;
    stream!.respond(200, {});
    client.replies();
    const ping = (): string[] => client.send(types.ping, 0, 0, '00'.repeat(8)).replies();
    for (let piece = 0; piece < 10; piece++) {
      stream!.write(new Uint8Array(10));
      expect(ping()).toEqual(['data 1 10', 'ping 0']);
    }
    for (let strike = 0; strike < 2; strike++) expect(ping()).toEqual(['ping 0']);
    expect(ping()).toEqual(['ping 0', 'goAway calm']);
  });

  test('a request that is not read is answered, and told to stop', () => {
    const client = new Client().greet();
    client.onExchange = (stream) => {
      stream.respond(200, {});
      stream.end();
    };
    client.send(types.headers, head, 1, post);
    expect(client.replies()).toEqual(['headers 1', 'data 1 0 end', 'reset 1 none']);
    expect(client.send(types.data, endStream, 1, '00').replies()).toEqual([]);
  });

  test('windows grow again as bodies are taken', () => {
    const client = new Client().greet();
    client.send(types.headers, head, 1, post);
    for (let i = 0; i < 200; i++) client.send(types.data, 0, 1, '00'.repeat(16_384));
    const replies = client.replies();
    expect(replies).toContain('window 1 524288');
    expect(replies).toContain('window 0 2097152');
    expect(client.over).toBe(false);
  });

  test('more streams than may be are refused, and too long a head is answered as such', () => {
    const client = new Client({ streamsMax: 1, headerBytesMax: 200 }).greet();
    client.send(types.headers, head, 1, post).send(types.headers, whole, 3, post);
    expect(client.replies()).toEqual(['reset 3 refused']);
    client.send(types.reset, 0, 1, '00000008');
    expect(client.bodies.get(1)).toBe('?');
    client.send(
      types.headers,
      whole,
      5,
      post + field('a', 'b'.repeat(100)) + field('c', 'd'.repeat(20)),
    );
    expect(client.replies()).toEqual(['headers 5']);
    expect(client.streams.length).toBe(1);
  });

  test('a client that makes its table smaller hears that this was heard', () => {
    const client = new Client().greet('000100000000');
    client.onExchange = (stream) => stream.respondOnly(204, {});
    client.send(types.headers, whole, 1, post).send(types.headers, whole, 3, post);
    const all = Buffer.concat(client.connection.take());
    expect([...all.subarray(9, 11), all.length]).toEqual([0x20, 0x89, 9 + 2 + 9 + 1]);
  });

  test('draining: streams under way end, later ones are refused', () => {
    const client = new Client().greet();
    client.send(types.headers, whole, 1, post);
    client.connection.announceEnd();
    expect(client.send(types.headers, whole, 3, post).replies()).toEqual(['goAway none', 'ping 0']);
    client.connection.finish();
    expect(client.send(types.headers, whole, 5, post).replies()).toEqual([
      'goAway none',
      'reset 5 refused',
    ]);
    for (const stream of client.streams) stream.respondOnly(200, {});
    expect(client.over).toBe(true);
    expect([...client.bodies.values()]).toEqual(['.!', '.!']);
  });
});

test('whatever comes, in whatever pieces, ends in frames of ours', () => {
  const frame = fc.record({
    type: fc.nat(10),
    flags: fc.constantFrom(0, 1, 4, 5, 8, 0x20, 0x2d),
    stream: fc.constantFrom(0, 1, 2, 3, 5),
    payload: fc.oneof(
      fc.constant(post),
      fc.uint8Array({ maxLength: 12 }).map((of) => Buffer.from(of).toString('hex')),
    ),
  });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 30 }), (frames) => {
      const client = new Client().greet();
      client.onExchange = (stream) => {
        if (stream.id === 3) stream.pause();
        stream.respond(200, {});
        stream.write(new Uint8Array(70_000));
        if (stream.id === 5) stream.end({});
      };
      for (const { type, flags, stream, payload } of frames)
        client.send(type, flags, stream, payload);
      client.replies();
      client.connection.lost();
      for (const stream of client.streams) expect(stream.closed).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});
