/** The JSON gateway, the pages, and the rules against foreign pages. */
import http from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../processes/waiting.ts';
import { type FrontServer, startFront } from './front-server.ts';

let server: FrontServer;
beforeAll(async () => {
  server = await startFront({ origins: ['http://known.example'], hostNames: ['etcd.example'] });
});
afterAll(() => server.close());
beforeEach(() => {
  server.kv.health_ = 'healthy';
});

const base64 = (text: string): string => Buffer.from(text).toString('base64');

async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  const answer = await fetch(server.url + path, {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const found = (await answer.json()) as Record<string, Record<string, unknown>>;
  return { status: answer.status, body: found, headers: answer.headers };
}

describe('the JSON gateway', () => {
  test("etcd's names, 64-bit numbers as strings, bytes as base64, zero values left out", async () => {
    const put = await post('/v3/kv/put', { key: base64('a'), value: base64('1'), lease: 7 });
    expect(put).toMatchObject({ status: 200 });
    const revision = put.body.header!.revision;
    expect(put.body).toEqual({
      header: { cluster_id: '11', member_id: '9223372036854775813', revision, raft_term: '3' },
    });
    const { body } = await post('/v3/kv/range', { key: base64('a') });
    expect(body).toEqual({
      header: put.body.header,
      kvs: [
        {
          key: base64('a'),
          value: base64('1'),
          create_revision: revision,
          mod_revision: revision,
          version: '1',
          lease: '7',
        },
      ],
      count: '1',
    });
  });

  test('camelCase, unknown fields, numbers beyond 2^53, other prefixes, an empty body', async () => {
    const range = { key: base64('a'), rangeEnd: '', sortOrder: 'ASCEND', nonsense: [{}] };
    expect((await post('/v3/kv/range', range)).status).toBe(200);
    const big = `{"key":"${base64('big')}","lease":9007199254740993}`;
    expect((await post('/v3/kv/put', big)).status).toBe(200);
    expect(server.kv.stored.get('big')?.lease).toBe(9007199254740993n);
    expect((await post('/v3beta/kv/range', { key: base64('a') })).status).toBe(200);
    const { body } = await post('/v3/lease/leases', '');
    expect(body.leases).toEqual([{ ID: '9007199254740993' }, { ID: '-1' }]);
  });

  test('refusals have a status, a code and the text', async () => {
    expect(await post('/v3/kv/range', {})).toMatchObject({
      status: 400,
      body: { code: 3, message: 'etcdserver: key is not provided' },
    });
    expect(await post('/v3/kv/range', { key: 'YQ==', revision: '99' })).toMatchObject({
      status: 400,
      body: { code: 11, message: 'etcdserver: mvcc: required revision is a future revision' },
    });
    expect(await post('/v3/kv/range', { key: 'YQ==' }, { authorization: 'bad' })).toMatchObject({
      status: 401,
      body: { code: 16, message: 'etcdserver: invalid auth token' },
    });
  });

  test.each(['{', '[]', '{"key":5}', '{"key":"a$"}', '{"limit":"x"}', `${'['.repeat(100_000)}`])(
    'a body that is no such message: %.20s',
    async (body) => {
      expect(await post('/v3/kv/range', body)).toMatchObject({ status: 400, body: { code: 3 } });
    },
  );

  test('a body that is too large, another method, another path', async () => {
    const large = `{"value":"${'A'.repeat(5_000_000)}"}`;
    expect(await post('/v3/kv/put', large)).toMatchObject({ status: 429, body: { code: 8 } });
    expect((await fetch(`${server.url}/v3/kv/range`)).status).toBe(405);
    const unknown = await post('/v3/kv/nothing', '{}');
    expect(unknown).toMatchObject({ status: 404, body: { code: 5, message: 'Not Found' } });
    expect((await fetch(`${server.url}/__proto__`)).status).toBe(404);
  });

  test('a stream is lines of results, and ends when the client goes', async () => {
    const controller = new AbortController();
    const answer = await fetch(`${server.url}/v3/watch`, {
      method: 'POST',
      body: JSON.stringify({ create_request: { key: base64('w') } }),
      signal: controller.signal,
    });
    const reader = answer.body!.getReader();
    const line = async () => JSON.parse(Buffer.from((await reader.read()).value!).toString());
    expect(await line()).toMatchObject({ result: { created: true } });
    await post('/v3/kv/put', { key: base64('w'), value: base64('x') });
    const { result } = await line();
    expect(result.events).toMatchObject([{ kv: { key: base64('w'), value: base64('x') } }]);
    controller.abort();
    await until('the watch to end', () => server.kv.sinks.size === 0);
  });

  test('a snapshot comes in parts that say how much is left', async () => {
    const answer = await fetch(`${server.url}/v3/maintenance/snapshot`, { method: 'POST' });
    const lines = (await answer.text()).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).result)).toMatchObject([
      { blob: 'AQI=', remaining_bytes: '1' },
      { blob: 'Aw==' },
    ]);
  });
});

