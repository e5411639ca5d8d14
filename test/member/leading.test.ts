/** Jobs that run where the leader is, what they propose, and commands that take effect once. */
import { afterEach, expect, test } from 'vitest';
import { type Group, type TestCluster, testCluster } from '../../src/index.ts';
import { counters } from '../machine/named-counters.ts';
import { until } from '../processes/waiting.ts';
import { bytes, Journal } from './journal.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function cluster(): Promise<TestCluster> {
  const opened = await testCluster();
  ends.push(() => opened.close());
  return opened;
}

async function leaderOf<Some extends Group>(groups: readonly Some[]): Promise<Some> {
  await until('a leader', () => groups.some(({ leadership }) => leadership.isLeader));
  return groups.find(({ leadership }) => leadership.isLeader)!;
}

test('a job runs on exactly the leader, moves with leadership, and ends with its value', async () => {
  const groups = await (await cluster()).group('jobs', () => new Journal());
  const running = new Set<number>();
  const runs: number[] = [];
  let finish = false;
  const jobs = groups.map((group, at) =>
    group.lead(async ({ signal, term }) => {
      running.add(at);
      runs.push(term);
      await until('the end of the job', () => finish || signal.aborted);
      running.delete(at);
      if (signal.aborted) throw signal.reason;
      return at;
    }),
  );
  const ended = Promise.allSettled(jobs);
  // On a machine that is busy another may be elected just now.
  const isLeading = (at: number): boolean => groups[at]!.leadership.isLeader;
  await until('a run', () => running.size === 1 && [...running].every(isLeading));
  const [before] = running;
  await groups[before!]!.transferLeadership();
  await until('the next run', () => running.size === 1 && !running.has(before!));
  expect(runs).toEqual([...runs].sort((a, b) => a - b));
  finish = true;
  const [after] = running;
  expect(await jobs[after!]).toBe(after);
  for (const end of ends.splice(0)) await end();
  const codes = (await ended).map((each) =>
    each.status === 'fulfilled' ? each.value : (each.reason as { code: string }).code,
  );
  expect(codes.toSorted()).toEqual([after, 'closing', 'closing'].toSorted());
});

test('what a job proposes after another member has taken over is refused', async () => {
  const opened = await cluster();
  const groups = await opened.group('jobs', counters);
  const leader = await leaderOf(groups);
  const told: unknown[] = [];
  const tell = (proposed: Promise<unknown>): Promise<unknown> =>
    proposed.then(
      (value) => told.push(value),
      (error: { code: string }) => told.push(error.code),
    );
  const late = leader.lead(async ({ signal, commands, propose }) => {
    // It begins anew if another is elected by itself.
    told.splice(0);
    await tell(commands.inc('led'));
    await until('the signal', async () => {
      if (!signal.aborted) await leader.transferLeadership().catch(() => {});
      return signal.aborted;
    });
    await tell(commands.inc('led'));
    await tell(propose(bytes('x')));
  });
  late.catch(() => {});
  const other = groups.find((group) => group !== leader)!;
  await until('both refusals', () => told.length === 3);
  // Refused in the next term, or appended in the last one and lost with it.
  const refusal = expect.stringMatching(/^(stale-term|leadership-lost)$/);
  expect(told).toEqual([expect.any(Number), refusal, refusal]);
  expect(await other.queries.get('led')).toBe(told[0]);
});

test('the error of a job comes back, and a signal gives a job up', async () => {
  const groups = await (await cluster()).group('jobs', () => new Journal());
  const leader = await leaderOf(groups);
  const broken = leader.lead(() => {
    throw new Error('no good');
  });
  await expect(broken).rejects.toThrow('no good');
  const controller = new AbortController();
  const endless = leader.lead(
    async ({ signal }) => {
      controller.abort();
      await until('the signal', () => signal.aborted);
    },
    { signal: controller.signal },
  );
  await expect(endless).rejects.toMatchObject({ code: 'aborted' });
});

test('a command with a key takes effect once, on whichever member it is repeated', async () => {
  const opened = await cluster();
  const groups = await opened.group('counters', counters);
  const once = { idempotencyKey: 'order 7' };
  expect(await groups[0]!.commands.inc('a', once)).toBe(1);
  expect(await groups[1]!.commands.inc('a', once)).toBe(1);
  await (await leaderOf(groups)).transferLeadership();
  expect(await groups[2]!.commands.inc('a', once)).toBe(1);
  expect(await groups[2]!.commands.inc('a')).toBe(2);
  const session = { client: 'c', sequence: 1 };
  expect(await groups[0]!.commands.inc('a', { session })).toBe(3);
  expect(await groups[1]!.commands.inc('a', { session: { ...session, sequence: 2 } })).toBe(4);
  expect(await groups[1]!.commands.inc('a', { session })).toBe(3);
  const stranger = { client: 'nobody', sequence: 5 };
  await expect(groups[1]!.commands.inc('a', { session: stranger })).rejects.toMatchObject({
    code: 'session-expired',
  });
});
