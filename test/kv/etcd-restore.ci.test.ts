/** What an etcd holds comes to Quorate: saved with stock etcdctl, restored, served by new members. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Logger,
  openServer,
  readServerSettings,
  readSnapshotStatus,
  restoreSnapshot,
  type Server,
} from '../../src/server.ts';
import { EtcdProcess } from '../etcd/etcd-process.ts';
import { Etcdctl } from '../etcd/etcdctl.ts';
import { freePorts, until } from '../processes/waiting.ts';

const quiet: Logger = {
  info: () => {},
  warn: () => {},
  error: () => {},
  debug: () => {},
  child: () => quiet,
};
const directory = mkdtempSync(join(tmpdir(), 'quorate-restore-'));
const file = join(directory, 'snapshot.db');
/** What etcd answers to a question, to be compared. */
const questions = [
  ['get', '', '--prefix', '-w', 'json'],
  ['get', 'history', '-w', 'json'],
  ['get', 'gone', '-w', 'json'],
  ['get', 'again', '-w', 'json'],
  ['get', 'leased', '-w', 'json'],
  ['get', 'key/', '--prefix', '--limit=1', '-w', 'json'],
  ['role', 'get', 'reader'],
  ['user', 'get', 'ann'],
] as const;
let revisions: number[] = [];
const told = new Map<string, unknown>();
let compacted = 0;
let hash: unknown;

beforeAll(async () => {
  const etcd = await EtcdProcess.start();
  try {
    const ctl = new Etcdctl([etcd.endpoint]);
    const lines = Array.from({ length: 100 }, (_, i) => `put key/${i} ${'v'.repeat(i)}`);
    for (let round = 0; round < 3; round++) {
      await ctl.try(['txn'], `\n${lines.join('\n')}\n\n\n`);
    }
    await ctl.run('put', 'history', 'first');
    await ctl.run('put', 'gone', 'x');
    await ctl.run('put', 'again', '1');
    await ctl.run('del', 'again');
    await ctl.run('put', 'early', 'x');
    await ctl.run('del', 'early');
    await ctl.run('put', 'history', 'second');
    compacted = revisionIn(await ctl.run('get', 'history', '-w', 'json'));
    await ctl.run('compact', String(compacted), '--physical');
    await ctl.run('put', 'again', '2');
    await ctl.run('del', 'gone');
    await ctl.run('put', 'history', 'third');
    await ctl.run('put', `long/${'k'.repeat(5_000)}`, 'l'.repeat(100_000));
    const grant = await ctl.run('lease', 'grant', '7200', '-w', 'json');
    expect(grant).toContain('7200');
    const id = /"(?:ID|id)":(\d+)/.exec(grant)![1]!;
    leaseId = BigInt(id).toString(16);
    await ctl.run('put', 'leased', 'a', `--lease=${leaseId}`);
    await ctl.run('put', 'was-leased', 'a', `--lease=${leaseId}`);
    await ctl.run('put', 'was-leased', 'b');
    await ctl.run('role', 'add', 'reader');
    await ctl.run('role', 'grant-permission', 'reader', 'read', 'key/', 'key0');
    await ctl.run('user', 'add', 'ann:secret');
    await ctl.run('user', 'grant-role', 'ann', 'reader');
    const latest = revisionIn(await ctl.run('get', 'history', '-w', 'json'));
    revisions = [compacted, compacted + 1, compacted + 2, compacted + 3, latest];
    for (const question of questions) told.set(question.join(' '), await answer(ctl, question));
    for (const revision of revisions) {
      const at = ['get', '', '--prefix', `--rev=${revision}`, '-w', 'json'];
      told.set(at.join(' '), await answer(ctl, at));
    }
    hash = hashIn(await ctl.run('endpoint', 'hashkv', '-w', 'json'));
    await ctl.run('snapshot', 'save', file);
  } finally {
    await etcd.stop();
  }
});

let leaseId = '';

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Without the header, but for the revision: that tells which member of which cluster answers. */
async function answer(ctl: Etcdctl, question: readonly string[]): Promise<unknown> {
  const text = await ctl.run(...question);
  if (!question.includes('json')) {
    return text.replace(/"(ClusterID|MemberID|RaftTerm)" : \d+\n/g, '');
  }
  const { header, ...rest } = JSON.parse(text) as { header: { revision: number } };
  return { ...rest, revision: header.revision };
}

function revisionIn(text: string): number {
  return (JSON.parse(text) as { header: { revision: number } }).header.revision;
}

function hashIn(text: string): unknown {
  const [{ HashKV }] = JSON.parse(text) as [{ HashKV: { hash: number; compact_revision: number } }];
  return { hash: HashKV.hash, compacted: HashKV.compact_revision };
}

