/** A snapshot of ours is a true etcd database: stock etcdctl takes it, and a stock etcd starts from it. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryDirectory } from '../../src/platform/temporary-directory.ts';
import { until } from '../processes/waiting.ts';
import { del, type KvCluster, kvCluster, put, range, txn } from './kv-cluster.ts';

const run = promisify(execFile);
const environment = { ...process.env, ETCDCTL_API: '3' };
let cluster: KvCluster;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

beforeAll(async () => {
  cluster = await kvCluster(1);
  directory = await temporaryDirectory();
});

afterAll(async () => {
  await cluster?.close();
  await directory?.remove();
});

async function etcdctl(...args: string[]): Promise<string> {
  return (await run('etcdctl', args, { env: environment })).stdout.trim();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function save(file: string): Promise<void> {
  const { sizeBytes, chunks } = await cluster.leader().snapshot();
  const handle = await open(file, 'w');
  let written = 0;
  for await (const chunk of chunks) {
    await handle.write(chunk);
    written += chunk.length;
  }
  await handle.close();
  expect(written).toBe(sizeBytes);
}

it('moves keys, revisions and leases into an etcd cluster', async () => {
  const kv = cluster.leader();
  const { id } = await kv.leaseGrant({ id: 0x1234n, ttlSeconds: 3600 });
  await kv.put(put('leased', 'x', { lease: id }));
  for (let batch = 0; batch < 30; batch++) {
    const puts = Array.from({ length: 100 }, (_, i) =>
      put(`key/${batch}/${i}`, `${i} `.repeat(40)),
    );
    await kv.txn(txn([], puts));
  }
  await kv.put(put('history', 'first'));
  const { revision: second } = await kv.put(put('history', 'second'));
  await kv.put(put('large', 'l'.repeat(100_000)));
  await kv.put(put('gone', 'soon'));
  await kv.deleteRange(del('gone'));
  await kv.compact({ type: 'compact', revision: second - 1, physical: true });
  await kv.put(put('__proto__', '\u0000'));
  const { revision } = kv.header();
  const file = join(directory.path, 'snapshot.db');
  await save(file);

  const status = JSON.parse(await etcdctl('snapshot', 'status', file, '-w', 'json')) as {
    revision: number;
    totalKey: number;
  };
  expect(status.revision).toBe(revision);

  const [client, peer] = [await freePort(), await freePort()];
  const urls = { client: `http://127.0.0.1:${client}`, peer: `http://127.0.0.1:${peer}` };
  const dataDir = join(directory.path, 'etcd');
  await etcdctl(
    'snapshot',
    'restore',
    file,
    '--name',
    'e',
    '--data-dir',
    dataDir,
    '--initial-cluster',
    `e=${urls.peer}`,
    '--initial-advertise-peer-urls',
    urls.peer,
  );
  const etcd = spawn(
    'etcd',
    [
      '--name',
      'e',
      '--data-dir',
      dataDir,
      '--listen-client-urls',
      urls.client,
      '--advertise-client-urls',
      urls.client,
      '--listen-peer-urls',
      urls.peer,
      '--initial-advertise-peer-urls',
      urls.peer,
      '--initial-cluster',
      `e=${urls.peer}`,
    ],
    { stdio: 'ignore' },
  );
  try {
    const ask = (...args: string[]): Promise<string> =>
      etcdctl('--endpoints', urls.client, ...args);
    await until('it to serve', () =>
      ask('endpoint', 'health').then(
        () => true,
        () => false,
      ),
    );
    expect(await ask('get', 'key/', '--prefix', '--limit', '1', '-w', 'fields')).toContain(
      '"Count" : 3000',
    );
    expect(await ask('get', 'history', '--rev', String(second - 1), '--print-value-only')).toBe(
      'first',
    );
    expect(await ask('get', 'history', '--print-value-only')).toBe('second');
    expect((await ask('get', 'large', '--print-value-only')).length).toBe(100_000);
    expect(await ask('get', 'gone')).toBe('');
    expect(await ask('lease', 'timetolive', '1234', '--keys')).toContain('attached keys([leased])');
    const theirs = JSON.parse(await ask('get', 'leased', '-w', 'json')) as {
      kvs: { mod_revision: number; create_revision: number; lease: number }[];
      header: { revision: number };
    };
    const [ours] = (await kv.range(range('leased'))).kvs;
    expect(theirs.header.revision).toBe(revision);
    expect(theirs.kvs[0]).toMatchObject({ mod_revision: ours!.modRevision, lease: 0x1234 });
    const hash = JSON.parse(await ask('endpoint', 'hashkv', '-w', 'json')) as {
      HashKV: { hash: number; compact_revision: number };
    }[];
    const own = await kv.hashKv(0);
    expect(hash[0]?.HashKV).toMatchObject({
      hash: own.hash,
      compact_revision: own.compactRevision,
    });
    await ask('put', 'after', 'restore');
  } finally {
    etcd.kill('SIGKILL');
    await once(etcd, 'exit');
  }
});
