/**
 * etcdctl's own judgement of a cluster, `check perf`: a load for a minute, and whether throughput, the
 * slowest request and the spread of their times are good enough for it. What it measures depends on
 * the machine, so it is for quiet ones; the numbers are printed.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hasEtcd } from './etcd-process.ts';
import { Etcdctl } from './etcdctl.ts';
import { QuorateCluster } from './quorate-process.ts';

let cluster: QuorateCluster | undefined;
beforeAll(async () => {
  if (hasEtcd()) cluster = await QuorateCluster.start(3);
}, 60_000);
afterAll(() => cluster?.stop());

test.for(['s', 'm'])('check perf, load %s', { timeout: 180_000 }, async (load, context) => {
  context.skip(cluster === undefined, 'needs the Debian packages etcd-server and etcd-client');
  const ctl = new Etcdctl(cluster!.endpoints);
  const { code, out, err } = await ctl.try(['check', 'perf', `--load=${load}`]);
  // A bar of progress comes before, on the same line.
  const found = `${out}${err}`.match(/(?:PASS|FAIL): [^\r\n]*/g);
  console.log(`check perf --load=${load}\n${found?.join('\n')}`);
  expect({ code, failed: found?.filter((line) => line.startsWith('FAIL')) }).toEqual({
    code: 0,
    failed: [],
  });
  expect(found!.length).toBeGreaterThan(2);
});
