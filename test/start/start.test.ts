/** `npm start` as a newcomer uses it: three members, a kill -9, Ctrl-C, and the data found again. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { request } from '../processes/kv-rest-process.ts';
import { until } from '../processes/waiting.ts';

const root = path.resolve(import.meta.dirname, '../..');

class Started {
  output = '';
  readonly #process: ChildProcess;

  constructor(args: readonly string[]) {
    const child = spawn(process.execPath, [path.join(root, 'scripts/start.mjs'), ...args]);
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes: Buffer) => {
        this.output += bytes.toString();
      });
    }
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  async ready(): Promise<this> {
    await until('the start', () => {
      if (!this.running) throw new Error(`it has ended:\n${this.output}`);
      return this.output.includes('Ctrl-C stops all') && / leads\n/.test(this.output);
    });
    return this;
  }

  /** Where the members answer, by what was printed. */
  get addresses(): string[] {
    return [...this.output.matchAll(/^ {2}member \d {2}(http:\S+)/gm)].map(([, url]) => url!);
  }

  get pids(): number[] {
    return [...this.output.matchAll(/\(process (\d+)\)/g)].map(([, pid]) => Number(pid));
  }

  async end(signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    if (this.running) this.#process.kill(signal);
    await until('the end', () => !this.running);
    return this.#process.exitCode;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('npm start', () => {
  let folder = '';
  const runs: Started[] = [];
  const start = (): Promise<Started> => {
    const started = new Started(['kv-rest', '--data', folder]);
    runs.push(started);
    return started.ready();
  };

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'quorate-start-'));
  });
  afterAll(async () => {
    await Promise.all(runs.map((run) => run.end()));
    rmSync(folder, { recursive: true, force: true });
  });

  test('answers on any member, goes on when one is killed with -9, and takes it back', async () => {
    const started = await start();
    const { addresses, pids } = started;
    expect(addresses).toHaveLength(3);
    for (const address of addresses) {
      const body = '{"Key":"hello","Value":"medium"}';
      expect((await request(`${address}/`, 'PUT', body)).status).toBe(204);
      for (const other of addresses) {
        expect(await request(`${other}/hello`)).toEqual({ status: 200, text: 'medium' });
      }
    }
    // Its leader, which is the hardest: the others have to elect another one.
    const [, leader] = /member (\d) leads/.exec(started.output)!;
    const killed = Number(leader) - 1;
    process.kill(pids[killed]!, 'SIGKILL');
    const rest = addresses.filter((_, i) => i !== killed);
    const body = '{"Key":"hello","Value":"large"}';
    expect((await request(`${rest[0]}/`, 'PUT', body)).status).toBe(204);
    expect((await request(`${rest[1]}/hello`)).text).toBe('large');
    await until('the killed one', async () => {
      const answer = await request(`${addresses[killed]}/hello`).catch(() => undefined);
      return answer?.text === 'large';
    });
    expect(started.output).toContain(`member ${leader} has died (SIGKILL)`);
    expect(await started.end()).toBe(0);
    for (const pid of pids) expect(isAlive(pid)).toBe(false);
  });

  test('finds the data of the last run again, at the same addresses', async () => {
    const again = await start();
    expect(again.addresses).toEqual(runs[0]!.addresses);
    expect((await request(`${again.addresses[1]}/hello`)).text).toBe('large');
    const second = new Started(['kv-rest', '--data', folder]);
    expect(await second.end('SIGCONT')).toBe(1);
    expect(second.output).toContain('something listens there already');
    expect(await again.end()).toBe(0);
  });
});

test('npm start alone: three members of a server for clients of etcd', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'quorate-start-'));
  const started = new Started(['--data', folder]);
  try {
    const { addresses, pids } = await started.ready();
    expect(addresses).toHaveLength(3);
    const post = (url: string, what: string, body: object): Promise<Response> =>
      fetch(`${url}/v3/kv/${what}`, { method: 'POST', body: JSON.stringify(body) });
    const [first, second, third] = addresses as [string, string, string];
    const hello = Buffer.from('hello').toString('base64');
    expect((await post(first, 'put', { key: hello, value: hello })).status).toBe(200);
    for (const url of [second, third]) {
      const { kvs } = (await (await post(url, 'range', { key: hello })).json()) as { kvs: unknown };
      expect(kvs).toMatchObject([{ key: hello, value: hello, version: '1' }]);
    }
    // The lines that are printed work when they are pasted.
    const [, line] = /(curl \S+\/v3\/kv\/range.*)\n/.exec(started.output)!;
    expect(spawnSync('sh', ['-c', line!]).stdout.toString()).toContain('"kvs"');
    expect(await started.end()).toBe(0);
    for (const pid of pids) expect(isAlive(pid)).toBe(false);
  } finally {
    await started.end();
    rmSync(folder, { recursive: true, force: true });
  }
});

test('other names: the timeline plays, an unknown one lists what there is', async () => {
  const timeline = new Started(['timeline']);
  expect(await timeline.end('SIGCONT')).toBe(0);
  expect(timeline.output).toContain('leader');
  const unknown = new Started(['nonsense']);
  expect(await unknown.end('SIGCONT')).toBe(1);
  expect(unknown.output).toMatch(/no program "nonsense"[\s\S]*kv-rest[\s\S]*timeline/);
});
