/** Processes that are no members: what they may ask, and that it takes effect once. */
import { afterEach, expect, test } from 'vitest';
import { connect } from '../../src/client.ts';
import { type TestCluster, type TestClusterOptions, testCluster } from '../../src/index.ts';
import { silentLogger } from '../../src/ports/logger.ts';
import { counters } from '../machine/named-counters.ts';
import { Journal } from '../member/journal.ts';
import { freePorts, patienceMs, until } from '../processes/waiting.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function cluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const opened = await testCluster(options);
  ends.push(() => opened.close());
  return opened;
}

function endpointsOf({ members }: TestCluster): string[] {
  return members.map(({ address }) => `${address.host}:${address.port}`);
}

function clientOf(endpoints: readonly string[], secret?: string) {
  const more = secret === undefined ? {} : { secret };
  const logger = silentLogger;
  const client = connect({ endpoints, machines: { counters }, logger, ...more });
  ends.push(() => client.close());
  return client;
}

test('commands and queries of a typed machine, through any member', async () => {
  const opened = await cluster();
  await opened.group('counters', counters);
  for (const endpoint of endpointsOf(opened)) {
    const client = clientOf([endpoint]);
    const before = await client.counters.queries.get('a');
    expect(await client.counters.commands.inc('a')).toBe(before + 1);
    expect(await client.counters.queries.get('a')).toBe(before + 1);
    await expect(client.counters.commands.refuse()).rejects.toMatchObject({ code: 'my-code' });
  }
  const [client] = [clientOf(endpointsOf(opened))];
  const all = await Promise.all(
    Array.from({ length: 500 }, () => client.counters.commands.inc('b')),
  );
  expect(new Set(all).size).toBe(500);
  expect(await client.counters.queries.get('b', { consistency: 'local' })).toBeLessThanOrEqual(500);
  expect(await client.counters.queries.get('b')).toBe(500);
});

test('bytes: proposals, a session of the caller, the leader', async () => {
  const opened = await cluster();
  const groups = await opened.group('journal', () => new Journal());
  for (const group of groups) group.onLeaderCall((payload) => payload.map((byte) => byte + 1));
  const group = clientOf(endpointsOf(opened)).group('journal');
  const command = new TextEncoder().encode('one');
  const session = { client: 'me', sequence: 1 };
  const first = await group.propose(command, { session });
  expect(await group.propose(command, { session })).toEqual(first);
  await groups[0]!.readIndex();
  expect(groups[0]!.machine.lines).toEqual(['one']);
  expect(await group.callLeader(Uint8Array.of(1, 2))).toEqual(Uint8Array.of(2, 3));
  await expect(group.query(command)).rejects.toMatchObject({ code: 'unknown-command' });
});

test('a leader that ends in the middle of 200 commands: each takes effect once', async () => {
  const opened = await cluster();
  const groups = await opened.group('counters', counters);
  const client = clientOf(endpointsOf(opened));
  await client.counters.commands.inc('warm');
  let answered = 0;
  const incs = Array.from({ length: 200 }, async (_, at) => {
    await until('its time', () => answered * 2 + 20 > at);
    const value = await client.counters.commands.inc('a', { timeoutMs: patienceMs });
    answered++;
    return value;
  });
  await until('half of them', () => answered >= 60);
  // An election may be under way just now, on a machine that is busy.
  const leaderAt = () => groups.findIndex(({ leadership }) => leadership.isLeader);
  await until('a leader', () => leaderAt() >= 0);
  const leader = leaderAt();
  const closing = opened.members[leader]!.close();
  const values = await Promise.all(incs);
  await closing;
  expect(values.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, at) => at + 1));
  expect(await client.counters.queries.get('a')).toBe(200);
});

test('who does not know the secret is refused by name', async () => {
  const opened = await cluster({ members: 1, options: { secret: 'right', logger: silentLogger } });
  await opened.group('counters', counters);
  const endpoints = endpointsOf(opened);
  expect(await clientOf(endpoints, 'right').counters.commands.inc('a')).toBe(1);
  for (const secret of ['wrong', undefined]) {
    const refused = clientOf(endpoints, secret).counters.commands.inc('a');
    await expect(refused).rejects.toMatchObject({ code: 'wrong-secret', maybeApplied: false });
  }
});

test('deadlines, signals and close end what waits', async () => {
  // Where nobody listens, nothing can have been applied.
  const [nobody] = await freePorts(1);
  const client = clientOf([`127.0.0.1:${nobody}`]);
  const timeoutMs = 200;
  await expect(client.counters.commands.inc('a', { timeoutMs })).rejects.toMatchObject({
    code: 'timeout',
    maybeApplied: false,
  });
  const abort = new AbortController();
  const given = client.counters.queries.get('a', { signal: abort.signal });
  abort.abort();
  await expect(given).rejects.toMatchObject({ code: 'aborted' });
  const waiting = client.counters.commands.inc('a');
  const closed = expect(waiting).rejects.toMatchObject({ code: 'closing' });
  await client.close();
  await closed;
  await expect(client.counters.commands.inc('a')).rejects.toMatchObject({ code: 'closing' });
});
