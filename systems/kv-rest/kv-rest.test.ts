/** The script of kv-rest, line by line, with real processes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KvRestProcess } from '../../test/processes/kv-rest-process.ts';
import { freePorts, until } from '../../test/processes/waiting.ts';
import { parseFlags } from './flags.ts';

describe('the script', () => {
  const members: KvRestProcess[] = [];
  let folder = '';
  let ports: number[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'quorate-kv-rest-'));
    ports = await freePorts(10);
  });
  afterAll(async () => {
    await Promise.all(members.map((each) => each.end('SIGKILL')));
    rmSync(folder, { recursive: true, force: true });
  });

  /** Each in another of the ways in which flags may be written. */
  function start(index: number): Promise<KvRestProcess> {
    const [raft, api] = [`:${ports[2 * index]}`, `:${ports[2 * index + 1]}`];
    const [join, stateDir] = [`:${ports[0]}`, path.join(folder, `node-${index}`)];
    const args = [
      ['-raft', raft, '-api', api, '-state_dir', stateDir],
      ['--raft', raft, '--api', api, '--join', join, '--state_dir', stateDir],
      [`-raft=${raft}`, `-api=${api}`, `-join=${join}`, `-state_dir=${stateDir}`],
      [`--raft=${raft}`, `--api=${api}`, `--join=${join}`, `--state_dir=${stateDir}`],
    ][index === 0 ? 0 : 1 + (index % 3)]!;
    const member = new KvRestProcess(`127.0.0.1${api}`, args);
    members.push(member);
    return member.ready();
  }

  const voters = async (of: KvRestProcess): Promise<string[]> => {
    const nodes = await of.nodes();
    return nodes.filter(({ Role }) => Role === 'voter').map(({ ID }) => ID);
  };

  test('one member: put hello, get it', async () => {
    const first = await start(0);
    expect(await first.put('hello', 'medium')).toEqual({ status: 204, text: '' });
    expect(await first.request('/hello')).toEqual({ status: 200, text: 'medium' });
    expect((await first.request('/absent')).status).toBe(404);
  });

  test('two more join; write on one, read on each', async () => {
    await Promise.all([start(1), start(2)]);
    for (const [index, member] of members.entries()) {
      expect((await member.put('foo', `from ${index}`)).status).toBe(204);
      for (const other of members) {
        expect(await other.get('hello')).toBe('medium');
        expect(await other.get('foo')).toBe(`from ${index}`);
      }
    }
    await until('three voters', async () => (await voters(members[0]!)).length === 3);
  });

  test('the third stops, foo becomes bar, it starts again and answers bar', async () => {
    const [first, , third] = members;
    expect(await third!.end('SIGTERM')).toBe(0);
    expect((await first!.request('/', 'POST', { Key: 'foo', Value: 'bar' })).status).toBe(204);
    await third!.restart();
    expect(await third!.get('foo')).toBe('bar');
  });

  test('what is wrong is answered as such', async () => {
    const [first] = members;
    expect((await first!.request('/', 'PUT', 'not JSON')).status).toBe(400);
    expect((await first!.request('/', 'PUT', { Key: 'a' })).status).toBe(400);
    expect((await first!.request('/', 'PUT', 'x'.repeat(1_100_000))).status).toBe(413);
    expect((await first!.request('/%ff')).status).toBe(400);
    const foreign = await fetch(`${first!.url}/hello`, { headers: { origin: 'http://elsewhere' } });
    expect(foreign.status).toBe(403);
    expect((await first!.request('/mgmt/nodes/99', 'DELETE')).status).toBe(404);
    expect((await first!.request('/mgmt/nodes/1', 'PUT', { Address: 'nowhere' })).status).toBe(400);
    const wrongPath = await first!.request('/3', 'DELETE');
    expect(wrongPath.status).toBe(405);
    expect(wrongPath.text).toContain('DELETE /mgmt/nodes/3');
  });

  test('list, remove one by id, its process ends by itself', async () => {
    const [first, second, third] = members;
    const nodes = await second!.nodes();
    expect(nodes.map(({ ID }) => ID)).toEqual(['1', '2', '3']);
    expect(nodes.filter(({ Leader }) => Leader)).toHaveLength(1);
    for (const { Address, API } of nodes) {
      expect(ports.map((port) => `127.0.0.1:${port}`)).toEqual(expect.arrayContaining([Address]));
      expect(members.map(({ url }) => url)).toContain(`http://${API}`);
    }
    const { ID } = nodes.find(({ API }) => third!.url === `http://${API}`)!;
    expect((await first!.request(`/mgmt/nodes/${ID}`, 'DELETE')).status).toBe(204);
    expect(await third!.ended()).toBe(0);
    expect((await second!.nodes()).map((node) => node.ID)).not.toContain(ID);
  });

  test('an address is changed by id', async () => {
    const [first, second] = members;
    const own = (await first!.nodes()).find(({ API }) => second!.url === `http://${API}`)!;
    const moved = own.Address.replace('127.0.0.1', 'localhost');
    const answer = await first!.request(`/mgmt/nodes/${own.ID}`, 'PUT', { Address: moved });
    expect(answer.status).toBe(204);
    const addressOn = async (of: KvRestProcess) =>
      (await of.nodes()).find(({ ID }) => ID === own.ID)!.Address;
    for (const member of [first!, second!]) {
      await until('the new address', async () => (await addressOn(member)) === moved);
    }
  });

  test('remove and replace while writes go on', async () => {
    const [first, second] = members;
    const written: number[] = [];
    const writing = new AbortController();
    const writer = (async () => {
      for (let n = 0; !writing.signal.aborted; n++) {
        const { status, text } = await first!.put(`n-${n}`, String(n));
        if (status !== 204) throw new Error(`write ${n}: ${status} ${text}`);
        written.push(n);
      }
    })();
    writer.catch(() => {});
    const fourth = await start(3);
    await until('a third voter', async () => (await voters(first!)).length === 3);
    // The first members' leader goes, and another takes its place.
    const old = (await fourth.nodes()).find(({ API }) => second!.url === `http://${API}`)!;
    expect((await fourth.request(`/mgmt/nodes/${old.ID}`, 'DELETE')).status).toBe(204);
    expect(await second!.ended()).toBe(0);
    const fifth = await start(4);
    await until('three voters again', async () => (await voters(fifth)).length === 3);
    const soFar = written.length;
    await until('more writes', () => written.length > soFar + 5);
    writing.abort();
    await writer;
    for (const n of [0, soFar, written.length - 1]) expect(await fifth.get(`n-${n}`)).toBe(`${n}`);
  });

  test('after kill -9 of all of them, nothing that was acknowledged is lost', async () => {
    const living = members.filter(({ running }) => running);
    expect(living).toHaveLength(3);
    expect((await living[2]!.put('last', 'word')).status).toBe(204);
    await Promise.all(living.map((each) => each.end('SIGKILL')));
    await Promise.all(living.map((each) => each.restart()));
    for (const member of living) {
      expect(await member.get('last')).toBe('word');
      expect(await member.get('hello')).toBe('medium');
    }
  });
});

test('flags that make no sense are refused, with the reason', () => {
  const stateDir = ['-state_dir', 'x'];
  expect(parseFlags(['-raft', ':1', '--api=:2', ...stateDir])).toEqual({
    raft: '127.0.0.1:1',
    api: '127.0.0.1:2',
    join: '127.0.0.1:1',
    stateDir: 'x',
  });
  expect(() => parseFlags([])).toThrow('-state_dir');
  expect(() => parseFlags(['-raft', '8080', ...stateDir])).toThrow('HOST:PORT');
  expect(() => parseFlags(['-raft', ':99999', ...stateDir])).toThrow('HOST:PORT');
  expect(() => parseFlags(['-rafts', ':1', ...stateDir])).toThrow('--rafts');
  expect(() => parseFlags(['-raft'])).toThrow('argument missing');
});
