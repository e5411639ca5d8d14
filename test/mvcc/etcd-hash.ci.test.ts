/** The hash over keys and revisions, compared with that of a real etcd which did the same. */
import { spawnSync } from 'node:child_process';
import { afterEach, expect, test } from 'vitest';
import type { KvCommand } from '../../src/mvcc/command.ts';
import type { TxnOperation } from '../../src/mvcc/request.ts';
import { EtcdProcess, hasEtcd } from '../etcd/etcd-process.ts';
import { ModelWorld } from './model-world.ts';

const etcds: EtcdProcess[] = [];
afterEach(async () => {
  for (const etcd of etcds.splice(0)) await etcd.stop();
});

/** Calls the JSON gateway. */
async function ask(etcd: EtcdProcess, path: string, body: object): Promise<void> {
  const url = `http://${etcd.endpoint}/v3/${path}`;
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
}

/** The gateway of this etcd has another hash; only its client asks for this one. */
function hashOf(etcd: EtcdProcess, revision: number): [hash: number, compactRevision: number] {
  const { stdout, stderr } = spawnSync(
    'etcdctl',
    [`--endpoints=${etcd.endpoint}`, 'endpoint', 'hashkv', `--rev=${revision}`, '-w', 'json'],
    { encoding: 'utf8', env: { ...process.env, ETCDCTL_API: '3' } },
  );
  if (stdout === '') throw new Error(stderr);
  const [{ HashKV }] = JSON.parse(stdout);
  return [HashKV.hash, HashKV.compact_revision ?? 0];
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function put(key: string, value: string, lease = 0n): TxnOperation {
  const plain = { prevKv: false, ignoreValue: false, ignoreLease: false };
  return { type: 'put', key: bytes(key), value: bytes(value), lease, ...plain };
}

function remove(key: string, rangeEnd = ''): TxnOperation {
  return { type: 'delete-range', key: bytes(key), rangeEnd: bytes(rangeEnd), prevKv: false };
}

function txn(...success: TxnOperation[]): KvCommand {
  return { type: 'txn', compare: [], success, failure: [] };
}

/** The same command for etcd's gateway. */
function forEtcd(command: KvCommand): [path: string, body: object] {
  const operation = (of: TxnOperation): object => {
    if (of.type === 'put') {
      const { key, value, lease } = of;
      return { request_put: { key: base64(key), value: base64(value), lease: `${lease}` } };
    }
    if (of.type !== 'delete-range') throw new Error('not used here');
    const { key, rangeEnd } = of;
    return { request_delete_range: { key: base64(key), range_end: base64(rangeEnd) } };
  };
  switch (command.type) {
    case 'txn':
      return ['kv/txn', { success: command.success.map(operation) }];
    case 'compact':
      return ['kv/compaction', { revision: command.revision, physical: true }];
    case 'lease-grant':
      return ['lease/grant', { ID: `${command.id}`, TTL: `${command.ttlSeconds}` }];
    case 'lease-revoke':
      return ['kv/lease/revoke', { ID: `${command.id}` }];
    default:
      throw new Error('not used here');
  }
}

test('is etcd’s own, before and after compactions', async (context) => {
  context.skip(!hasEtcd(), 'needs etcd-server and etcd-client');
  const etcd = await EtcdProcess.start();
  etcds.push(etcd);
  const { model } = new ModelWorld();
  const check = (revision: number): void => {
    const hashing = model.hashKv(revision);
    let ours = hashing.step(3);
    while (ours === undefined) ours = hashing.step(3);
    expect([revision, ours.hash, ours.compactRevision]).toEqual([
      revision,
      ...hashOf(etcd, revision),
    ]);
  };
  const run = async (...commands: KvCommand[]): Promise<void> => {
    for (const command of commands) {
      model.apply(command);
      await ask(etcd, ...forEtcd(command));
    }
  };
  check(0);
  await run(
    { type: 'lease-grant', id: 7n, ttlSeconds: 1000 },
    txn(put('a', '1'), put('b', ''), put('c', '3', 7n)),
    txn(put('a', '2')),
    txn(remove('b'), put('d', '4')),
    txn(put('c', '5')),
    txn(put('e', 'x'.repeat(300), 7n), put('f', '6', 7n)),
    { type: 'lease-revoke', id: 7n },
    txn(put('a', '7')),
  );
  for (let revision = 2; revision <= model.revision; revision++) check(revision);
  await run({ type: 'compact', revision: 4 });
  for (let revision = 5; revision <= model.revision; revision++) check(revision);
  while (model.compactionStep(2));
  for (let revision = 5; revision <= model.revision; revision++) check(revision);
  await run(txn(put('b', '8')), txn(remove('a', 'c')), txn(put('g', '9')));
  await run({ type: 'compact', revision: model.revision - 1 });
  check(0);
  while (model.compactionStep(2));
  check(0);
});
