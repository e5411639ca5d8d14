/** The last line of one-value's script: a real agent joins, and `serf members` lists all. */
import { expect, test } from 'vitest';
import { OneValueProcess } from '../../test/gossip/one-value-process.ts';
import { SerfAgent, serfMissing } from '../../test/gossip/serf-process.ts';
import { freePort, until } from '../../test/processes/waiting.ts';

test('a real serf agent joins, and lists all', async (context) => {
  context.skip(serfMissing() !== '', serfMissing());
  context.skip(process.platform !== 'linux', 'needs the addresses 127.0.0.1 to 127.0.0.2');
  const [httpPort, gossipPort] = [await freePort('127.0.0.2'), await freePort('127.0.0.2')];
  const ports = { httpPort, gossipPort };
  const first = new OneValueProcess({ address: '127.0.0.1', ...ports });
  let second: OneValueProcess | undefined;
  let real: SerfAgent | undefined;
  try {
    await first.ready();
    const other = new OneValueProcess({ address: '127.0.0.2', ...ports, join: '127.0.0.1' });
    second = other;
    await other.ready();
    const agent = await SerfAgent.start('real', `-join=127.0.0.1:${gossipPort}`);
    real = agent;
    await until('three members', async () => (await agent.members()).size === 3);
    const members = await agent.members();
    expect([...members.keys()].sort()).toEqual(['member-127.0.0.1', 'member-127.0.0.2', 'real']);
    expect(members.get('member-127.0.0.2')?.tags).toEqual({ http: String(httpPort) });
    expect((await first.request('/set/5')).text).toBe('5');
    await until('5 on the second', async () => (await other.get()) === '5', 6_000);
    expect(agent.complaints).toEqual([]);
  } finally {
    await Promise.all([first.end('SIGKILL'), second?.end('SIGKILL'), real?.kill()]);
  }
});
