/**
 * Who may do what (reliability.md, security 6 and 7): every call against nobody, a user without
 * rights, one with some, and root; and how passwords and tokens behave.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Caller, Kv } from '../../src/kv/api.ts';
import { bytes, del, type KvCluster, kvCluster, put, range, txn, Watching } from './kv-cluster.ts';

let cluster: KvCluster;
let kv: Kv;
const callers: Record<'root' | 'user' | 'stranger', Caller | undefined> = {
  root: undefined,
  user: undefined,
  stranger: undefined,
};

async function login(name: string, password: string): Promise<Caller> {
  const token = await kv.authenticate({ name, password });
  return (await kv.identify({ token }))!;
}

async function loginAll(): Promise<void> {
  callers.root = await login('root', 'secret');
  callers.user = await login('user', 'password');
  callers.stranger = await login('stranger', 'password');
}

beforeAll(async () => {
  cluster = await kvCluster(3);
  kv = cluster.kvs.find(({ isLeader }) => !isLeader)!;
  await expect(kv.authEnable()).rejects.toMatchObject({ code: 'root-user-missing' });
  const user = { password: 'password', noPassword: false, hashedPassword: '' };
  await kv.userAdd({ ...user, name: 'root', password: 'secret' });
  await expect(kv.authEnable()).rejects.toMatchObject({ code: 'root-role-missing' });
  await kv.userGrantRole({ user: 'root', role: 'root' });
  await kv.userAdd({ ...user, name: 'user' });
  await kv.userAdd({ ...user, name: 'stranger' });
  await kv.userAdd({ ...user, name: 'certificate', noPassword: true });
  await kv.roleAdd('rw');
  for (const [type, key, rangeEnd] of [
    ['read-write', 'a', 'b'],
    ['read', 'b', 'c'],
    ['write', 'w', ''],
    ['read-write', 'single', ''],
  ] as const) {
    const permission = { type, key: bytes(key), rangeEnd: bytes(rangeEnd) };
    await kv.roleGrantPermission({ role: 'rw', permission });
  }
  await kv.userGrantRole({ user: 'user', role: 'rw' });
  await kv.userGrantRole({ user: 'certificate', role: 'rw' });
  await kv.leaseGrant({ id: 7n, ttlSeconds: 1000 });
  await kv.put(put('secret', 'x', { lease: 7n }));
  await kv.authEnable();
  await loginAll();
});

afterAll(async () => {
  await cluster?.close();
});

type Who = 'nobody' | 'stranger' | 'user' | 'root';
const compare = {
  key: bytes('secret'),
  rangeEnd: new Uint8Array(),
  result: 'equal',
  operand: { target: 'version', version: 1 },
} as const;
const deep = txn([], [txn([], [txn([], [put('secret2', 'stolen')])])]);

/** What is asked, and from whom on it is allowed. */
const table: readonly (readonly [
  string,
  Who,
  (options: { caller?: Caller | undefined }) => Promise<unknown>,
])[] = [
  ['range within', 'user', (o) => kv.range(range('a1'), o)],
  ['range over two grants', 'user', (o) => kv.range(range('a', { end: bytes('c') }), o)],
  ['range beyond', 'root', (o) => kv.range(range('a', { end: bytes('d') }), o)],
  [
    'range from a single key on',
    'root',
    (o) => kv.range(range('single', { end: Uint8Array.of(0) }), o),
  ],
  ['serializable range', 'root', (o) => kv.range(range('secret'), { ...o, serializable: true })],
  ['put', 'user', (o) => kv.put(put('a1', 'v'), o)],
  ['put elsewhere', 'root', (o) => kv.put(put('b1', 'v'), o)],
  ['put with write only', 'user', (o) => kv.put(put('w', 'v'), o)],
  ['put with prev_kv needs read', 'root', (o) => kv.put(put('w', 'v', { prevKv: true }), o)],
  ["put with another's lease", 'root', (o) => kv.put(put('a2', 'v', { lease: 7n }), o)],
  ['delete', 'user', (o) => kv.deleteRange(del('a1'), o)],
  ['delete with prev_kv needs read', 'root', (o) => kv.deleteRange(del('w', { prevKv: true }), o)],
  ['transaction', 'user', (o) => kv.txn(txn([], [put('a3', 'v'), range('b')]), o)],
  ['comparison needs read', 'root', (o) => kv.txn(txn([compare], [put('a3', 'v')]), o)],
  ['transaction in a transaction', 'root', (o) => kv.txn(deep, o)],
  ['the branch that is not taken', 'root', (o) => kv.txn(txn([], [], [range('secret')]), o)],
  ['lease grant', 'stranger', (o) => kv.leaseGrant({ id: 0n, ttlSeconds: 100 }, o)],
  ['lease keep-alive', 'root', (o) => kv.leaseKeepAlive(7n, o)],
  ['lease time to live', 'root', (o) => kv.leaseTimeToLive({ id: 7n, keys: false }, o)],
  ["lease's keys", 'root', (o) => kv.leaseTimeToLive({ id: 7n, keys: true }, o)],
  ['leases', 'root', (o) => kv.leases(o)],
  ['member list', 'stranger', (o) => kv.memberList(o)],
  ['member list, linearizable', 'stranger', (o) => kv.memberList({ ...o, linearizable: true })],
  ['status', 'stranger', (o) => kv.status(o)],
  ['alarms', 'stranger', (o) => kv.alarm({ action: 'get', memberId: 0n, alarm: undefined }, o)],
  [
    'alarm off',
    'root',
    (o) => kv.alarm({ action: 'deactivate', memberId: 0n, alarm: undefined }, o),
  ],
  ['defragment', 'root', (o) => kv.defragment(o)],
  ['hash', 'root', (o) => kv.hash(o)],
  ['hashKv', 'root', (o) => kv.hashKv(0, o)],
  [
    'snapshot',
    'root',
    async (o) => (await kv.snapshot(o)).chunks[Symbol.asyncIterator]().return?.(),
  ],
  ['downgrade', 'root', (o) => kv.downgrade({ action: 'validate', version: '3.5' }, o)],
  ['auth status', 'root', (o) => kv.authStatus(o)],
  ['user list', 'root', (o) => kv.userList(o)],
  ['user get', 'root', (o) => kv.userGet('root', o)],
  ['own user', 'user', (o) => kv.userGet('user', { caller: o.caller })],
  ['role list', 'root', (o) => kv.roleList(o)],
  ['own role', 'user', (o) => kv.roleGet('rw', o)],
  [
    'member add',
    'root',
    async (o) => {
      const { member } = await kv.memberAdd(
        { peerUrls: ['http://127.0.0.1:1'], isLearner: false },
        o,
      );
      await kv.memberRemove(member.id, o);
    },
  ],
  [
    'observe',
    'root',
    async (o) =>
      kv.leader(bytes('secret'), o).catch((error: unknown) => {
        // Root may look; nobody is elected.
        if ((error as { code: string }).code !== 'election-no-leader') throw error;
      }),
  ],
];

