/** Our server against @grpc/grpc-js, and against our own client. */
import grpcJs from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { QuorateError } from '../../src/base/errors.ts';
import { GrpcClient } from '../../src/grpc/client.ts';
import type { Method } from '../../src/grpc/method.ts';
import type { Status } from '../../src/grpc/status.ts';
import { NodeClock } from '../../src/platform/node-clock.ts';
import { NodeCompression } from '../../src/platform/node-compression.ts';
import { NodeHttp } from '../../src/platform/node-http.ts';
import type { HttpConnection } from '../../src/ports/http.ts';
import { until } from '../processes/waiting.ts';
import { type EchoServer, echo, messageBytesMax, startEcho } from './echo.ts';

let server: EchoServer;
let client: grpcJs.Client;
beforeAll(async () => {
  server = await startEcho();
  client = new grpcJs.Client(server.url, grpcJs.credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await server.close();
});

const plain = (text: string): Buffer => Buffer.from(text);
const read = (bytes: Buffer): string => bytes.toString();

interface Answer {
  readonly value?: string;
  readonly error?: grpcJs.ServiceError;
  readonly metadata: grpcJs.Metadata;
}

function unary(
  { path }: Method<string, string>,
  request: string,
  options: { metadata?: Record<string, string>; call?: grpcJs.CallOptions; gzip?: boolean } = {},
): Promise<Answer> {
  const metadata = new grpcJs.Metadata();
  for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
  if (options.gzip) metadata.set('grpc-internal-encoding-request', 'gzip');
  return new Promise((resolve) => {
    let initial = new grpcJs.Metadata();
    client
      .makeUnaryRequest(
        path,
        plain,
        read,
        request,
        metadata,
        options.call ?? {},
        (error, value) => {
          resolve(
            error === null ? { value: value!, metadata: initial } : { error, metadata: initial },
          );
        },
      )
      .on('metadata', (found) => {
        initial = found;
      });
  });
}

describe('with @grpc/grpc-js', () => {
  test('a request, its metadata, an answer, its metadata', async () => {
    const { value, metadata } = await unary(echo.once, 'hello', { metadata: { 'x-name': 'Ann' } });
    expect(value).toBe('hello|Ann');
    expect(metadata.get('initial')).toEqual(['yes']);
    expect(metadata.get('bytes-bin')).toEqual([Buffer.of(0, 255)]);
  });

  test('an empty request, and one that fills many frames', async () => {
    expect((await unary(echo.once, '')).value).toBe('|');
    const long = 'y'.repeat(messageBytesMax);
    expect((await unary(echo.once, long)).value).toBe(`${long}|`);
  });

  test('a refusal by trailers alone: code, text with percent signs and umlauts, metadata', async () => {
    const { error } = await unary(echo.fail, 'über 100 % – "x"\n');
    expect(error).toMatchObject({ code: 11, details: 'über 100 % – "x"\n' });
    expect(error!.metadata.get('detail')).toEqual(['more']);
  });

  test('a request that is too large is refused with the exact text', async () => {
    const { error } = await unary(echo.once, 'z'.repeat(messageBytesMax + 1));
    expect(error).toMatchObject({
      code: 8,
      details: `grpc: received message larger than max (${messageBytesMax + 1} vs. ${messageBytesMax})`,
    });
  });

  test('unknown methods and services, and a request that cannot be decoded', async () => {
    const of = (path: string) => unary({ ...echo.once, path }, 'x');
    expect((await of('/test.Echo/None')).error).toMatchObject({
      code: 12,
      details: 'unknown method None for service test.Echo',
    });
    expect((await of('/test.None/Once')).error).toMatchObject({
      code: 12,
      details: 'unknown service test.None',
    });
    const malformed = await new Promise<grpcJs.ServiceError | null>((resolve) => {
      const bytes = (): Buffer => Buffer.of(0xff, 0xfe);
      client.makeUnaryRequest(echo.once.path, bytes, read, '', (error) => resolve(error));
    });
    expect(malformed?.code).toBe(13);
    expect(malformed?.details).toMatch(/^grpc: error unmarshalling request: /);
  });

  test('a deadline ends the call on both sides', async () => {
    const { aborted } = server.seen;
    const { error } = await unary(echo.never, 'x', { call: { deadline: Date.now() + 50 } });
    expect(error?.code).toBe(4);
    await until('the abort', () => server.seen.aborted === aborted + 1);
  });

  test('requests compressed with gzip are taken, and limited after inflation', async () => {
    const options = { 'grpc.default_compression_algorithm': 2 };
    const zipping = new grpcJs.Client(server.url, grpcJs.credentials.createInsecure(), options);
    const send = (text: string) =>
      new Promise<string>((resolve) => {
        zipping.makeUnaryRequest(echo.once.path, plain, read, text, (error, value) =>
          resolve(error === null ? value! : `${error.code} ${error.details}`),
        );
      });
    expect(await send('a'.repeat(10_000))).toBe(`${'a'.repeat(10_000)}|`);
    expect(await send('a'.repeat(messageBytesMax + 1))).toMatch(/^8 grpc: message after decompre/);
    zipping.close();
  });

  test('the client streams', async () => {
    const value = await new Promise((resolve, reject) => {
      const call = client.makeClientStreamRequest(echo.gather.path, plain, read, (error, answer) =>
        error === null ? resolve(answer) : reject(error),
      );
      for (const each of ['a', 'b', 'c']) call.write(each);
      call.end();
    });
    expect(value).toBe('a,b,c');
  });

  test('the server streams', async () => {
    const call = client.makeServerStreamRequest(echo.repeat.path, plain, read, '100');
    const all: string[] = [];
    call.on('data', (value: string) => all.push(value));
    const status = await new Promise<grpcJs.StatusObject>((resolve) => call.on('status', resolve));
    expect(all).toEqual([...Array(100).keys()].map(String));
    expect(status.code).toBe(0);
    expect(status.metadata.get('last')).toEqual(['yes']);
  });

  test('both stream, and what a handler throws ends that call alone', async () => {
    const talk = () => client.makeBidiStreamRequest(echo.talk.path, plain, read);
    const call = talk();
    const all: string[] = [];
    call.on('data', (value: string) => all.push(value));
    call.write('one');
    await until('the first answer', () => all.length === 1);
    const other = talk();
    const failed = new Promise<grpcJs.ServiceError>((resolve) =>
      other.on('error', resolve as never),
    );
    other.write('throw');
    expect(await failed).toMatchObject({ code: 2, details: 'Error: as told' });
    call.write('two');
    call.end();
    const status = await new Promise<grpcJs.StatusObject>((resolve) => call.on('status', resolve));
    expect([...all, status.code]).toEqual(['ONE', 'TWO', 0]);
  });

  test('a cancelled stream tells its handler', async () => {
    const { over } = server.seen;
    const call = client.makeBidiStreamRequest(echo.talk.path, plain, read);
    call.on('error', () => {});
    call.on('data', () => call.cancel());
    call.write('x');
    await until('the end', () => server.seen.over === over + 1);
  });
});

describe('with our own client', () => {
  let connection: HttpConnection;
  let own: GrpcClient;
  beforeAll(async () => {
    connection = await connect(server);
    own = new GrpcClient(connection, {
      clock: new NodeClock(),
      compression: new NodeCompression(),
    });
  });
  afterAll(() => connection.destroy());

  test('calls of all kinds', async () => {
    expect(await own.unary(echo.once, 'x', { metadata: { 'x-name': 'Bo' } })).toBe('x|Bo');
    const error = await own.unary(echo.fail, 'no %').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(QuorateError);
    expect(error).toMatchObject({ code: 'rpc-failed', message: 'no %' });
    const answers: string[] = [];
    const status = await new Promise<Status>((ended) => {
      const received = (value: string): void => {
        answers.push(value);
        if (answers.length === 2) stream.end();
      };
      const stream = own.stream(echo.talk, {}, { received, ended });
      stream.send('a');
      stream.send('b');
    });
    expect([...answers, status.code]).toEqual(['A', 'B', 0]);
  });

  test('a slow reader holds the writer, not its memory', async () => {
    const { over } = server.seen;
    const stream = own.stream(echo.flood, {}, { received: () => stream.pause(), ended: () => {} });
    stream.send('');
    stream.end();
    let stalled = -1;
    await until('the writer to stand still', () => {
      const still = server.seen.flooded > 0 && server.seen.flooded === stalled;
      stalled = server.seen.flooded;
      return still;
    });
    expect(server.seen.flooded).toBeLessThan(20_000);
    expect(server.seen.bufferedBytesMax).toBeLessThan(1_000_000);
    stream.cancel();
    await until('the handler to know', () => server.seen.over === over + 1);
  });

  test('deadlines and cancellation', async () => {
    const late = await own.unary(echo.never, '', { timeoutMs: 30 }).catch((error) => error);
    expect(late.details.status.code).toBe(4);
    const controller = new AbortController();
    const given = own.unary(echo.never, '', { signal: controller.signal }).catch((error) => error);
    controller.abort();
    expect((await given).details.status.code).toBe(1);
  });
});

test('plain HTTP/1.1 and HTTP/2 come in by the same port', async () => {
  const answer = await fetch(`http://${server.url}/x`, { method: 'POST', body: 'hello' });
  expect(await answer.text()).toBe('POST hello');
  const connection = await connect(server);
  const body = await new Promise<string>((resolve) => {
    let all = '';
    const call = connection.request(
      '/x',
      {},
      {
        responded: () => {},
        trailers: () => {},
        received: (bytes) => {
          all += new TextDecoder().decode(bytes);
        },
        closed: () => resolve(all),
      },
    );
    call.write(new TextEncoder().encode('two'));
    call.end();
  });
  expect(body).toBe('POST two');
  connection.destroy();
});

test('draining: calls under way finish, then the connection ends', async () => {
  const draining = await startEcho();
  const connection = await connect(draining);
  const own = new GrpcClient(connection, {
    clock: new NodeClock(),
    compression: new NodeCompression(),
  });
  const answers: string[] = [];
  let ended: Status | undefined;
  const stream = own.stream(
    echo.talk,
    {},
    {
      received: (value) => void answers.push(value),
      ended: (status) => {
        ended = status;
      },
    },
  );
  stream.send('a');
  await until('an answer', () => answers.length === 1);
  const closed = draining.close(10_000);
  stream.send('b');
  await until('the second answer', () => answers.length === 2);
  stream.end();
  await closed;
  expect(ended?.code).toBe(0);
  await until('the client to know', () => !connection.open);
});

async function connect(to: EchoServer): Promise<HttpConnection> {
  return new Promise((resolve, reject) => {
    const { address } = to.listener;
    new NodeHttp().connect(
      { address, timeoutMs: 5_000 },
      () => {},
      (answer) => (answer instanceof QuorateError ? reject(answer) : resolve(answer)),
    );
  });
}
