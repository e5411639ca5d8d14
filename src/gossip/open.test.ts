/** Agents on real sockets of loopback: life cycle, errors, files, values, and what is left open. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort, until } from '../../test/processes/waiting.ts';
import { createGossipKey, type Gossip, type OpenGossipOptions, openGossip } from '../gossip.ts';
import { silentLogger } from '../ports/logger.ts';
import { decodeSnapshot } from './snapshot.ts';

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
const opened: Gossip[] = [];
let folder = '';

async function open(name: string, options: OpenGossipOptions = {}): Promise<Gossip> {
  const gossip = await openGossip({
    name,
    bind: '127.0.0.1:0',
    preset: 'local',
    logger: silentLogger,
    ...options,
    // Gossip reaches all but with a certain probability; here it should be next to one.
    settings: {
      retransmitMult: 8,
      probeIntervalMs: 400,
      probeTimeoutMs: 200,
      gossipIntervalMs: 50,
      ...options.settings,
    },
  });
  opened.push(gossip);
  return gossip;
}

const at = (gossip: Gossip): string => `127.0.0.1:${gossip.address.port}`;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'quorate-gossip-'));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((gossip) => gossip.close()));
  await rm(folder, { recursive: true, force: true });
});

describe('members', () => {
  test('join, change tags, fail and leave, as a live view and as changes', async () => {
    const a = await open('a', { tags: { role: 'first' } });
    const changes = a.members.changes();
    const b = await open('b', { join: [at(a)] });
    const c = await open('c', { join: [at(b)] });
    await until('three members', () => a.members.alive().length === 3);
    expect(b.members.get('a')?.tags.get('role')).toBe('first');
    b.setTags({ zone: 'z' });
    await until('the tag', () => a.members.get('b')?.tags.get('zone') === 'z');
    await c.leave();
    await until('left', () => a.members.get('c')?.status === 'left');
    await b.close();
    await until('failed', () => a.members.get('b')?.status === 'failed');
    expect(a.members.size).toBe(3);
    await a.close();
    const seen: string[] = [];
    for await (const { change, member } of changes) seen.push(`${change} ${member.name}`);
    expect(seen).toEqual(['join b', 'join c', 'update b', 'leave c', 'failed b']);
  });

  test('a failed member that comes back is alive again', async () => {
    const a = await open('a');
    const b = await open('b', { join: [at(a)] });
    const { port } = b.address;
    await b.close();
    await until('failed', () => a.members.get('b')?.status === 'failed');
    await open('b', { bind: `127.0.0.1:${port}`, join: [at(a)] });
    await until('alive', () => a.members.get('b')?.status === 'alive');
  });
});

describe('events and queries', () => {
  test('events reach all, oneself too, by name', async () => {
    const a = await open('a');
    const b = await open('b', { join: [at(a)] });
    const all = a.events();
    const named = b.events({ name: 'second' });
    a.event('first', 'one', { coalesce: false });
    b.event('second', Uint8Array.of(50));
    expect(text((await all.next()).value?.payload)).toBe('one');
    expect((await named.next()).value).toMatchObject({ name: 'second', coalesce: false });
    expect((await all.next()).value).toMatchObject({ name: 'second' });
    expect(() => a.event('x', 'y'.repeat(600))).toThrow(
      expect.objectContaining({ code: 'gossip-too-large' }),
    );
  });

  test('queries are answered by handlers, filtered by name and tag, and can be left', async () => {
    const a = await open('a');
    const b = await open('b', { join: [at(a)], tags: { role: 'db' } });
    const c = await open('c', { join: [at(a)], tags: { role: 'web' } });
    for (const gossip of [b, c]) {
      gossip.answer('who', async ({ payload, from }) => `${gossip.name} ${text(payload)} ${from}`);
    }
    c.answer('broken', () => {
      throw new Error('handler');
    });
    await until('three members', () => a.members.alive().length === 3);
    const ask = async (count: number, filter = {}): Promise<string[]> => {
      const answers: string[] = [];
      for await (const answer of a.query('who', 'hey', { filter, timeoutMs: 20_000 })) {
        if (answer.type === 'response') answers.push(text(answer.payload));
        if (answers.length === count) break;
      }
      return answers.sort();
    };
    expect(await ask(2)).toEqual(['b hey a', 'c hey a']);
    for (let time = 0; time < 3; time++) {
      expect(await ask(1, { names: ['c'] })).toEqual(['c hey a']);
      expect(await ask(1, { tags: new Map([['role', '^d.$']]) })).toEqual(['b hey a']);
    }
    for await (const answer of a.query('broken', '', { acknowledge: true, timeoutMs: 300 })) {
      expect(answer.type).toBe('ack');
    }
    const startMs = performance.now();
    for await (const _ of a.query('who', '', { timeoutMs: 60_000 })) break;
    const signal = AbortSignal.timeout(50);
    for await (const _ of a.query('nobody answers', '', { timeoutMs: 60_000, signal }));
    expect(performance.now() - startMs).toBeLessThan(20_000);
    expect(() => b.answer('who', () => '')).toThrow('answered already');
  });
});

describe('shared values', () => {
  test('reach all, also those that join later, and however large', async () => {
    const a = await open('a');
    const b = await open('b', { join: [at(a)] });
    const settings = b.map<{ n: bigint }>('settings');
    const changes = settings.changes();
    a.map<{ n: bigint }>('settings').set('x', { n: 2n ** 70n });
    expect((await changes.next()).value).toEqual({
      key: 'x',
      value: { n: 2n ** 70n },
      writer: 'a',
    });
    const large = 'x'.repeat(50_000);
    const text = a.value<string>('text');
    text.set(large);
    await until('the large value', () => b.value('text').get() === large);
    const c = await open('c', { join: [at(b)] });
    expect(['a', 'b']).toContain(await c.pullValues());
    expect(c.value('text').get()).toBe(large);
    expect([...c.map('settings')]).toEqual([['x', { n: 2n ** 70n }]]);
    expect(c.map('settings').delete('x')).toBe(true);
    await until('the delete', () => !settings.has('x'));
    expect([settings.size, settings.delete('x')]).toEqual([0, false]);
    expect(() => text.set('x'.repeat(70_000))).toThrow(
      expect.objectContaining({ code: 'gossip-value-too-large' }),
    );
    expect(() => a.map('settings').set('', { n: 1n })).toThrow('a key needs');
  });

  test('a pull without others finds nobody, and one that is aborted ends', async () => {
    const a = await open('a');
    expect(await a.pullValues()).toBeUndefined();
    const b = await open('b', { join: [at(a)] });
    b.value('x').set(1);
    await until('b to share', () => a.members.get('b')?.tags.has('quorate-values') === true);
    await expect(a.pullValues({ signal: AbortSignal.abort(new Error('mine')) })).rejects.toThrow(
      'mine',
    );
  });
});

describe('encryption', () => {
  test('who has another key is not let in; keys rotate and are kept', async () => {
    const key = createGossipKey();
    const keyringPath = path.join(folder, 'keyring.json');
    const a = await open('a', { key, keyringPath });
    const b = await open('b', { key, join: [at(a)] });
    const other = { key: createGossipKey(), join: [at(a)], settings: { tcpTimeoutMs: 300 } };
    await expect(open('c', other)).rejects.toMatchObject({ code: 'gossip-join-failed' });
    await expect(
      open('d', { join: [at(a)], settings: { tcpTimeoutMs: 300 } }),
    ).rejects.toMatchObject({ code: 'gossip-join-failed' });
    const next = createGossipKey();
    expect(await a.keys.install(next)).toMatchObject({ members: 2, responses: 2, errors: 0 });
    expect(await b.keys.use(next)).toMatchObject({ responses: 2, errors: 0 });
    expect(await a.keys.remove(key)).toMatchObject({ responses: 2, errors: 0 });
    await expect(a.keys.use('c2hvcnQ=')).rejects.toMatchObject({ code: 'invalid-config' });
    await until('the file', async () => {
      return JSON.parse(await readFile(keyringPath, 'utf8')).join() === next;
    });
    await a.close();
    // The file wins over the old key of the configuration.
    await open('a', { key, keyringPath, join: [at(b)] });
  });
});

describe('opening', () => {
  test('fails by code, and leaves nothing open', async () => {
    const nobody = `127.0.0.1:${await freePort()}`;
    const port = await freePort();
    const bind = `127.0.0.1:${port}`;
    await expect(open('a', { bind, join: [nobody] })).rejects.toMatchObject({
      code: 'gossip-join-failed',
      details: { failures: [expect.objectContaining({ address: nobody })] },
    });
    await expect(open('a', { bind, join: ['no.such.host.invalid'] })).rejects.toMatchObject({
      code: 'gossip-join-failed',
    });
    const reason = new Error('enough');
    await expect(
      open('a', { bind, join: [nobody], signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason);
    const snapshotPath = path.join(folder, 'snapshot');
    await writeFile(snapshotPath, 'something else');
    await expect(open('a', { bind, snapshotPath })).rejects.toMatchObject({
      code: 'gossip-snapshot-damaged',
    });
    const first = await open('a', { bind, rpc: '127.0.0.1:0' });
    await expect(open('b', { bind })).rejects.toMatchObject({ code: 'address-in-use' });
    const rpc = `127.0.0.1:${first.rpcAddress!.port}`;
    await expect(open('b', { rpc })).rejects.toMatchObject({ code: 'address-in-use' });
    await first.close();
    await (await open('a', { bind, rpc })).close();
  });

  test('after the end everything fails with gossip-stopped, and iterators end', async () => {
    const a = await open('a');
    const events = a.events();
    const changes = a.members.changes();
    const query = a.query('q', '', { timeoutMs: 60_000 });
    const waiting = [events.next(), changes.next(), query.next()];
    await Promise.all([a.close(), a.close(), a.leave()]);
    expect(await a.closed).toEqual({ reason: 'closed' });
    for (const each of waiting) expect((await each).done).toBe(true);
    const stopped = expect.objectContaining({ code: 'gossip-stopped' });
    expect(() => a.event('x')).toThrow(stopped);
    expect(() => a.members.size).toThrow(stopped);
    expect(() => a.events()).toThrow(stopped);
    expect(() => a.query('x')).toThrow(stopped);
    expect(() => a.value('x')).toThrow(stopped);
    await expect(a.join(['127.0.0.1:1'])).rejects.toEqual(stopped);
    await expect(a.keys.list()).rejects.toEqual(stopped);
  });

  test('an unknown member cannot be made to leave', async () => {
    const a = await open('a');
    await expect(a.forceLeave('b')).rejects.toMatchObject({ code: 'gossip-unknown' });
  });
});

describe('finding the cluster', () => {
  test('retryJoin goes on until somebody is there', async () => {
    const [ownPort, port] = [await freePort(), await freePort()];
    const a = await open('a', {
      // Its own address is in the list too, and is not mistaken for the cluster.
      bind: `127.0.0.1:${ownPort}`,
      retryJoin: {
        addresses: [`127.0.0.1:${ownPort}`, `127.0.0.1:${port}`],
        intervalMs: 100,
      },
    });
    expect(a.members.alive()).toHaveLength(1);
    await open('b', { bind: `127.0.0.1:${port}` });
    await until('two members', () => a.members.alive().length === 2);
  });

  test('a restart rejoins by the snapshot, unless it has left', async () => {
    const snapshotPath = path.join(folder, 'below', 'a.snapshot');
    // On one port: another address under a name that is alive would be a conflict of names.
    const bind = `127.0.0.1:${await freePort()}`;
    const a = await open('a', { bind, snapshotPath });
    const b = await open('b', { join: [at(a)] });
    a.event('counted');
    await until('the snapshot', async () => {
      const content = await readFile(snapshotPath).catch(() => undefined);
      if (content === undefined) return false;
      const { members, lamportTimes } = decodeSnapshot(content);
      return members[0]?.name === 'b' && lamportTimes.event > 1;
    });
    await a.close();
    const again = await open('a', { bind, snapshotPath });
    await until('b', () => again.members.get('b')?.status === 'alive');
    await until('a at b', () => b.members.get('a')?.status === 'alive');
    await again.leave();
    const gone = await open('a', { bind, snapshotPath });
    expect(decodeSnapshot(await readFile(snapshotPath)).left).toBe(true);
    expect(gone.members.size).toBe(1);
    await gone.close();
    const back = await open('a', { bind, snapshotPath, rejoinAfterLeave: true });
    await until('a again', () => back.members.alive().length === 2);
  });
});
