/** Alarms of a server with little room: one that it raises ends by itself, one raised by hand does not. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deleteRequest, type Kv, putRequest, rangeRequest } from '../../src/server.ts';
import { until } from '../processes/waiting.ts';
import { type OwnServer, startServer } from './own-server.ts';

let own: OwnServer;
let kv: Kv;
beforeAll(async () => {
  own = await startServer(['--quota-backend-bytes', String(2 ** 20)]);
  ({ kv } = own.server);
});
afterAll(() => own?.stop());

const all = { action: 'get', memberId: 0n, alarm: 'no-space' } as const;

test('nothing is put once the room is used up, until there is some again', async () => {
  const value = 'v'.repeat(100_000);
  const fill = async (): Promise<void> => {
    for (;;) await kv.put(putRequest('full', value));
  };
  await expect(fill()).rejects.toMatchObject({ code: 'no-space' });
  expect(await kv.alarm(all)).toEqual([{ memberId: kv.memberId, alarm: 'no-space' }]);
  await expect(kv.leaseGrant({ id: 0n, ttlSeconds: 10 })).rejects.toMatchObject({
    code: 'no-space',
  });
  const { revision } = await kv.deleteRange(deleteRequest('full'));
  await kv.compact({ type: 'compact', revision, physical: true });
  await kv.defragment();
  // An operator who ends the alarm at once is told which it was.
  const ended = await kv.alarm({ action: 'deactivate', memberId: 0n, alarm: 'no-space' });
  expect(ended).toHaveLength(1);
  await kv.put(putRequest('full', 'again'));
  // The same, but nobody ends the alarm by hand.
  await expect(fill()).rejects.toMatchObject({ code: 'no-space' });
  const { revision: last } = await kv.deleteRange(deleteRequest('full'));
  await kv.compact({ type: 'compact', revision: last, physical: true });
  await until('the alarm to end', async () => (await kv.alarm(all)).length === 0);
  await kv.put(putRequest('full', 'again'));
});

test('what an operator raises, for a member or for none, stays until an operator ends it', async () => {
  const lease = await kv.leaseGrant({ id: 0n, ttlSeconds: 2 });
  await kv.put(putRequest('short', 'x', { lease: lease.id }));
  for (const memberId of [0n, kv.memberId]) {
    const raised = { memberId, alarm: 'no-space' } as const;
    expect(await kv.alarm({ action: 'activate', ...raised })).toEqual([raised]);
  }
  await expect(kv.put(putRequest('k', 'x'))).rejects.toMatchObject({ code: 'no-space' });
  // In so long a time it looks at what is used many times.
  await until('the lease to end', async () => {
    return (await kv.range(rangeRequest('short'))).count === 0;
  });
  expect(await kv.alarm(all)).toHaveLength(2);
  await kv.alarm({ action: 'deactivate', memberId: 0n, alarm: undefined });
  expect(await kv.alarm(all)).toEqual([]);
  await kv.put(putRequest('k', 'x'));
});
