/** What no etcd client of ours asks: health, reflection, large ranges in parts, exposure. */
import { create, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as pb from '../../src/server/proto/gen/etcdserverpb/rpc_pb.ts';
import * as health from '../../src/server/proto/gen/grpc/health/v1/health_pb.ts';
import * as v1 from '../../src/server/proto/gen/grpc/reflection/v1/reflection_pb.ts';
import * as v1alpha from '../../src/server/proto/gen/grpc/reflection/v1alpha/reflection_pb.ts';
import { methodOf } from '../../src/server/services/registry.ts';
import { openServer, readServerSettings } from '../../src/server.ts';
import { until } from '../processes/waiting.ts';
import { Peer } from './differential/compare.ts';
import { type OwnServer, startServer } from './own-server.ts';

let own: OwnServer;
let peer: Peer;
beforeAll(async () => {
  own = await startServer();
  peer = await Peer.connect(own.port);
});
afterAll(async () => {
  peer.close();
  await own.stop();
});

describe('health', () => {
  const check = (service: string) =>
    peer.client.unary(
      methodOf(health.Health.method.check),
      create(health.HealthCheckRequestSchema, { service }),
    );

  test('of the server, of a service, of one that is not there', async () => {
    const { SERVING } = health.HealthCheckResponse_ServingStatus;
    await until('it to know its leader', async () => (await check('')).status === SERVING);
    expect((await check('etcdserverpb.KV')).status).toBe(SERVING);
    await expect(check('nobody')).rejects.toMatchObject({ details: { status: { code: 5 } } });
  });

  test('watched, it is told at once', async () => {
    const status = await new Promise<number>((resolve) => {
      const stream = peer.client.stream(
        methodOf(health.Health.method.watch),
        {},
        {
          received: (answer: health.HealthCheckResponse) => {
            resolve(answer.status);
            stream.cancel();
          },
          ended: () => {},
        },
      );
      stream.send(create(health.HealthCheckRequestSchema, { service: 'nobody' }));
      stream.end();
    });
    expect(status).toBe(health.HealthCheckResponse_ServingStatus.SERVICE_UNKNOWN);
  });
});

test('calls are counted by how they ended', async () => {
  const request = create(pb.RangeRequestSchema, { key: Uint8Array.of(1) });
  await peer.client.unary(methodOf(pb.KV.method.range), request);
  const refused = peer.client.unary(methodOf(pb.KV.method.range), create(pb.RangeRequestSchema));
  await expect(refused).rejects.toMatchObject({ details: { status: { code: 3 } } });
  const other = await Peer.connect(own.port);
  const watch = other.client.stream(
    methodOf(pb.Watch.method.watch),
    {},
    { received: () => other.close(), ended: () => {} },
  );
  const value = { key: Uint8Array.of(1) };
  watch.send(
    create(pb.WatchRequestSchema, { requestUnion: { case: 'createRequest', value } }) as never,
  );
  const counted = (code: string, method: string) =>
    `grpc_server_handled_total{grpc_code="${code}",grpc_method="${method}",grpc_service="etcdserverpb.`;
  await until('the counts', async () => {
    const text = await (await fetch(`http://${own.endpoint}/metrics`)).text();
    console.log(
      text
        .split('\n')
        .filter((l) => l.startsWith('grpc_server_handled'))
        .join('\n'),
    );
    return (
      text.includes(`${counted('OK', 'Range')}KV",grpc_type="unary"} 1`) &&
      text.includes(`${counted('InvalidArgument', 'Range')}KV",grpc_type="unary"} 1`) &&
      text.includes(`${counted('Canceled', 'Watch')}Watch",grpc_type="bidi_stream"} 1`)
    );
  });
});

describe('reflection', () => {
  type Asked = v1.ServerReflectionRequest['messageRequest'];
  const ask = (asked: Asked): Promise<v1.ServerReflectionResponse['messageResponse']> =>
    new Promise((resolve, reject) => {
      const stream = peer.client.stream(
        methodOf(v1.ServerReflection.method.serverReflectionInfo),
        {},
        {
          received: (answer: v1.ServerReflectionResponse) => {
            resolve(answer.messageResponse);
            stream.end();
          },
          ended: ({ code, message }) => reject(new Error(`${code} ${message}`)),
        },
      );
      stream.send(create(v1.ServerReflectionRequestSchema, { messageRequest: asked }));
    });

  test('names the services', async () => {
    const answer = await ask({ case: 'listServices', value: '' });
    if (answer.case !== 'listServicesResponse') throw new Error(answer.case);
    const names = answer.value.service.map(({ name }) => name);
    expect(names).toContain('etcdserverpb.KV');
    expect(names).toContain('v3lockpb.Lock');
    expect(names).toContain('grpc.reflection.v1alpha.ServerReflection');
  });

  test.each([
    { case: 'fileContainingSymbol', value: 'etcdserverpb.KV.Range' },
    { case: 'fileContainingSymbol', value: 'etcdserverpb.RangeRequest.SortOrder' },
    { case: 'fileByFilename', value: 'etcdserverpb/rpc.proto' },
  ] as const)('gives the file of $value, with what it imports', async (asked) => {
    const answer = await ask(asked);
    if (answer.case !== 'fileDescriptorResponse') throw new Error(answer.case);
    const files = answer.value.fileDescriptorProto.map(
      (each) => fromBinary(FileDescriptorProtoSchema, each).name,
    );
    expect(files).toEqual(['etcdserverpb/rpc.proto', 'authpb/auth.proto', 'mvccpb/kv.proto']);
  });

  test('knows what it does not know', async () => {
    const answer = await ask({ case: 'fileContainingSymbol', value: 'no.such.Thing' });
    expect(answer).toMatchObject({ case: 'errorResponse', value: { errorCode: 5 } });
  });

  test('answers by its older name too', async () => {
    const answer = await new Promise<v1alpha.ServerReflectionResponse>((resolve) => {
      const stream = peer.client.stream(
        methodOf(v1alpha.ServerReflection.method.serverReflectionInfo),
        {},
        { received: resolve, ended: () => {} },
      );
      const messageRequest = { case: 'listServices', value: '' } as const;
      stream.send(create(v1alpha.ServerReflectionRequestSchema, { messageRequest }));
      stream.end();
    });
    expect(answer.messageResponse.case).toBe('listServicesResponse');
  });
});

test('a range in parts, put together, is the range', async () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  const { kv } = own.server;
  const put = { type: 'put', lease: 0n, prevKv: false, ignoreValue: false } as const;
  const value = bytes('x');
  for (let page = 0; page < 22; page++) {
    const success = Array.from({ length: 100 }, (_, i) => {
      return { ...put, key: bytes(`part/${10_000 + 100 * page + i}`), value, ignoreLease: false };
    });
    await kv.txn({ type: 'txn', compare: [], success, failure: [] });
  }
  const request = create(pb.RangeRequestSchema, { key: bytes('part/'), rangeEnd: bytes('part0') });
  const whole = await peer.client.unary(methodOf(pb.KV.method.range), request);
  const parts: pb.RangeResponse[] = [];
  await new Promise<void>((resolve, reject) => {
    const stream = peer.client.stream(
      methodOf(pb.KV.method.rangeStream),
      {},
      {
        received: ({ rangeResponse }: pb.RangeStreamResponse) => void parts.push(rangeResponse!),
        ended: ({ code, message }) => (code === 0 ? resolve() : reject(new Error(message))),
      },
    );
    stream.send(request);
    stream.end();
  });
  expect(parts.length).toBeGreaterThan(1);
  expect(parts.flatMap(({ kvs }) => kvs).length).toBe(2_200);
  expect(parts.at(-1)).toMatchObject({ count: whole.count, more: false });
  expect(parts[0]!.header!.revision).toBe(whole.header!.revision);
  const last = parts.flatMap(({ kvs }) => kvs).at(-1)!;
  expect(last).toEqual(whole.kvs.at(-1));
});

test('an address beyond this machine without TLS is refused by strict security', async () => {
  const settings = await readServerSettings([
    ...['--listen-client-urls', 'http://0.0.0.0:0', '--strict-security'],
  ]);
  await expect(openServer(settings)).rejects.toMatchObject({ code: 'insecure-listener' });
});
