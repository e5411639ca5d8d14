/** What a member tells Prometheus, and what it writes into its log of itself. */
import { afterEach, expect, test } from 'vitest';
import { type Logger, type TestCluster, testCluster } from '../../src/index.ts';
import { until } from '../processes/waiting.ts';
import { bytes, Journal } from './journal.ts';

let cluster: TestCluster | undefined;
afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
});

/** The lines of a text for Prometheus, by name and labels. */
function valuesOf(metrics: string): Map<string, number> {
  const lines = metrics.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

const warnings: string[] = [];
const logger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (facts, message) => void warnings.push(`${message} ${JSON.stringify(facts)}`),
  error: () => {},
  child: () => logger,
};

test('metrics say what groups, peers, log and requests do', async () => {
  cluster = await testCluster({ options: { logger } });
  const groups = await cluster.group('things', () => new Journal());
  for (let n = 0; n < 5; n++) await groups[0]!.propose(bytes(`${n}`));
  await groups[0]!.readIndex();
  await expect(groups[0]!.propose(bytes('x'), { requiredTerm: 99 })).rejects.toThrow('term');
  await until('all to have applied', () =>
    groups.every(({ machine }) => machine.lines.length >= 5),
  );

  const [first] = cluster.members;
  const values = valuesOf(await first!.metrics());
  const group = '{group="things"}';
  expect(values.get('quorate_member_info{name="a",id="1"}')).toBe(1);
  expect(values.get(`quorate_group_has_leader${group}`)).toBe(1);
  const applied = values.get(`quorate_group_applied_index${group}`)!;
  expect(applied).toBeGreaterThanOrEqual(6);
  expect(values.get(`quorate_group_last_index${group}`)).toBeGreaterThanOrEqual(applied);
  expect(values.get('quorate_group_has_leader{group="system"}')).toBe(1);
  expect(values.get('quorate_peer_connected{peer="b"}')).toBe(1);
  expect(values.get('quorate_peer_sent_bytes_total{peer="c"}')).toBeGreaterThan(0);
  expect(values.get('quorate_log_batches_total')).toBeGreaterThan(0);
  expect(values.get('quorate_requests_total{kind="propose",outcome="answered"}')).toBe(5);
  expect(values.get('quorate_requests_total{kind="propose",outcome="stale-term"}')).toBe(1);
  expect(values.get('quorate_request_seconds_count{kind="propose"}')).toBe(6);
  expect(values.get('quorate_request_seconds_bucket{kind="propose",le="+Inf"}')).toBe(6);
  expect(values.get('quorate_requests_pending')).toBe(0);

  const all = await Promise.all(cluster.members.map((member) => member.metrics()));
  const leads = all.map((text) => valuesOf(text).get(`quorate_group_is_leader${group}`));
  expect(leads.sort()).toEqual([0, 0, 1]);
});

test('a slow request leaves a warning, with what it was and how it ended', async () => {
  warnings.length = 0;
  cluster = await testCluster({ members: 1, options: { logger, slowRequestMs: 0 } });
  const [group] = await cluster.group('slow', () => new Journal());
  await group!.propose(bytes('x'));
  expect(warnings.join('\n')).toMatch(
    /a request was slow \{"kind":"propose","group":1,"tookMs":\d+,"outcome":"answered"\}/,
  );
  expect(valuesOf(await cluster.members[0]!.metrics()).get('quorate_requests_slow_total')).toBe(1);
});

test('more proposals on their way than the limit are refused, to be tried again', async () => {
  const settings = {
    replica: {
      pendingProposalsMax: 8,
      pendingReadsMax: 8,
      applyBytesPerTurnMax: 2 ** 20,
      batchBytesMax: 2 ** 20,
    },
  };
  cluster = await testCluster({ members: 1, options: { logger, settings } });
  const [group] = await cluster.group('busy', () => new Journal());
  const all = await Promise.allSettled(
    Array.from({ length: 12 }, (_, n) => group!.propose(bytes(`${n}`))),
  );
  const refused = all.filter((each) => each.status === 'rejected');
  expect(refused.map(({ reason }) => [reason.code, reason.retryable, reason.maybeApplied])).toEqual(
    Array.from({ length: 4 }, () => ['over-quota', true, false]),
  );
  // There is room again.
  expect(await group!.propose(bytes('again'))).toBeDefined();
});
