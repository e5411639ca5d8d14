/** The script of one-value, line by line, with real processes on 127.0.0.1 to 127.0.0.4. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { OneValueProcess } from '../../test/gossip/one-value-process.ts';
import { freePort, until } from '../../test/processes/waiting.ts';
import { firstState, isGreater, parseInteger } from './state.ts';

const addresses = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4'];

/** Other systems have the addresses 127.0.0.2 to 4 only if somebody has made them. */
const linux = process.platform === 'linux';

describe('four members', () => {
  const members = new Map<string, OneValueProcess>();
  let httpPort = 0;
  let gossipPort = 0;

  function start(index: number, join = addresses[index - 1]): Promise<OneValueProcess> {
    const address = addresses[index]!;
    const settings = { address, httpPort, gossipPort };
    const member = new OneValueProcess(join === undefined ? settings : { ...settings, join });
    members.set(address, member);
    return member.ready();
  }

  const member = (index: number): OneValueProcess => members.get(addresses[index]!)!;

  async function everywhere(value: string, indexes = [0, 1, 2, 3]): Promise<void> {
    await until(`${value} everywhere`, async () => {
      const values = await Promise.all(indexes.map((index) => member(index).get()));
      return values.every((each) => each === value);
    });
  }

  beforeEach((context) => {
    context.skip(!linux, 'needs the addresses 127.0.0.1 to 127.0.0.4');
  });
  beforeAll(async () => {
    if (!linux) return;
    httpPort = await freePort('127.0.0.4');
    gossipPort = await freePort('127.0.0.4');
    for (let index = 0; index < 4; index++) await start(index);
  });
  afterAll(async () => {
    await Promise.all([...members.values()].map((each) => each.end('SIGKILL')));
  });

  test('begin with 42, each joined to the one before', async () => {
    await everywhere('42');
    await until('all in the log', () => /Members: .*127.0.0.4/.test(member(0).log), 10_000);
    expect(member(0).log).toContain('State: Val: 42 Gen: 0');
  });

  test('set 5 on the first, read 5 on the third within 6 s', async () => {
    expect(await member(0).request('/set/5')).toEqual({ status: 200, text: '5' });
    await until('5 on the third', async () => (await member(2).get()) === '5', 6_000);
    await until('the log', () => /NewVal: 5 Gen: 1 Notifier: member-/.test(member(2).log));
  });

  test('members stop and start while others set and read', async () => {
    expect(await member(3).end('SIGTERM')).toBe(0);
    expect((await member(1).request('/set/6')).text).toBe('6');
    await member(2).end('SIGKILL');
    expect((await member(0).request('/set/-9223372036854775808')).status).toBe(200);
    // A member that has just started must not lose a set to its own old beginning.
    const restarted = await start(3, addresses[0]);
    expect((await restarted.request('/set/7')).text).toBe('7');
    await start(2);
    await everywhere('7');
  });

  test('concurrent sets on two members end in one value everywhere', async () => {
    await Promise.all([
      ...[101, 102, 103].map((value) => member(0).request(`/set/${value}`)),
      ...[201, 202, 203].map((value) => member(3).request(`/set/${value}`)),
    ]);
    await until('one value', async () => {
      const values = await Promise.all([0, 1, 2, 3].map((index) => member(index).get()));
      return new Set(values).size === 1 && values[0] !== '7';
    });
  });

  test('an announcement is taken only if it is greater', async () => {
    const notify = (path: string) => member(0).request(`/notify/${path}`, { method: 'POST' });
    expect((await notify('9/1000?notifier=test')).status).toBe(200);
    expect((await notify('8/1000?notifier=test')).status).toBe(200);
    expect((await notify('99/999?notifier=test')).status).toBe(200);
    expect(await member(0).get()).toBe('9');
    expect(member(0).log).toContain('NewVal: 9 Gen: 1000 Notifier: test');
    expect(member(0).log).not.toContain('NewVal: 8 ');
    await everywhere('9');
  });

  test.each([
    ['/set/x', 400],
    ['/set/9223372036854775808', 400],
    ['/set/1.5', 400],
    ['/set/', 400],
    ['/set/1/2', 404],
    ['/', 404],
    ['/get/', 404],
    ['/notify/1/2', 404],
  ])('%s is %i', async (path, status) => {
    expect((await member(0).request(path)).status).toBe(status);
  });

  test('pages of other sites are refused', async () => {
    const headers = { origin: 'http://evil.example' };
    expect((await member(0).request('/set/666', { headers })).status).toBe(403);
    const notify = await member(0).request('/notify/x/1', { method: 'POST' });
    expect(notify).toEqual({ status: 400, text: '"x" is not an integer' });
  });
});

test('a member alone: joining fails, it is logged, and it serves', async () => {
  const [httpPort, gossipPort] = [await freePort(), await freePort()];
  const join = `127.0.0.1:${await freePort()}`;
  const alone = new OneValueProcess({ address: '127.0.0.1', httpPort, gossipPort, join });
  try {
    await alone.ready();
    expect(alone.log).toContain('Joining failed, starting an own cluster');
    expect((await alone.request('/set/1', { method: 'POST' })).text).toBe('1');
    expect(await alone.end('SIGINT')).toBe(0);
  } finally {
    await alone.end('SIGKILL');
  }
});

test('states are totally ordered, and integers have 64 bits', () => {
  const states = [0n, 1n, 5n].flatMap((generation) =>
    [-1n, 42n].map((value) => ({ value, generation })),
  );
  for (const [at, state] of states.entries()) {
    for (const [other, another] of states.entries()) {
      expect(isGreater(state, another)).toBe(at > other);
    }
  }
  expect(isGreater(firstState, firstState)).toBe(false);
  expect(parseInteger('+9223372036854775807')).toBe(2n ** 63n - 1n);
  for (const text of ['', '-', '1e3', '0x1', ' 1', '9223372036854775808']) {
    expect(() => parseInteger(text)).toThrow();
  }
});
