/** The script of counters, line by line, with real processes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Program } from '../../test/processes/program.ts';
import { freePorts, until } from '../../test/processes/waiting.ts';

const script = 'dist/systems/counters/main.js';
const names = ['a', 'b', 'c'];

describe('the script', () => {
  const members: Program[] = [];
  const urls: string[] = [];
  let folder = '';

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'quorate-counters-'));
    const ports = await freePorts(6);
    const peers = names.map((name, i) => `${name}=127.0.0.1:${ports[i]}`).join(',');
    for (const [i, name] of names.entries()) {
      const data = path.join(folder, name);
      const port = i === 0 ? `${ports[3 + i]}` : `:${ports[3 + i]}`;
      urls.push(`http://127.0.0.1:${ports[3 + i]}`);
      const args = ['--name', name, '--peers', peers, '--data', data, '--port', port];
      members.push(new Program(name, script, args));
    }
    await Promise.all(members.map((member) => member.ready()));
  });
  afterAll(async () => {
    await Promise.all(members.map((each) => each.end('SIGKILL')));
    rmSync(folder, { recursive: true, force: true });
  });

  async function post(member: number, what: string, body: string, key?: string) {
    const response = await fetch(`${urls[member]}/${what}`, {
      method: 'POST',
      // The content type that curl sends, which is not JSON's.
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
      body,
      signal: AbortSignal.timeout(20_000),
    });
    return { status: response.status, text: (await response.text()).trim() };
  }

  test('put, get, inc, delete; each on another member', async () => {
    expect(await post(0, 'put', '{"key":1,"value":2}')).toEqual({
      status: 200,
      text: '{"value":2}',
    });
    expect(await post(1, 'get', '{"key":1}')).toEqual({ status: 200, text: '{"value":2}' });
    expect(await post(2, 'inc', '{"key":1,"value":5}')).toEqual({
      status: 200,
      text: '{"value":7}',
    });
    expect(await post(0, 'inc', '{"key":9,"value":5}')).toEqual({
      status: 200,
      text: '{"value":5}',
    });
    expect(await post(1, 'delete', '{"key":1}')).toEqual({ status: 200, text: '{}' });
    expect(await post(2, 'get', '{"key":1}')).toEqual({
      status: 404,
      text: '{"error":"key not found"}',
    });
  });

  test('64-bit integers survive, as numbers and as strings', async () => {
    const large = '9223372036854775807';
    const put = await post(0, 'put', `{"key":-9223372036854775808,"value":${large}}`);
    expect(put.text).toBe(`{"value":${large}}`);
    const get = await post(1, 'get', '{"key":"-9223372036854775808"}');
    expect(get.text).toBe(`{"value":${large}}`);
    const over = await post(2, 'inc', '{"key":-9223372036854775808,"value":1}');
    expect(over).toEqual({ status: 400, text: '{"error":"more than 64 bits"}' });
    expect((await post(1, 'get', '{"key":-9223372036854775808}')).text).toBe(`{"value":${large}}`);
  });

  test('what is malformed is answered as such', async () => {
    const bad = ['', '7', '{"value":1}', '{"key":1.5,"value":1}', '{"key":1}', '{"key":1e3}'];
    for (const body of [...bad, '{"key":9223372036854775808,"value":1}']) {
      const { status, text } = await post(0, 'put', body);
      expect([status, JSON.parse(text)]).toEqual([400, { error: expect.any(String) }]);
    }
    expect((await fetch(`${urls[0]}/put`)).status).toBe(405);
    expect((await post(0, 'elsewhere', '{}')).status).toBe(404);
  });

  test('1,000 concurrent inc spread over all give exactly 1,000', async () => {
    const all = Array.from({ length: 1000 }, (_, i) => post(i % 3, 'inc', '{"key":2,"value":1}'));
    const answers = await Promise.all(all);
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect((await post(0, 'get', '{"key":2}')).text).toBe('{"value":1000}');
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1000);
  });

  test('kill -9 the leader in the middle and retry with the same key: still exact', async () => {
    const leader = await leaderOf();
    const count = 300;
    const one = async (n: number): Promise<void> => {
      for (let attempt = n; ; attempt++) {
        const reply = await post(attempt % 3, 'inc', '{"key":3,"value":1}', `inc ${n}`).catch(
          () => undefined,
        );
        if (reply?.status === 200) return;
        if (reply !== undefined && reply.status !== 503) throw new Error(reply.text);
      }
    };
    const first = Array.from({ length: count / 2 }, (_, n) => one(n));
    const death = members[leader]!.end('SIGKILL');
    const second = Array.from({ length: count / 2 }, (_, n) => one(count / 2 + n));
    await Promise.all([...first, ...second, death]);
    const living = [0, 1, 2].filter((index) => index !== leader);
    for (const index of living) {
      expect((await post(index, 'get', '{"key":3}')).text).toBe(`{"value":${count}}`);
    }
    // A retry of one that has taken effect is answered as it was.
    const again = await post(living[0]!, 'inc', '{"key":3,"value":1}', 'inc 7');
    expect(again.status).toBe(200);
    expect((await post(living[1]!, 'get', '{"key":3}')).text).toBe(`{"value":${count}}`);
    await members[leader]!.restart();
    expect((await post(leader, 'get', '{"key":3}')).text).toBe(`{"value":${count}}`);
  });

  test('without a majority the answer is 503; after kill -9 of all nothing is lost', async () => {
    await Promise.all([1, 2].map((index) => members[index]!.end('SIGKILL')));
    expect((await post(0, 'inc', '{"key":4,"value":1}')).status).toBe(503);
    await members[0]!.end('SIGKILL');
    await Promise.all(members.map((member) => member.restart()));
    expect((await post(2, 'get', '{"key":2}')).text).toBe('{"value":1000}');
    expect(await members[1]!.end('SIGTERM')).toBe(0);
  });

  /** Who leads says so in its log. */
  async function leaderOf(): Promise<number> {
    let found = -1;
    await until('a leader', () => {
      const terms = members.map(({ log }) =>
        Math.max(0, ...[...log.matchAll(/leads in term (\d+)/g)].map(([, term]) => Number(term))),
      );
      found = terms.indexOf(Math.max(...terms));
      return Math.max(...terms) > 0;
    });
    return found;
  }
});