const order: readonly Who[] = ['nobody', 'stranger', 'user', 'root'];

describe.each(table)('%s', (name, from, act) => {
  it.each(order)(`is decided for %s`, async (who) => {
    const caller = who === 'nobody' ? undefined : callers[who];
    const allowed = order.indexOf(who) >= order.indexOf(from);
    // "Own" things are somebody else's to the stranger.
    if (allowed) return void (await act({ caller }));
    const code = who === 'nobody' ? 'user-name-empty' : 'access-denied';
    await expect(act({ caller }), name).rejects.toMatchObject({ code });
  });
});

describe('what only root may change', () => {
  it.each([
    ['lease revoke', (o: { caller?: Caller | undefined }) => kv.leaseRevoke(7n, o)],
    [
      'compact',
      (o: { caller?: Caller | undefined }) =>
        kv.compact({ type: 'compact', revision: 3, physical: false }, o),
    ],
    [
      'user add',
      (o: { caller?: Caller | undefined }) =>
        kv.userAdd({ name: 'x', password: 'x', noPassword: false, hashedPassword: '' }, o),
    ],
    ['user delete', (o: { caller?: Caller | undefined }) => kv.userDelete('user', o)],
    [
      'password',
      (o: { caller?: Caller | undefined }) =>
        kv.userChangePassword({ name: 'root', password: 'x', hashedPassword: '' }, o),
    ],
    [
      'grant',
      (o: { caller?: Caller | undefined }) => kv.userGrantRole({ user: 'user', role: 'root' }, o),
    ],
    [
      'revoke',
      (o: { caller?: Caller | undefined }) => kv.userRevokeRole({ user: 'user', role: 'rw' }, o),
    ],
    ['role add', (o: { caller?: Caller | undefined }) => kv.roleAdd('x', o)],
    ['role delete', (o: { caller?: Caller | undefined }) => kv.roleDelete('rw', o)],
    ['disable', (o: { caller?: Caller | undefined }) => kv.authDisable(o)],
  ])('%s', async (_, act) => {
    await expect(act({})).rejects.toMatchObject({ code: 'user-name-empty' });
    await expect(act({ caller: callers.user })).rejects.toMatchObject({ code: 'access-denied' });
    await expect(act({ caller: { user: '', revision: 0 } })).rejects.toMatchObject({
      code: 'user-name-empty',
    });
    await expect(act({ caller: { user: 'root', revision: 1 } })).rejects.toMatchObject({
      code: 'auth-revision-old',
    });
  });
});