async function flagsFor(names: readonly string[], token: string): Promise<string[][]> {
  const ports = await freePorts(2 * names.length);
  const peer = (i: number): string => `http://127.0.0.1:${ports[2 * i + 1]}`;
  const cluster = names.map((name, i) => `${name}=${peer(i)}`).join();
  return names.map((name, i) => {
    const client = `http://127.0.0.1:${ports[2 * i]}`;
    return [
      ...['--name', name, '--data-dir', join(directory, `${token}-${name}`)],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer(i), '--initial-advertise-peer-urls', peer(i)],
      ...['--initial-cluster', cluster, '--initial-cluster-token', token],
    ];
  });
}

async function serve(flags: readonly string[]): Promise<Server> {
  return openServer(await readServerSettings(flags), { logger: quiet });
}

/** A server for as long as `use` lasts, whatever comes of it. */
async function withServer(
  flags: readonly string[],
  use: (ctl: Etcdctl) => Promise<void>,
): Promise<void> {
  const server = await serve(flags);
  try {
    await use(new Etcdctl([new URL(server.clientUrls[0]!).host], ['--command-timeout=30s']));
  } finally {
    await server.close();
  }
}

async function compare(ctl: Etcdctl): Promise<void> {
  for (const [question, expected] of told) {
    expect([question, await answer(ctl, asArguments(question))]).toEqual([question, expected]);
  }
  expect(hashIn(await ctl.run('endpoint', 'hashkv', '-w', 'json'))).toEqual(hash);
  const early = ['get', 'history', `--rev=${compacted - 1}`];
  expect(await ctl.fail(...early)).toContain('required revision has been compacted');
  const lease = await ctl.run('lease', 'timetolive', leaseId, '--keys');
  expect(lease).toContain('granted with TTL(7200s)');
  expect(lease).toContain('attached keys([leased])');
}

function asArguments(question: string): string[] {
  return question.split(' ');
}

