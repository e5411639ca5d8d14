/** The script of ha-worker, with real processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Etcd3 } from 'etcd3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts, until } from '../../test/processes/waiting.ts';

const program = path.resolve(import.meta.dirname, '../../dist/systems/ha-worker/main.js');

interface Status {
  readonly name: string;
  readonly works: boolean;
  readonly step: number;
}

describe('the script', () => {
  const copies = new Map<string, ChildProcess>();
  const names = ['a', 'b', 'c', 'd'];
  let folder = '';
  let ports: number[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'quorate-ha-worker-'));
    ports = await freePorts(12);
  });
  afterAll(() => {
    for (const copy of copies.values()) copy.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  const portsOf = (name: string) =>
    ports.slice(3 * names.indexOf(name), 3 * names.indexOf(name) + 3);
  const clientUrl = (name: string) => `http://127.0.0.1:${portsOf(name)[0]}`;
  const peerUrl = (name: string) => `http://127.0.0.1:${portsOf(name)[1]}`;
  const httpUrl = (name: string) => `http://127.0.0.1:${portsOf(name)[2]}`;

  function start(name: string, state: 'new' | 'existing', cluster: readonly string[]): void {
    const flags = {
      '--name': name,
      '--data-dir': path.join(folder, name),
      '--listen-client-urls': clientUrl(name),
      '--advertise-client-urls': clientUrl(name),
      '--listen-peer-urls': peerUrl(name),
      '--initial-advertise-peer-urls': peerUrl(name),
      '--initial-cluster': cluster.map((each) => `${each}=${peerUrl(each)}`).join(),
      '--initial-cluster-state': state,
      '--http': `127.0.0.1:${portsOf(name)[2]}`,
      '--every': '100',
    };
    const args = Object.entries(flags).flat();
    copies.set(name, spawn(process.execPath, [program, ...args], { stdio: 'ignore' }));
  }

  async function status(name: string): Promise<Status | undefined> {
    try {
      const response = await fetch(`${httpUrl(name)}/status`, {
        signal: AbortSignal.timeout(2000),
      });
      return (await response.json()) as Status;
    } catch {
      return undefined;
    }
  }

  async function workers(of: readonly string[] = [...copies.keys()]): Promise<string[]> {
    const all = await Promise.all(of.map(status));
    return all.flatMap((each) => (each?.works === true ? [each.name] : []));
  }

  async function worker(): Promise<string> {
    let [found]: string[] = [];
    await until('one worker', async () => {
      const working = await workers();
      [found] = working;
      return working.length === 1;
    });
    return found!;
  }

  async function steps(more: number): Promise<void> {
    const [name] = copies.keys();
    const from = (await status(name!))?.step ?? 0;
    await until(
      `${more} more steps`,
      async () => ((await status(name!))?.step ?? 0) >= from + more,
    );
  }

  async function ask(name: string, what: string, body: unknown): Promise<Record<string, unknown>> {
    const response = await fetch(`${clientUrl(name)}/v3/${what}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    if (!response.ok) throw new Error(JSON.stringify(answer));
    return answer;
  }

  /** Asks again as long as it is refused because it cannot be done yet. */
  async function untilDone(request: () => Promise<unknown>, notYet: RegExp): Promise<void> {
    await until('it was done', () =>
      request().then(
        () => true,
        (error: Error) => {
          if (notYet.test(error.message)) return false;
          throw error;
        },
      ),
    );
  }

  async function memberId(name: string): Promise<string> {
    const { members } = await ask([...copies.keys()][0]!, 'cluster/member/list', {});
    return (members as { name: string; ID: string }[]).find((member) => member.name === name)!.ID;
  }

  test('three copies: exactly one works, the others serve', async () => {
    for (const name of ['a', 'b', 'c']) start(name, 'new', ['a', 'b', 'c']);
    const leader = await worker();
    await steps(3);
    expect(await workers()).toEqual([leader]);
    const [first, second] = ['a', 'b', 'c'].filter((name) => name !== leader);
    const noted = await fetch(`${httpUrl(first!)}/notes/x`, { method: 'PUT', body: 'hello' });
    expect(noted.status).toBe(200);
    expect(await (await fetch(`${httpUrl(second!)}/notes/x`)).text()).toBe('hello\n');
  });

  test('an ordinary etcd client puts and gets', async () => {
    const client = new Etcd3({ hosts: clientUrl('b'), dialTimeout: 5000 });
    try {
      await client.put('ordinary').value('client');
      expect(await client.get('ordinary').string()).toBe('client');
      expect(await client.get('yandaojiumozhi').string()).toMatch(/^mibao-\d+$/);
    } finally {
      client.close();
    }
  });

  test('kill -9 the worker: another takes over and goes on', async () => {
    const old = await worker();
    copies.get(old)!.kill('SIGKILL');
    copies.delete(old);
    expect(await worker()).not.toBe(old);
    await steps(3);
    start(old, 'new', ['a', 'b', 'c']);
    await until('it is back', async () => (await status(old)) !== undefined);
  });

  test('a worker that was asleep writes nothing stale', async () => {
    const old = await worker();
    const sleeper = copies.get(old)!;
    sleeper.kill('SIGSTOP');
    copies.delete(old);
    expect(await worker()).not.toBe(old);
    await steps(3);
    sleeper.kill('SIGCONT');
    copies.set(old, sleeper);
    await worker();
    await steps(3);
  });

  test('a fourth copy joins, is made to lead, and the first is removed', async () => {
    start('d', 'existing', names);
    await until('it is a member', async () => {
      const { members } = await ask('a', 'cluster/member/list', {});
      return (members as { name: string }[]).some((each) => each.name === 'd');
    });
    // It may not vote yet, or be too far behind to lead within the time of one request.
    const target = { targetID: await memberId('d') };
    await untilDone(
      async () => ask(await worker(), 'maintenance/transfer-leadership', target),
      /bad leader transferee|timed out|not leader/,
    );
    await until('it works', async () => (await workers()).join() === 'd');
    // It must have been connected to the others for five seconds, as with etcd.
    const leaving = { ID: await memberId('a') };
    await untilDone(() => ask('d', 'cluster/member/remove', leaving), /unhealthy cluster/);
    const first = copies.get('a')!;
    if (first.exitCode === null) await once(first, 'exit');
    expect(first.exitCode).toBe(0);
    copies.delete('a');
    await worker();
    await steps(3);
  });

  test('no step was left out or done twice', async () => {
    const client = new Etcd3({ hosts: clientUrl('d'), dialTimeout: 5000 });
    try {
      // First the position: the job goes on meanwhile.
      const last = Number((await client.get('yandaojiumozhi').string())!.slice('mibao-'.length));
      const done = await client.getAll().prefix('done/').exec();
      const found = done.kvs
        .map(({ key }) => Number(key.toString().slice('done/'.length)))
        .sort((x, y) => x - y);
      expect(found.slice(0, last)).toEqual(Array.from({ length: last }, (_, i) => i + 1));
      expect(done.kvs.map(({ version }) => version)).toEqual(done.kvs.map(() => '1'));
    } finally {
      client.close();
    }
  });
});
