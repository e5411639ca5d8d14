/**
 * Security line 6 of reliability.md, through gRPC: every method × nobody, a bad token, a user
 * without rights, and root. The list of methods is the server's own, so that none can be forgotten.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type DescMessage, type DescMethod } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Status } from '../../src/grpc/status.ts';
import * as pb from '../../src/server/proto/gen/etcdserverpb/rpc_pb.ts';
import { methodOf } from '../../src/server/services/registry.ts';
import { Peer } from './differential/compare.ts';
import { type OwnServer, startServer } from './own-server.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Requests that would do something, for methods whose empty request is refused as such. */
const requests: Readonly<Record<string, Record<string, unknown>>> = {
  Range: { key: bytes('k') },
  RangeStream: { key: bytes('k') },
  Put: { key: bytes('k') },
  DeleteRange: { key: bytes('k') },
  Txn: { success: [{ request: { case: 'requestPut', value: { key: bytes('k') } } }] },
  Compact: { revision: 1n },
  LeaseGrant: { TTL: 100n },
  Alarm: { action: 1, alarm: 1 },
  UserAdd: { name: 'eve', password: 'x' },
  UserDelete: { name: 'nobody' },
  UserChangePassword: { name: 'root', password: 'x' },
  UserGrantRole: { user: 'ann', role: 'root' },
  UserRevokeRole: { name: 'root', role: 'root' },
  RoleAdd: { name: 'more' },
  Lock: { name: bytes('k') },
  Unlock: { key: bytes('k') },
  Campaign: { name: bytes('k') },
  Leader: { name: bytes('k') },
  Observe: { name: bytes('k') },
};

/** What anybody may ask: who asks is what is to be found out, or nothing of the data is told. */
const open = new Set([
  'Authenticate',
  'Check',
  'ServerReflectionInfo',
  // As in etcd, whose clients ask these before they have a token.
  'Status',
  'MemberList',
  'AuthStatus',
]);

let own: OwnServer;
let peer: Peer;
let folder: string;
const tokens: Record<string, string> = {};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-access-'));
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const [pub, priv] = [join(folder, 'pub.pem'), join(folder, 'priv.pem')];
  writeFileSync(pub, publicKey);
  writeFileSync(priv, privateKey);
  own = await startServer([
    ...['--auth-token', `jwt,pub-key=${pub},priv-key=${priv},sign-method=RS256,ttl=5m`],
  ]);
  peer = await Peer.connect(own.port);
  const { kv } = own.server;
  const user = { noPassword: false, hashedPassword: '' };
  await kv.userAdd({ ...user, name: 'root', password: 'secret' });
  await kv.roleAdd('root');
  await kv.userGrantRole({ user: 'root', role: 'root' });
  await kv.userAdd({ ...user, name: 'ann', password: 'hers' });
  await kv.authEnable();
  for (const [name, password] of [
    ['root', 'secret'],
    ['ann', 'hers'],
  ] as const) {
    const request = create(pb.AuthenticateRequestSchema, { name, password });
    tokens[name] = (await peer.client.unary(methodOf(pb.Auth.method.authenticate), request)).token;
  }
});
afterAll(async () => {
  peer?.close();
  await own?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** How a call of a method ends, or what its first answer is. */
function outcome(description: DescMethod, token?: string): Promise<string> {
  const method = methodOf(description as DescMethod & { input: DescMessage; output: DescMessage });
  const request = create(description.input, requests[description.name] ?? {});
  const metadata = token === undefined ? {} : { token };
  return new Promise((resolve) => {
    const stream = peer.client.stream(
      method,
      { metadata, timeoutMs: 5_000 },
      {
        received: () => {
          resolve('answered');
          stream.cancel();
        },
        ended: ({ code, message }: Status) => resolve(code === 0 ? 'answered' : message),
      },
    );
    stream.send(request as never);
    stream.end();
  });
}

const methods = [...Object.values(pb.KV.method), ...Object.values(pb.Auth.method)].length;

test('the tokens are JWTs by the algorithm that was pinned', () => {
  const [head = ''] = tokens.root!.split('.');
  expect(JSON.parse(Buffer.from(head, 'base64url').toString())).toMatchObject({ alg: 'RS256' });
});

describe('every method', () => {
  /** Watches and keep-alives carry their refusals in answers, and are tried on their own. */
  const streaming = new Set(['Watch', 'LeaseKeepAlive']);
  const all = (): DescMethod[] =>
    [...own.server.front.services.methods.values()]
      .map(({ description }) => description)
      .filter(({ name }) => !open.has(name) && !streaming.has(name));

  test('refuses nobody', async () => {
    expect(all().length).toBeGreaterThan(methods);
    const let_: string[] = [];
    for (const description of all()) {
      const found = await outcome(description);
      if (found === 'answered') let_.push(description.name);
    }
    expect(let_).toEqual([]);
  });

  test.each([
    ['a token that is none', () => 'abcdefghijklmnop.1'],
    ['a token without signature', () => `${tokens.root!.split('.').slice(0, 2).join('.')}.`],
    [
      'a token that says its algorithm is none',
      () => {
        const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
        return `${none}.${tokens.root!.split('.')[1]}.`;
      },
    ],
  ])('refuses %s', async (_what, token) => {
    for (const description of all()) {
      expect([description.name, await outcome(description, token())]).toEqual([
        description.name,
        'etcdserver: invalid auth token',
      ]);
    }
  });

  test('refuses a user without rights what changes, or tells of, the data', async () => {
    const allowed: string[] = [];
    for (const description of all()) {
      if ((await outcome(description, tokens.ann)) === 'answered') allowed.push(description.name);
    }
    // A lease without keys hurts nobody, and etcd lets every user have one.
    const harmless = ['LeaseGrant', 'LeaseLeases', 'LeaseTimeToLive'];
    expect(allowed.filter((name) => !harmless.includes(name))).toEqual([]);
  });

  test('answers root', async () => {
    const { Range, Put } = Object.fromEntries(all().map((each) => [each.name, each]));
    expect(await outcome(Put!, tokens.root)).toBe('answered');
    expect(await outcome(Range!, tokens.root)).toBe('answered');
  });
});
