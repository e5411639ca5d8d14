/** Clients of a cluster whose members speak TLS: certificates of both sides, or no word. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type ConnectOptions, connect, readAccess } from '../../src/client.ts';
import { type Logger, type TestCluster, testCluster } from '../../src/index.ts';
import { temporaryDirectory } from '../../src/platform/temporary-directory.ts';
import { counters } from '../machine/named-counters.ts';

const pem = (name: string): string =>
  readFileSync(new URL(`../ports/certificates/${name}.pem`, import.meta.url), 'utf8');

const silent: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silent,
};

const credentials = (name: string, authority = 'authority') => ({
  certificate: pem(name),
  key: pem(`${name}-key`),
  authorities: [pem(authority)],
});
const tlsOf = (given: ReturnType<typeof credentials>) =>
  ({ credentials: given, dialedName: 'host' }) as const;

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function cluster(): Promise<TestCluster> {
  const opened = await testCluster({
    members: 1,
    options: { logger: silent, tls: tlsOf(credentials('server')) },
  });
  ends.push(() => opened.close());
  await opened.group('counters', counters);
  return opened;
}

function clientOf({ members }: TestCluster, access: Pick<ConnectOptions, 'secret' | 'tls'>) {
  const { host, port } = members[0]!.address;
  const endpoints = [`${host}:${port}`];
  const client = connect({ endpoints, machines: { counters }, logger: silent, ...access });
  ends.push(() => client.close());
  return client;
}

test('a client with a certificate of theirs works, also with one from files', async () => {
  const solo = await cluster();
  const client = clientOf(solo, { tls: tlsOf(credentials('renewed')) });
  expect(await client.counters.commands.inc('a')).toBe(1);
  expect(await client.counters.queries.get('a')).toBe(1);
  const directory = await temporaryDirectory();
  ends.push(() => directory.remove());
  const file = (name: string): string => {
    const at = path.join(directory.path, name);
    writeFileSync(at, pem(name));
    return at;
  };
  const files = {
    caFile: file('authority'),
    certFile: file('renewed'),
    keyFile: file('renewed-key'),
  };
  const other = clientOf(solo, await readAccess(files));
  expect(await other.counters.commands.inc('a')).toBe(2);
  await expect(readAccess({ caFile: `${files.caFile}x` })).rejects.toMatchObject({
    code: 'file-not-found',
  });
});

test('members of a wrong authority are refused by name, and those without TLS turn it away', async () => {
  const solo = await cluster();
  // A client tries again until its time is over, and then tells why: each has its time beside
  // the others.
  const asks = (options: Parameters<typeof clientOf>[1]): Promise<unknown> =>
    clientOf(solo, options).counters.commands.inc('a', { timeoutMs: 5_000 });
  await Promise.all([
    // The authority that the client trusts did not sign the member's certificate.
    expect(asks({ tls: tlsOf(credentials('client', 'foreign')) })).rejects.toSatisfy(
      causedBy('tls-failed'),
    ),
    // The member's authority did not sign the client's certificate.
    expect(asks({ tls: tlsOf(credentials('foreign')) })).rejects.toThrow(),
    expect(asks({ tls: tlsOf(credentials('expired')) })).rejects.toThrow(),
    // It did sign this one, but it is for another host than those that members are on.
    expect(asks({ tls: tlsOf(credentials('client')) })).rejects.toMatchObject({
      message: expect.stringContaining('not one of a member'),
    }),
    expect(asks({})).rejects.toThrow(),
  ]);
  const right = clientOf(solo, { tls: tlsOf(credentials('renewed')) });
  expect(await right.counters.queries.get('a')).toBe(0);
});

/** Whether an error, or one that it rests on, has that code. */
function causedBy(code: string): (error: unknown) => boolean {
  return (error) => {
    for (
      let each = error as { code?: unknown; cause?: unknown } | undefined;
      each !== undefined;
    ) {
      if (each.code === code) return true;
      each = each.cause as typeof each;
    }
    return false;
  };
}
