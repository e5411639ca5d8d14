/** The stock `serf` command, each of its subcommands, against the RPC port of our agent. */
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createGossipKey, type Gossip, openGossip } from '../../src/gossip.ts';
import { silentLogger } from '../../src/ports/logger.ts';
import { until } from '../processes/waiting.ts';
import { listedMembers, runSerf, serfMissing } from './serf-process.ts';

const key = createGossipKey();
let first: Gossip;
let second: Gossip;
let rpc = '';

const open = (name: string, join: string[]): Promise<Gossip> =>
  openGossip({
    name,
    bind: '127.0.0.1:0',
    rpc: '127.0.0.1:0',
    rpcAuthKey: 'secret',
    key,
    tags: { role: name === 'a' ? 'web' : 'db' },
    join,
    logger: silentLogger,
  });

beforeAll(async () => {
  first = await open('a', []);
  second = await open('b', [`127.0.0.1:${first.address.port}`]);
  rpc = `127.0.0.1:${first.rpcAddress!.port}`;
  process.env.SERF_RPC_AUTH = 'secret';
});
afterAll(async () => {
  delete process.env.SERF_RPC_AUTH;
  await Promise.all([first.close(), second.close()]);
});
beforeEach((context) => {
  context.skip(serfMissing() !== '', serfMissing());
});

test('members, filtered and detailed', async () => {
  const members = await listedMembers(rpc);
  expect([...members.keys()].sort()).toEqual(['a', 'b']);
  expect(members.get('b')).toMatchObject({ status: 'alive', tags: { role: 'db' } });
  const { output } = await runSerf(rpc, 'members', '-tag=role=w.b', '-status=alive', '-detailed');
  expect(output).toMatch(/^a .*alive/);
  expect(output).not.toMatch(/^b/m);
});

test('wrong keys are refused', async () => {
  const { output, code } = await runSerf(rpc, 'members', '-rpc-auth=guess');
  expect(code).not.toBe(0);
  expect(output).toContain('Invalid authentication token');
});

test('event', async () => {
  const events = second.events({ name: 'deploy' });
  expect((await runSerf(rpc, 'event', 'deploy', 'v1')).code).toBe(0);
  const { value } = await events.next();
  expect(new TextDecoder().decode(value?.payload)).toBe('v1');
});

test('query', async () => {
  const stop = second.answer('load', () => '0.5');
  const { output, code } = await runSerf(rpc, 'query', '-timeout=1s', 'load');
  stop();
  expect(code).toBe(0);
  expect(output).toContain("Ack from 'a'");
  expect(output).toContain("Ack from 'b'");
  expect(output).toContain("Response from 'b': 0.5");
  const filtered = await runSerf(rpc, 'query', '-timeout=1s', '-node=b', 'load');
  expect(filtered.output).not.toContain("Ack from 'a'");
});

test('keys', async () => {
  const next = createGossipKey();
  expect((await runSerf(rpc, 'keys', `-install=${next}`)).code).toBe(0);
  const { output } = await runSerf(rpc, 'keys', '-list');
  expect(output.split('\n').find((line) => line.startsWith(next))).toMatch(/\[2\/2\]$/);
  expect((await runSerf(rpc, 'keys', `-use=${next}`)).code).toBe(0);
  expect((await runSerf(rpc, 'keys', `-remove=${next}`)).code).not.toBe(0);
  expect((await runSerf(rpc, 'keys', `-remove=${key}`)).code).toBe(0);
});

test('info, reachability, rtt, tags', async () => {
  const info = await runSerf(rpc, 'info');
  expect(info.output).toMatch(/name = a/);
  expect(info.output).toMatch(/members = 2/);
  const reach = await runSerf(rpc, 'reachability');
  expect(reach.output).toContain('Successfully contacted all live nodes');
  await until('coordinates', () => first.roundTripMs('b') !== undefined);
  const rtt = await runSerf(rpc, 'rtt', 'b');
  expect(rtt.output).toMatch(/Estimated b <-> a rtt: [\d.]+ ms/);
  expect((await runSerf(rpc, 'tags', '-set=zone=z', '-delete=role')).code).toBe(0);
  await until('the tags at b', () => second.members.get('a')?.tags.get('zone') === 'z');
  expect(second.members.get('a')?.tags.has('role')).toBe(false);
});

test('monitor', async () => {
  const child = spawn('serf', ['monitor', `-rpc-addr=${rpc}`, '-log-level=debug']);
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes.toString();
  });
  try {
    await until('the log', () => output.includes('[INFO]'));
    first.event('noticed', 'x');
    await until('the event', () => output.includes('noticed'));
  } finally {
    child.kill('SIGKILL');
  }
});

test('join, force-leave and leave', async () => {
  const third = await open('c', []);
  // The key was rotated above: this one is of another cluster, and cannot be joined.
  const refused = await runSerf(rpc, 'join', `127.0.0.1:${third.address.port}`);
  expect(refused.code).not.toBe(0);
  await third.close();
  const fourth = await openGossip({ name: 'd', bind: '127.0.0.1:0', logger: silentLogger });
  const plain = await openGossip({
    name: 'e',
    bind: '127.0.0.1:0',
    rpc: '127.0.0.1:0',
    preset: 'local',
    logger: silentLogger,
  });
  const plainRpc = `127.0.0.1:${plain.rpcAddress!.port}`;
  const fine = await runSerf(plainRpc, 'join', `127.0.0.1:${fourth.address.port}`);
  expect(fine.output).toContain('Successfully joined cluster by contacting 1 nodes');
  await fourth.close();
  await until('d to fail', () => plain.members.get('d')?.status === 'failed');
  expect((await runSerf(plainRpc, 'force-leave', 'd')).code).toBe(0);
  expect(plain.members.get('d')?.status).toBe('left');
  expect((await runSerf(plainRpc, 'force-leave', '-prune', 'd')).code).toBe(0);
  await until('d to be forgotten', () => plain.members.get('d') === undefined);
  const left = await runSerf(plainRpc, 'leave');
  expect(left.output).toContain('Graceful leave complete');
  expect(await plain.closed).toEqual({ reason: 'left' });
});
