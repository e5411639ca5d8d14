/** Members that find each other by gossip, and what becomes of one that is gone. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Gossip, gossipDiscovery, openGossip } from '../../src/gossip.ts';
import { type Member, type MemberOptions, openMember } from '../../src/index.ts';
import { freePorts, until } from '../processes/waiting.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };
const opened: { gossip: Gossip; member: Member }[] = [];
const directories: string[] = [];

afterEach(async () => {
  for (const { gossip, member } of opened.splice(0)) {
    await member.close();
    await gossip.close();
  }
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true });
});

async function start(
  name: string,
  gossipPort: { readonly own: number; readonly join?: number },
  options: Partial<MemberOptions> = {},
): Promise<{ gossip: Gossip; member: Member }> {
  const gossip = await openGossip({
    name,
    bind: `127.0.0.1:${gossipPort.own}`,
    preset: 'local',
    logger: quiet,
    ...(gossipPort.join !== undefined && { join: [`127.0.0.1:${gossipPort.join}`] }),
  });
  const dataDir = await mkdtemp(join(tmpdir(), 'quorate-discovery-'));
  directories.push(dataDir);
  const discovery = gossipDiscovery(gossip);
  const member = await openMember({ name, dataDir, discovery, logger: quiet, ...options });
  const both = { gossip, member };
  opened.push(both);
  return both;
}

test('members find each other by gossip; a dead one goes only where a policy says so', async () => {
  const [peer, one, two, three] = (await freePorts(4)) as [number, number, number, number];
  const asked: string[] = [];
  const a = await start(
    'a',
    { own: one },
    {
      peers: [{ name: 'a', address: `127.0.0.1:${peer}` }],
      deadMembers: {
        afterMs: 1000,
        decide: ({ name }) => {
          asked.push(name);
          return 'remove';
        },
      },
    },
  );
  await start('b', { own: two, join: one });
  const c = await start('c', { own: three, join: one });
  const roles = () => a.member.members().map(({ name, role }) => `${name} ${role}`);
  await until('three voters', () => roles().join() === 'a voter,b voter,c voter');
  await c.gossip.close();
  await c.member.close();
  await until('c is let go', () => roles().join() === 'a voter,b voter');
  expect(asked).toEqual(['c']);
});

test('without a policy a dead member stays a voter', async () => {
  const [peer, one, two] = (await freePorts(3)) as [number, number, number];
  const warned: string[] = [];
  const logger = { ...quiet, warn: (_facts: object, text: string) => warned.push(text) };
  const a = await start(
    'a',
    { own: one },
    {
      peers: [{ name: 'a', address: `127.0.0.1:${peer}` }],
      deadMembers: { afterMs: 500 },
      logger: { ...logger, child: () => quiet },
    },
  );
  const b = await start('b', { own: two, join: one });
  await until(
    'two voters',
    () => a.member.members().filter((m) => m.role === 'voter').length === 2,
  );
  await b.gossip.leave();
  await until('a warning', () => warned.some((text) => text.includes('gone for long')));
  expect(a.member.members()).toHaveLength(2);
});
