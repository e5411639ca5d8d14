/** Members that speak TLS with each other, with certificates of both sides, on real ports. */
import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { type Logger, openMember, type TestCluster, testCluster } from '../../src/index.ts';
import { temporaryDirectory } from '../../src/platform/temporary-directory.ts';
import { until } from '../processes/waiting.ts';
import { bytes, Journal } from './journal.ts';

const pem = (name: string): string =>
  readFileSync(new URL(`../ports/certificates/${name}.pem`, import.meta.url), 'utf8');

/** A certificate that names the host on which all members are. */
const identity = (name: string) => ({
  certificate: pem(name),
  key: pem(`${name}-key`),
  authorities: [pem('authority')],
});
const tlsOf = (name: string) => ({ credentials: identity(name), dialedName: 'host' }) as const;

const warnings: string[] = [];
const logger: Logger = {
  debug: () => {},
  info: () => {},
  warn: ({ code }, message) => void warnings.push(`${message} ${String(code)}`),
  error: () => {},
  child: () => logger,
};

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  warnings.length = 0;
});

async function cluster(): Promise<TestCluster> {
  const opened = await testCluster({ options: { logger, tls: tlsOf('server') } });
  ends.push(() => opened.close());
  return opened;
}

test('members work together, and go on with new certificates without a restart', async () => {
  const trio = await cluster();
  const groups = await trio.group('things', () => new Journal());
  for (const group of groups) await group.propose(bytes('before'));
  for (const member of trio.members) member.reload(identity('renewed'));
  // Whoever comes back is greeted with the new ones.
  const restarted = await trio.restart(2);
  restarted.reload(identity('renewed'));
  const group = await restarted.group('things', new Journal());
  expect(await group.propose(bytes('after'))).toBe(4);
  expect(() => restarted.reload({ certificate: 'x', key: 'y' })).toThrow();
  expect(await group.propose(bytes('still'))).toBe(5);
});

test('whoever has no certificate of theirs is turned away, and disturbs nobody', async () => {
  const trio = await cluster();
  const [group] = await trio.group('things', () => new Journal());
  const directory = await temporaryDirectory();
  ends.push(() => directory.remove());
  const { host, port } = trio.members[0]!.address;
  const giveUp = new AbortController();
  const stranger = openMember({
    name: 'x',
    dataDir: directory.path,
    join: [`${host}:${port}`],
    tls: tlsOf('foreign'),
    tickMs: 10,
    logger,
    signal: giveUp.signal,
  });
  const turnedAway = () =>
    warnings.some((line) => line.startsWith('rejected connection on peer endpoint'));
  await until('the stranger to be turned away', turnedAway);
  giveUp.abort();
  await expect(stranger).rejects.toThrow();
  expect(await group!.propose(bytes('x'))).toBe(1);
  expect(trio.members[0]!.members().map(({ name }) => name)).toEqual(['a', 'b', 'c']);
});