describe('pages', () => {
  const get = async (path: string) => {
    const answer = await fetch(server.url + path);
    return { status: answer.status, text: await answer.text() };
  };

  test('/health', async () => {
    expect(await get('/health')).toEqual({ status: 200, text: '{"health":"true","reason":""}' });
    server.kv.health_ = 'no-space';
    expect(await get('/health')).toEqual({
      status: 503,
      text: '{"health":"false","reason":"ALARM NOSPACE"}',
    });
  });

  test('/livez and /readyz, verbose and with exclusions', async () => {
    expect(await get('/livez')).toEqual({ status: 200, text: 'ok\n' });
    expect(await get('/readyz')).toEqual({ status: 200, text: 'ok\n' });
    expect((await get('/readyz?verbose')).text).toContain('[+]linearizable_read ok\n');
    server.kv.health_ = 'no-leader';
    const failed = await get('/readyz');
    expect(failed.status).toBe(503);
    expect(failed.text).toContain('[-]linearizable_read failed: no-leader');
    const exclusions = '?exclude=linearizable_read&exclude=serializable_read';
    expect((await get(`/readyz${exclusions}`)).status).toBe(200);
    expect((await get('/readyz/data_corruption')).status).toBe(200);
    expect((await get('/readyz/nothing')).status).toBe(404);
  });

  test('/version and /metrics', async () => {
    expect(JSON.parse((await get('/version')).text)).toEqual({
      etcdserver: expect.stringMatching(/^3\.6\.\d+$/),
      etcdcluster: '3.6.0',
    });
    const { text } = await get('/metrics');
    expect(text).toMatch(/^etcd_server_has_leader 1$/m);
    expect(text).toMatch(/^etcd_debugging_mvcc_current_revision \d+$/m);
    expect((await fetch(`${server.url}/metrics`, { method: 'POST' })).status).toBe(405);
    server.front.metrics.ended({ path: '/a.B/C', type: 'unary', code: 5, tookMs: 3 });
    const counted = (await get('/metrics')).text;
    const labels = 'grpc_method="C",grpc_service="a.B",grpc_type="unary"';
    expect(counted).toContain(`{grpc_code="NotFound",${labels}} 1`);
    expect(counted).toContain(`grpc_server_handling_seconds_bucket{${labels},le="0.002"} 0`);
    expect(counted).toContain(`grpc_server_handling_seconds_bucket{${labels},le="0.005"} 1`);
  });
});

describe('against pages in a browser (reliability.md, security 11)', () => {
  const ask = (headers: Record<string, string>, path = '/version'): Promise<number> =>
    new Promise((resolve, reject) => {
      const { port } = server;
      const options = { host: '127.0.0.1', port, path, headers, agent: false };
      const request = http.get(options, (answer) => {
        answer.resume();
        resolve(answer.statusCode!);
      });
      request.once('error', reject);
    });

  test.each([
    ['localhost:2379', 200],
    ['127.0.0.1', 200],
    ['[::1]:2379', 200],
    ['10.1.2.3:2379', 200],
    ['etcd.example:2379', 200],
    ['evil.example', 403],
    ['localhost.evil.example:2379', 403],
  ])('host "%s": %d', async (host, status) => {
    expect(await ask({ host })).toBe(status);
  });

  test.each([
    [{ origin: 'http://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: 'http://localhost:1' }, 403],
    [{ origin: 'http://known.example' }, 200],
    [{ origin: 'http://localhost:2379' }, 200],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-origin' }, 200],
  ])('%j: %d', async (headers, status) => {
    expect(await ask({ host: 'localhost:2379', ...(headers as Record<string, string>) })).toBe(
      status,
    );
  });

  test('no answer allows other origins, and none sets a cookie', async () => {
    const { headers } = await fetch(`${server.url}/version`);
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('set-cookie')).toBeNull();
    const known = await post('/v3/kv/range', { key: 'YQ==' }, { origin: 'http://known.example' });
    expect(known.headers.get('access-control-allow-origin')).toBe('http://known.example');
  });
});
