/** The script of raft-kv, line by line, with real processes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LineClient } from '../../test/processes/line-client.ts';
import { Program } from '../../test/processes/program.ts';
import { freePorts, until } from '../../test/processes/waiting.ts';

const script = 'dist/systems/raft-kv/main.js';

interface Event {
  readonly type: string;
  readonly [fact: string]: unknown;
}

interface Status {
  readonly ID: string;
  readonly Role: string;
  readonly Term: number;
  readonly Leader: string;
  readonly Members: readonly { readonly ID: string; readonly Role: string }[];
}

describe('the script', () => {
  const members: Program[] = [];
  const clients: LineClient[] = [];
  let folder = '';
  let ports: number[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'quorate-raft-kv-'));
    ports = await freePorts(4);
    for (const index of [0, 1, 2]) start(index, ['--trace']);
    await Promise.all(members.map((member) => member.ready()));
  });
  afterAll(async () => {
    for (const client of clients) client.close();
    await Promise.all(members.map((each) => each.end('SIGKILL')));
    rmSync(folder, { recursive: true, force: true });
  });

  function start(index: number, more: readonly string[] = []): Program {
    const joins = index > 2;
    const nodes = ports.slice(0, joins ? 4 : 3);
    const Nodes = nodes.map((port, i) => ({ ID: `node${i + 1}`, Endpoint: `localhost:${port}` }));
    const config = path.join(folder, `node${index + 1}.json`);
    writeFileSync(config, JSON.stringify({ ID: `node${index + 1}`, Nodes, Join: joins }));
    const args = ['--config', config, '--data', path.join(folder, `${index + 1}`), ...more];
    const member = new Program(`node${index + 1}`, script, args, 'service ready');
    members[index] = member;
    return member;
  }

  async function client(index: number): Promise<LineClient> {
    const opened = await LineClient.connect(ports[index]!);
    clients.push(opened);
    return opened;
  }

  const status = async (index: number): Promise<Status> => {
    const asking = await client(index);
    const answer = (await asking.call('Raft.Status')) as Status;
    asking.close();
    return answer;
  };

  /** Which of the running members leads. */
  async function leader(): Promise<number> {
    let found = -1;
    await until('a leader', async () => {
      for (const [index, member] of members.entries()) {
        if (!member.running) continue;
        const { Role } = await status(index).catch(() => ({ Role: '' }));
        if (Role === 'leader') found = index;
      }
      return found >= 0;
    });
    return found;
  }

  test('three members from three files say what they do', async () => {
    for (const [index, { log }] of members.entries()) {
      expect(log).toContain(`starting node${index + 1}`);
      expect(log).toContain(`service ready on localhost:${ports[index]}`);
    }
    const ping = (await (await client(1)).call('Raft.Ping')) as Record<string, unknown>;
    expect(ping.SenderID).toBe('node2');
    expect(ping.Timestamp).toBeGreaterThan(1.7e18);
  });

  test('put, get, delete through any of them', async () => {
    const [one, two, three] = await Promise.all([0, 1, 2].map(client));
    expect(await one!.call('KV.Put', { key: 'a', value: 'b' })).toBeNull();
    expect(await two!.call('KV.Get', { key: 'a' })).toBe('b');
    expect(await three!.call('KV.Delete', { key: 'a' })).toBe(true);
    await expect(one!.call('KV.Get', { key: 'a' })).rejects.toThrow('key not found');
    await expect(one!.call('KV.Put', { key: 'a' })).rejects.toThrow('"value"');
    await expect(one!.call('KV.Guess')).rejects.toThrow('no method KV.Guess');
    one!.send('not JSON\n');
    expect(await one!.call('KV.Put', { key: 'kept', value: 'yes' })).toBeNull();
  });

  test('--trace tells every message with its answer', async () => {
    await until('a trace', () => {
      const { log } = members[0]!;
      return /(sent|received) node\d → node\d append \{/.test(log) && log.includes('append-reply');
    });
  });

  test('the events of a leader’s death show the election step by step', async () => {
    const dead = await leader();
    const living = [0, 1, 2].filter((index) => index !== dead);
    const streams = await Promise.all(
      living.map(async (index) => (await client(index)).stream('Raft.Events') as Event[]),
    );
    await until('the streams', () => streams.every((events) => events.length > 0));
    await members[dead]!.end('SIGKILL');
    const next = await leader();
    const events = streams[living.indexOf(next)]!;
    const other = streams[1 - living.indexOf(next)]!;
    await until('the whole election', () =>
      events.some(({ type, role }) => type === 'role' && role === 'leader'),
    );
    const steps = events.map((event) =>
      event.type === 'role'
        ? `role ${event.role}`
        : `${event.type}${event.pre === true ? ' (pre)' : ''}`,
    );
    const won = steps.indexOf('role leader');
    const order = ['role pre-candidate', 'vote-request (pre)', 'vote-answer (pre)'];
    const then = ['role candidate', 'vote-request', 'vote-answer', 'role leader'];
    let at = -1;
    for (const step of [...order, ...then]) {
      const found = steps.indexOf(step, at + 1);
      expect(found, `${step} after ${at} in ${steps.join(', ')}`).toBeGreaterThan(at);
      at = found;
    }
    expect(at).toBe(won);
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'vote-answer',
        granted: true,
        pre: false,
        to: `node${next + 1}`,
      }),
    );
    await until('the voter’s side', () => other.some(({ type }) => type === 'vote'));
    expect(other).toContainEqual(
      expect.objectContaining({ type: 'vote', candidate: `node${next + 1}` }),
    );
    // And what follows: the new leader's entry is appended, committed, applied.
    await (await client(next)).call('KV.Put', { key: 'after', value: 'death' });
    for (const type of ['append', 'commit', 'apply']) {
      await until(type, () => events.slice(at).some((event) => event.type === type));
    }
    await members[dead]!.restart();
    expect(await (await client(dead)).call('KV.Get', { key: 'after' })).toBe('death');
  });

  test('a member with a stale log asks for votes and is refused', async () => {
    const refusal = ({ type, granted, to }: Event, name: string) =>
      type === 'vote-given' && granted === false && to === name;
    for (let attempt = 1; ; attempt++) {
      const first = await leader();
      const [voter, stale] = [(first + 1) % 3, (first + 2) % 3];
      await members[stale]!.end('SIGKILL');
      const writer = await client(first);
      for (let i = 0; i < 5; i++) await writer.call('KV.Put', { key: `missed ${i}`, value: 'x' });
      const events = (await client(voter)).stream('Raft.Events') as Event[];
      await until('the stream', () => events.length > 0);
      await members[first]!.end('SIGKILL');
      // The voter lives slowly for a while, so that the stale member mostly asks first.
      members[voter]!.signal('SIGSTOP');
      const before = members[stale]!.log.length;
      const back = members[stale]!.restart();
      await until('a stale candidate', () => members[stale]!.log.includes(' pre-vote ', before));
      const name = `node${stale + 1}`;
      const over = () => events.some((event) => refusal(event, name) || event.role === 'leader');
      await until('an end', async () => {
        members[voter]!.signal('SIGCONT');
        await pause(100);
        if (over()) return true;
        members[voter]!.signal('SIGSTOP');
        await pause(300);
        return false;
      });
      await back;
      const next = await leader();
      const found = events.some((event) => refusal(event, name));
      await members[first]!.restart();
      if (!found && attempt < 8) continue;
      expect(found).toBe(true);
      expect(next).toBe(voter);
      expect(await (await client(stale)).call('KV.Get', { key: 'missed 4' })).toBe('x');
      return;
    }
  });

  test('a fourth member is added, one is removed', async () => {
    const fourth = start(3);
    await until('the fourth to wait', () => fourth.log.includes('waiting to be added'));
    const one = await client(0);
    const params = { ID: 'node4', Endpoint: `localhost:${ports[3]}` };
    expect(await one.call('Raft.Add', params)).toEqual(params);
    await fourth.ready();
    await until('four voters', async () => {
      const { Members } = await status(3);
      return Members.filter(({ Role }) => Role === 'voter').length === 4;
    });
    expect(await (await client(3)).call('KV.Get', { key: 'kept' })).toBe('yes');
    const stream = (await client(0)).stream('Raft.Events') as Event[];
    await until('the stream', () => stream.length > 0);
    expect(await (await client(3)).call('Raft.Remove', { ID: 'node2' })).toEqual({ ID: 'node2' });
    expect(await members[1]!.ended()).toBe(0);
    await until('the configuration', () =>
      stream.some(
        ({ type, voters }) => type === 'configuration' && (voters as string[]).length === 3,
      ),
    );
    expect((await status(0)).Members.map(({ ID }) => ID)).toEqual(['node1', 'node3', 'node4']);
    expect(await (await client(2)).call('KV.Put', { key: 'last', value: 'word' })).toBeNull();
  });

  test('after kill -9 of all of them, nothing that was acknowledged is lost', async () => {
    const living = members.filter(({ running }) => running);
    expect(living).toHaveLength(3);
    await Promise.all(living.map((each) => each.end('SIGKILL')));
    await Promise.all(living.map((each) => each.restart()));
    expect(await (await client(0)).call('KV.Get', { key: 'last' })).toBe('word');
  });
});