describe('passwords and tokens', () => {
  it('refuse wrong ones and unknown users alike, and users without a password', async () => {
    for (const [name, password] of [
      ['user', 'wrong'],
      ['nobody', 'password'],
      ['certificate', ''],
    ] as const) {
      await expect(kv.authenticate({ name, password })).rejects.toMatchObject({
        code: 'authentication-failed',
      });
    }
  });

  it('are known to every member', async () => {
    const token = await kv.authenticate({ name: 'user', password: 'password' });
    expect(token).toMatch(/^[A-Za-z]{16}\.\d+$/);
    for (const each of cluster.kvs)
      await expect(Promise.resolve(each.identify({ token }))).resolves.toMatchObject({
        user: 'user',
      });
    expect(() => kv.identify({ token: 'abcdefghijklmnop.1' })).toThrow(
      expect.objectContaining({ code: 'invalid-auth-token' }),
    );
    expect(() => kv.identify({ token: 'x' })).toThrow(
      expect.objectContaining({ code: 'invalid-auth-token' }),
    );
  });

  it('come from certificates where no token is given', async () => {
    const caller = await kv.identify({ certificateName: 'certificate' });
    await expect(kv.range(range('a'), { caller })).resolves.toMatchObject({ type: 'range' });
  });

  it('are limited in attempts, which the right one that is remembered does not feel', async () => {
    await kv.authenticate({ name: 'user', password: 'password' });
    const codes = new Set<string>();
    for (let i = 0; i < 25; i++) {
      await kv
        .authenticate({ name: 'user', password: `wrong ${i}` })
        .catch((error: unknown) => codes.add((error as { code: string }).code));
    }
    expect(codes).toEqual(new Set(['authentication-failed', 'too-many-attempts']));
    await expect(kv.authenticate({ name: 'user', password: 'password' })).resolves.toMatch(/\./);
  });
});

describe('watches', () => {
  it('need read for all of their range, and end when it is taken away', async () => {
    const { user: caller, root } = callers;
    const watching = new Watching(kv, { caller })
      .create('a', { rangeEnd: bytes('b') })
      .create('single', { rangeEnd: Uint8Array.of(0) });
    watching.create('w');
    await watching.until(({ responses }) => responses.length === 3);
    expect(watching.responses).toMatchObject([
      { created: true, canceled: false },
      { canceled: true, cancelReason: { code: 'access-denied' } },
      { canceled: true, cancelReason: { code: 'access-denied' } },
    ]);
    await kv.userRevokeRole({ user: 'user', role: 'rw' }, { caller: root });
    await watching.until(({ responses }) => responses.length === 4);
    expect(watching.responses[3]).toMatchObject({ canceled: true });
    await loginAll();
    await kv.userDelete('stranger', { caller: callers.root });
    await expect(kv.range(range('a'), { caller: callers.stranger })).rejects.toMatchObject({
      code: expect.stringMatching(/denied|old/) as string,
    });
    await loginAll().catch(() => {});
    await kv.authDisable({ caller: callers.root });
    await expect(kv.range(range('secret'))).resolves.toMatchObject({ count: 1 });
  });
});
