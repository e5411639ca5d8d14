/**
 * One cluster of HashiCorp's agents and ours, plain and encrypted: both sides agree on names,
 * addresses, tags and states; events, queries and keys pass both ways; and the real agents find
 * nothing to complain about in their debug logs.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createGossipKey, type Gossip, openGossip } from '../../src/gossip.ts';
import { silentLogger } from '../../src/ports/logger.ts';
import { freePort, until } from '../processes/waiting.ts';
import { SerfAgent, serfMissing } from './serf-process.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const rootPath = path.resolve(import.meta.dirname, '../..');

describe.each([
  { how: 'plain', key: undefined },
  { how: 'encrypted', key: createGossipKey() },
])('a mixed cluster, $how', ({ key }) => {
  const reals: SerfAgent[] = [];
  const ours: Gossip[] = [];
  const children: ChildProcess[] = [];
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'quorate-interop-'));
  });
  afterEach(async ({ task }) => {
    await Promise.all(ours.splice(0).map((gossip) => gossip.close()));
    for (const child of children.splice(0)) child.kill('SIGKILL');
    const ended = reals.splice(0);
    await Promise.all(ended.map((agent) => agent.kill()));
    if (task.result?.state === 'fail') for (const agent of ended) console.log(agent.log);
    for (const agent of ended) {
      expect(agent.complaints).toEqual([]);
    }
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function real(name: string, ...flags: string[]): Promise<SerfAgent> {
    const encrypt = key === undefined ? [] : [`-encrypt=${key}`];
    const agent = await SerfAgent.start(name, ...encrypt, ...flags);
    reals.push(agent);
    return agent;
  }

  async function our(name: string, join: readonly SerfAgent[] = []): Promise<Gossip> {
    const gossip = await openGossip({
      name,
      bind: '127.0.0.1:0',
      join: join.map((agent) => `127.0.0.1:${agent.port}`),
      tags: { role: 'ours', unicode: 'añ' },
      ...(key === undefined ? {} : { key }),
      logger: silentLogger,
    });
    ours.push(gossip);
    return gossip;
  }

  /** Waits until every member sees all of them alive, alike in name, address and tags. */
  async function agree(count: number): Promise<void> {
    const expected = new Map<string, unknown>();
    for (const gossip of ours) {
      for (const { name, address, tags, status } of gossip.members) {
        const seen = {
          addr: `${address.host}:${address.port}`,
          tags: Object.fromEntries(tags),
          status,
        };
        expected.set(name, expected.get(name) ?? seen);
      }
    }
    await until(`${count} members on all sides`, async () => {
      const views: string[] = [];
      for (const gossip of ours) {
        const view = [...gossip.members].map(({ name, address, tags, status }) => [
          name,
          `${address.host}:${address.port}`,
          [...tags].sort(),
          status,
        ]);
        views.push(JSON.stringify(view.sort()));
      }
      for (const agent of reals) {
        const view = [...(await agent.members()).values()].map(({ name, addr, tags, status }) => [
          name,
          addr,
          Object.entries(tags).sort(),
          status,
        ]);
        views.push(JSON.stringify(view.sort()));
      }
      return new Set(views).size === 1 && JSON.parse(views[0]!).length === count;
    });
  }

  test('ours joins two real agents; the views agree, tags too', async (context) => {
    context.skip(serfMissing() !== '', serfMissing());
    const first = await real('r1', '-tag=role=real');
    const second = await real('r2', `-join=127.0.0.1:${first.port}`);
    const gossip = await our('q1', [second]);
    await agree(3);
    expect(gossip.members.get('r1')?.tags).toEqual(new Map([['role', 'real']]));
    gossip.setTags({ role: 'changed' });
    await agree(3);
    expect((await first.members()).get('q1')?.tags).toEqual({ role: 'changed' });
    await second.run('tags', '-set=zone=b');
    await until('the tag of r2', () => gossip.members.get('r2')?.tags.get('zone') === 'b');
  });

  test('two real agents join ours; a leave is left, a kill is failed, both ways', async (context) => {
    context.skip(serfMissing() !== '', serfMissing());
    const gossip = await our('q1');
    const seed = `127.0.0.1:${gossip.address.port}`;
    const first = await real('r1', `-join=${seed}`);
    const second = await real('r2', `-join=${seed}`);
    const child = await ownProcess('q2', seed);
    const leaver = await our('q3', [first]);
    await agree(5);
    await leaver.leave();
    ours.splice(ours.indexOf(leaver), 1);
    child.kill('SIGKILL');
    await until('left and failed at the real agents', async () => {
      const seen = await Promise.all([first.members(), second.members()]);
      return seen.every(
        (members) => members.get('q3')?.status === 'left' && members.get('q2')?.status === 'failed',
      );
    });
    await first.run('leave');
    await second.kill('SIGKILL');
    await until('left and failed at ours', () => {
      const { members } = gossip;
      return members.get('r1')?.status === 'left' && members.get('r2')?.status === 'failed';
    });
    expect(gossip.members.get('q2')?.status).toBe('failed');
    await gossip.forceLeave('r2');
    expect(gossip.members.get('r2')?.status).toBe('left');
  });

  test('events and queries pass both ways', async (context) => {
    context.skip(serfMissing() !== '', serfMissing());
    const received = path.join(folder, 'events');
    const first = await real(
      'r1',
      `-event-handler=user:ours=(cat; echo) >> ${received}`,
      '-event-handler=query:load=printf "load of $SERF_SELF_NAME"',
    );
    const gossip = await our('q1', [first]);
    await agree(2);
    const events = gossip.events({ name: 'theirs' });
    await first.run('event', 'theirs', 'a payload');
    const event = await events.next();
    expect(decoder.decode(event.value?.payload)).toBe('a payload');
    gossip.event('ours', encoder.encode('from ours'));
    await until('our event', async () => {
      const text = await readFile(received, 'utf8').catch(() => '');
      return text.includes('from ours');
    });
    const answers: string[] = [];
    for await (const answer of gossip.query('load', '', { acknowledge: true })) {
      answers.push(answer.type === 'ack' ? `ack ${answer.from}` : decoder.decode(answer.payload));
      if (answers.includes('ack r1') && answers.includes('load of r1')) break;
    }
    expect(answers).toEqual(expect.arrayContaining(['ack r1', 'load of r1']));
    gossip.answer('name', ({ payload }) => `${decoder.decode(payload)} q1`);
    const { output } = await first.run('query', '-format=json', '-timeout=3s', 'name', 'I am');
    const parsed = JSON.parse(output) as { Acks: string[]; Responses: Record<string, string> };
    expect(parsed.Acks).toEqual(expect.arrayContaining(['q1', 'r1']));
    expect(parsed.Responses).toEqual({ q1: 'I am q1' });
    const relayed = await first.run('query', '-format=json', '-relay-factor=1', 'name', 'still');
    expect(relayed.output).toContain('still q1');
  });

  test('shared values pass real agents by', async (context) => {
    context.skip(serfMissing() !== '', serfMissing());
    const first = await real('r1');
    const [a, b] = [await our('q1', [first]), await our('q2', [first])];
    await agree(3);
    const changes = b.value<string>('text').changes();
    const large = 'x'.repeat(20_000);
    a.value<string>('text').set(large);
    expect((await changes.next()).value?.value).toBe(large);
    a.map('m').set('k', new Map([[1n, new Date(0)]]));
    await until('the small one', () => b.map('m').has('k'));
    expect(b.map('m').get('k')).toEqual(new Map([[1n, new Date(0)]]));
    expect(first.log).not.toMatch(/unknown type|unknown message/i);
  });

  test('a key is rotated across both kinds, where there is one', async (context) => {
    context.skip(serfMissing() !== '', serfMissing());
    if (key === undefined) {
      const gossip = await our('q1');
      expect(await gossip.keys.list()).toMatchObject({ members: 1, errors: 1 });
      return;
    }
    const first = await real('r1');
    const second = await real('r2', `-join=127.0.0.1:${first.port}`);
    const gossip = await our('q1', [first]);
    await our('q2', [second]);
    await agree(4);
    const next = createGossipKey();
    expect(await gossip.keys.install(next)).toMatchObject({ members: 4, responses: 4, errors: 0 });
    expect((await first.run('keys', `-use=${next}`)).code).toBe(0);
    expect(await gossip.keys.remove(key)).toMatchObject({ responses: 4, errors: 0 });
    const listed = await gossip.keys.list();
    expect([...listed.keys]).toEqual([[next, 4]]);
    expect((await second.run('keys', '-list')).output).toContain(next);
    gossip.setTags({ after: 'rotation' });
    await agree(4);
  });

  /** An agent of ours in a process of its own, from the built command. */
  async function ownProcess(name: string, join: string) {
    const port = await freePort();
    const args = [
      path.join(rootPath, 'dist/cli/main.js'),
      'gossip',
      `-node=${name}`,
      `-bind=127.0.0.1:${port}`,
      '-rpc-addr=none',
      `-join=${join}`,
      ...(key === undefined ? [] : [`-encrypt=${key}`]),
    ];
    const child = spawn(process.execPath, args, { stdio: 'ignore' });
    children.push(child);
    return child;
  }
});