describe('an etcd snapshot', () => {
  it('is told of as etcdctl does', async () => {
    const theirs = JSON.parse(await new Etcdctl([]).run('snapshot', 'status', file, '-w', 'json'));
    const { hash, revision, totalKeys, totalSizeBytes } = readSnapshotStatus(file);
    expect({ hash: Number.parseInt(hash, 16), revision, totalKey: totalKeys }).toEqual({
      hash: theirs.hash,
      revision: theirs.revision,
      totalKey: theirs.totalKey,
    });
    expect(totalSizeBytes).toBe(statSync(file).size - 32);
  });

  it('becomes a member that serves all of it', async () => {
    const [flags] = await flagsFor(['a'], 'one');
    const settings = await readServerSettings(flags!);
    const report = await restoreSnapshot(file, settings);
    expect(report).toMatchObject({ leases: 1, users: 1, authEnabled: false });
    expect(statSync(settings.dataDir).mode & 0o777).toBe(0o700);
    await expect(restoreSnapshot(file, settings)).rejects.toMatchObject({ code: 'file-exists' });
    for (let start = 0; start < 2; start++) await withServer(flags!, compare);
    await withServer(flags!, async (ctl) => {
      await ctl.run('put', 'history', 'fourth');
      expect(await ctl.run('get', 'history', '-w', 'fields')).toContain('"Version" : 4');
      await ctl.run('lease', 'revoke', leaseId);
      expect(await ctl.run('get', 'leased')).toBe('');
    });
  });

  it('becomes a cluster, whose later members are sent it', async () => {
    const all = await flagsFor(['a', 'b', 'c'], 'three');
    for (const flags of all) await restoreSnapshot(file, await readServerSettings(flags));
    const servers: Server[] = [];
    try {
      const begun = all.map(async (flags) => void servers.push(await serve(flags)));
      for (const { status, ...rest } of await Promise.allSettled(begun)) {
        expect({ status, ...rest }).toMatchObject({ status: 'fulfilled' });
      }
      servers.sort((a, b) => (a.member.id < b.member.id ? -1 : 1));
      for (const { clientUrls } of servers)
        await compare(new Etcdctl([new URL(clientUrls[0]!).host]));
      const ctl = new Etcdctl([new URL(servers[0]!.clientUrls[0]!).host]);
      const [ports] = [await freePorts(2)];
      const peer = `http://127.0.0.1:${ports[1]}`;
      // Before they have been together for five seconds, members take nobody in.
      const add = ['member', 'add', 'd', `--peer-urls=${peer}`];
      await until('a fourth one to be let in', async () => (await ctl.try(add)).code === 0);
      const client = `http://127.0.0.1:${ports[0]}`;
      const joiner = await serve([
        ...['--name', 'd', '--data-dir', join(directory, 'three-d')],
        ...['--listen-client-urls', client, '--advertise-client-urls', client],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
        ...['--initial-cluster', `${all[0]![all[0]!.indexOf('--initial-cluster') + 1]},d=${peer}`],
        ...['--initial-cluster-state', 'existing'],
      ]);
      servers.push(joiner);
      await compare(new Etcdctl([new URL(joiner.clientUrls[0]!).host]));
    } finally {
      await Promise.all(servers.map((server) => server.close()));
    }
  });

  it('is restored with a higher revision for clients that have seen one', async () => {
    const [flags] = await flagsFor(['a'], 'bumped');
    const settings = await readServerSettings(flags!);
    const { revision } = await restoreSnapshot(file, settings, {
      bumpRevision: 1_000,
      markCompacted: true,
    });
    expect(revision).toBe(revisions.at(-1)! + 1_000);
    await withServer(flags!, async (ctl) => {
      expect(await ctl.run('get', 'history', '--print-value-only')).toBe('third\n');
      expect(await ctl.fail('get', 'history', `--rev=${revision - 1}`)).toContain('compacted');
      await ctl.run('put', 'history', 'fourth');
      expect(revisionIn(await ctl.run('get', 'history', '-w', 'json'))).toBe(revision + 1);
    });
  });

  it('is refused when it is damaged, and nothing is left behind', async () => {
    const whole = readFileSync(file);
    const [flags] = await flagsFor(['a'], 'damaged');
    const settings = await readServerSettings(flags!);
    const bad = join(directory, 'bad.db');
    const changed = Buffer.from(whole);
    changed[whole.length >> 1]! ^= 1;
    for (const bytes of [changed, whole.subarray(0, whole.length - 4096), whole.subarray(0, 100)]) {
      writeFileSync(bad, bytes);
      await expect(restoreSnapshot(bad, settings)).rejects.toMatchObject({
        code: 'snapshot-damaged',
      });
    }
    writeFileSync(bad, whole.subarray(0, whole.length - 32));
    await expect(restoreSnapshot(bad, settings)).rejects.toMatchObject({
      code: 'snapshot-damaged',
    });
    expect(() => statSync(settings.dataDir)).toThrow('ENOENT');
    await restoreSnapshot(bad, settings, { skipHashCheck: true });
  });

  it('keeps its users and their passwords', async () => {
    const guarded = join(directory, 'guarded.db');
    const etcd = await EtcdProcess.start();
    try {
      const ctl = new Etcdctl([etcd.endpoint]);
      await ctl.run('user', 'add', 'root:secret');
      await ctl.run('user', 'grant-role', 'root', 'root');
      await ctl.run('user', 'add', 'ann:hers');
      await ctl.run('auth', 'enable');
      await ctl.with('--user=root:secret').run('snapshot', 'save', guarded);
    } finally {
      await etcd.stop();
    }
    const [flags] = await flagsFor(['a'], 'guarded');
    const settings = await readServerSettings(flags!);
    expect(await restoreSnapshot(guarded, settings)).toMatchObject({ users: 2, authEnabled: true });
    await withServer(flags!, async (ctl) => {
      const root = ctl.with('--user=root:secret');
      await root.run('put', 'x', 'y');
      expect(await ctl.with('--user=ann:hers').fail('get', 'x')).toContain('permission denied');
      for (const wrong of ['root:hers', 'ann:secret', 'nobody:hers']) {
        const refused = await ctl.with(`--user=${wrong}`).fail('get', 'x');
        expect(refused).toContain('authentication failed, invalid user ID or password');
      }
      await root.try(['user', 'passwd', 'root', '--interactive=false'], 'another\n');
      expect(await root.fail('get', 'x')).toContain('authentication failed');
      expect(await ctl.with('--user=root:another').run('get', 'x')).toBe('x\ny\n');
    });
  });

  it('is restored with access control off where that is asked for', async () => {
    const guarded = join(directory, 'guarded.db');
    const [flags] = await flagsFor(['a'], 'unguarded');
    const settings = await readServerSettings(flags!);
    const report = await restoreSnapshot(guarded, settings, { withoutAuth: true });
    expect(report).toMatchObject({ users: 2, authEnabled: false });
    await withServer(flags!, async (ctl) => {
      await ctl.try(['user', 'passwd', 'root', '--interactive=false'], 'another\n');
      await ctl.run('auth', 'enable');
      expect(await ctl.fail('get', 'x')).toContain('user name is empty');
      await ctl.with('--user=root:another').run('put', 'x', 'y');
    });
  });
});
