/**
 * Clients that mean no good, or are broken: each gets its refusal, and everybody else goes on
 * (reliability.md, security 8).
 */
import http2 from 'node:http2';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../processes/waiting.ts';
import { type EchoServer, echo, messageBytesMax, startEcho } from './echo.ts';

let server: EchoServer;
const sockets: net.Socket[] = [];
beforeEach(async () => {
  server = await startEcho({
    handshakeTimeoutMs: 200,
    pingIntervalMsMin: 1_000,
    headerBytesMax: 16_384,
    streamsMax: 100,
  });
});
afterEach(async () => {
  // Whatever was done to it, it still answers others.
  expect((await call({}, message('well'))).trailers['grpc-status']).toBe('0');
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.close();
});

function message(text: string): Buffer {
  const body = Buffer.from(text);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

interface Outcome {
  headers: http2.IncomingHttpHeaders;
  trailers: http2.IncomingHttpHeaders;
  body: Buffer;
  rstCode: number;
}

/** One gRPC call by hand. */
function call(
  headers: http2.OutgoingHttpHeaders,
  body: Buffer,
  options: { end?: boolean } = {},
): Promise<Outcome> {
  const session = http2.connect(`http://${server.url}`);
  return new Promise((resolve, reject) => {
    session.on('error', reject);
    const stream = session.request({
      ':method': 'POST',
      ':path': echo.once.path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    const found: Outcome = { headers: {}, trailers: {}, body: Buffer.alloc(0), rstCode: 0 };
    stream.on('response', (answered) => {
      found.headers = answered;
      // Trailers alone.
      if (answered['grpc-status'] !== undefined) found.trailers = answered;
    });
    stream.on('trailers', (answered) => {
      found.trailers = answered;
    });
    stream.on('data', (bytes: Buffer) => {
      found.body = Buffer.concat([found.body, bytes]);
    });
    stream.on('error', () => {});
    stream.on('close', () => {
      found.rstCode = stream.rstCode ?? 0;
      session.destroy();
      resolve(found);
    });
    stream.write(body);
    if (options.end !== false) stream.end();
  });
}

describe('broken calls', () => {
  test.each([
    ['a flag that is none', Buffer.of(2, 0, 0, 0, 0), '13'],
    ['a length of 4 GiB', Buffer.of(0, 255, 255, 255, 255, 1, 2, 3), '8'],
    ['an end in the middle of a message', message('half').subarray(0, 7), '13'],
    ['an end in the middle of a prefix', Buffer.of(0, 0), '13'],
    ['no message', Buffer.alloc(0), '13'],
    ['two messages', Buffer.concat([message('a'), message('b')]), '13'],
    ['compressed without saying how', Buffer.of(1, 0, 0, 0, 1, 65), '13'],
  ])('%s', async (_what, body, code) => {
    expect((await call({}, body)).trailers).toMatchObject({ 'grpc-status': code });
  });

  test('an answer before the request has ended lets the stream go', async () => {
    const outcome = await call({}, Buffer.of(0, 255, 0, 0, 0), { end: false });
    expect(outcome.trailers).toMatchObject({ 'grpc-status': '8' });
    expect(outcome.rstCode).toBe(http2.constants.NGHTTP2_NO_ERROR);
  });

  test.each([
    [{ 'grpc-encoding': 'snappy' }, Buffer.of(1, 0, 0, 0, 1, 65), '12'],
    [{ 'grpc-encoding': 'gzip' }, Buffer.of(1, 0, 0, 0, 1, 65), '13'],
    [{ 'grpc-timeout': 'soon' }, message('x'), '13'],
    [{ ':path': '/nothing' }, message('x'), '12'],
    [{ ':path': '//' }, message('x'), '12'],
    [{ ':path': '/__proto__/constructor' }, message('x'), '12'],
  ])('%j', async (headers, body, code) => {
    expect((await call(headers, body)).trailers).toMatchObject({ 'grpc-status': code });
  });

  test('another method than POST, and another content type', async () => {
    const get = await call({ ':method': 'PUT' }, message('x'));
    expect(get.headers).toMatchObject({ ':status': 405, 'grpc-status': '13' });
    const other = await call({ 'content-type': 'application/grpc-web' }, message('x'));
    expect(other.headers).toMatchObject({ ':status': 200, 'content-type': 'text/plain' });
  });

  test('bytes of many unfinished requests together have a limit', async () => {
    const session = http2.connect(`http://${server.url}`);
    const codes: unknown[] = [];
    const part = Buffer.alloc(messageBytesMax);
    part.writeUInt32BE(messageBytesMax, 1);
    for (let i = 0; i < 10; i++) {
      const stream = session.request({
        ':method': 'POST',
        ':path': echo.once.path,
        'content-type': 'application/grpc',
      });
      stream.on('error', () => {});
      stream.on('response', (headers) => codes.push(headers['grpc-status']));
      stream.write(part);
    }
    await until('refusals', () => codes.length >= 5);
    expect(new Set(codes)).toEqual(new Set(['8']));
    session.destroy();
    await until('all to be forgotten', () => server.grpc.calls === 0);
  });
});

describe('broken connections', () => {
  const open = (): Promise<net.Socket> =>
    new Promise((resolve) => {
      const socket = net.connect(server.listener.address.port, '127.0.0.1', () => resolve(socket));
      socket.on('error', () => {});
      sockets.push(socket);
    });
  const closes = (socket: net.Socket): Promise<void> =>
    until('the connection to be cut', () => socket.destroyed || socket.readableEnded);

  test('one that says nothing, or only the beginning of a preface', async () => {
    const silent = await open();
    silent.resume();
    const half = await open();
    half.resume();
    half.write('PRI * HTT');
    await closes(silent);
    await closes(half);
    await until('both to be forgotten', () => server.listener.connections === 0);
  });

  test('one that speaks neither', async () => {
    const socket = await open();
    let answer = '';
    socket.on('data', (bytes) => {
      answer += bytes.toString();
    });
    socket.write(Buffer.from([0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5, 13, 10, 13, 10]));
    await closes(socket);
    expect(answer).toBe('');
  });

  test('a preface with nonsense behind it', async () => {
    const socket = await open();
    socket.resume();
    socket.write(`${preface}${'x'.repeat(100)}`);
    await closes(socket);
  });

  test('pings without pause are answered by going away', async () => {
    const session = http2.connect(`http://${server.url}`);
    session.on('error', () => {});
    let goaway: { code: number; text: string } | undefined;
    session.on('goaway', (code, _last, text) => {
      goaway = { code, text: text?.toString() ?? '' };
    });
    await new Promise((resolve) => session.once('connect', resolve));
    for (let i = 0; i < 5; i++) session.ping(() => {});
    await until('the notice', () => goaway !== undefined);
    expect(goaway).toEqual({
      code: http2.constants.NGHTTP2_ENHANCE_YOUR_CALM,
      text: 'too_many_pings',
    });
  });

  test('header fields without end', async () => {
    const { headers } = await call({ 'x-long': 'a'.repeat(40_000) }, message('x'));
    expect(headers[':status']).toBe(431);
  });

  test('more streams at once than may be', async () => {
    const session = http2.connect(`http://${server.url}`);
    session.on('error', () => {});
    await new Promise((resolve) => session.once('remoteSettings', resolve));
    expect(session.remoteSettings.maxConcurrentStreams).toBe(100);
    session.destroy();
  });

  test('a flood of streams that are reset at once (CVE-2023-44487)', async () => {
    const socket = await open();
    socket.resume();
    socket.write(Buffer.concat([Buffer.from(preface), frame(4, 0, 0, Buffer.alloc(0))]));
    const block = headerBlock(echo.never.path);
    let id = 1;
    await until('the connection to be cut', () => {
      for (let i = 0; i < 500 && !socket.destroyed; i++, id += 2) {
        socket.write(frame(1, 4, id, block));
        socket.write(frame(3, 0, id, Buffer.of(0, 0, 0, 8)));
      }
      return socket.destroyed || socket.readableEnded;
    });
    expect(id).toBeLessThan(100_000);
    await until('its calls to be forgotten', () => server.grpc.calls === 0);
  });

  test('a flood of CONTINUATION (CVE-2024-27983)', async () => {
    const socket = await open();
    socket.resume();
    socket.write(Buffer.concat([Buffer.from(preface), frame(4, 0, 0, Buffer.alloc(0))]));
    socket.write(frame(1, 0, 1, headerBlock(echo.once.path)));
    let sent = 0;
    await until('the connection to be cut', () => {
      for (let i = 0; i < 100 && !socket.destroyed; i++) {
        socket.write(frame(9, 0, 1, literal(`x-${sent++}`, 'y'.repeat(100))));
      }
      return socket.destroyed || socket.readableEnded;
    });
    expect(sent).toBeLessThan(20_000);
  });

  test('one that vanishes in the middle leaves nothing behind', async () => {
    const socket = await open();
    const session = http2.connect(`http://${server.url}`, { createConnection: () => socket });
    session.on('error', () => {});
    const stream = session.request({
      ':method': 'POST',
      ':path': echo.talk.path,
      'content-type': 'application/grpc',
    });
    stream.on('error', () => {});
    stream.write(message('x'));
    await until('the call', () => server.grpc.calls === 1);
    socket.destroy();
    await until('the call to end', () => server.grpc.calls === 0 && server.seen.over === 1);
  });
});

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header field in HPACK, never indexed, without Huffman (RFC 7541, section 6.2.3). */
function literal(name: string, value: string): Buffer {
  return Buffer.concat([
    Buffer.of(0x10, name.length),
    Buffer.from(name),
    Buffer.of(value.length),
    Buffer.from(value),
  ]);
}

function headerBlock(path: string): Buffer {
  return Buffer.concat([
    literal(':method', 'POST'),
    literal(':scheme', 'http'),
    literal(':path', path),
    literal(':authority', 'localhost'),
    literal('content-type', 'application/grpc'),
  ]);
}
