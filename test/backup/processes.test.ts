/**
 * Real processes: a client goes on when the leader is killed, each of its commands exactly once; and
 * the command line takes the cluster's backup, from which another one begins.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { connect } from '../../src/client.ts';
import { counters } from '../machine/named-counters.ts';
import { Program } from '../processes/program.ts';
import { freePorts, until } from '../processes/waiting.ts';

const names = ['a', 'b', 'c'];
const script = new URL('./counting-member.mjs', import.meta.url).pathname;
const cli = path.resolve(import.meta.dirname, '../../dist/cli/main.js');
const programs: Program[] = [];
const folder = mkdtempSync(path.join(tmpdir(), 'quorate-killed-'));

afterAll(async () => {
  await Promise.all(programs.map((each) => each.end('SIGKILL')));
  rmSync(folder, { recursive: true, force: true });
});

function quorate(...args: string[]): { readonly code: number | null; readonly text: string } {
  const run = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', timeout: 60_000 });
  return { code: run.status, text: run.stdout + run.stderr };
}

function start(name: string, peers: string, dataDir: string): Program {
  const program = new Program(name, script, [name, peers, dataDir], ' serves now');
  programs.push(program);
  return program;
}

test('a client goes on when leaders are killed, exactly once; and a backup of it all is restored', async () => {
  const ports = await freePorts(3);
  const peers = names.map((name, i) => `${name}=127.0.0.1:${ports[i]}`).join(',');
  const trio = names.map((name) => start(name, peers, path.join(folder, name)));
  await Promise.all(trio.map((each) => each.ready()));
  const endpoints = ports.map((port) => `127.0.0.1:${port}`);
  const client = connect({ endpoints, machines: { counters }, requestTimeoutMs: 60_000 });
  let acknowledged = 0;
  let active = true;
  const work = Array.from({ length: 4 }, async (_, n) => {
    for (let own = 1; active; own++) {
      // Each worker alone writes its key, so that every answer tells whether one was lost or doubled.
      expect(await client.counters.commands.inc(`key ${n}`)).toBe(own);
      acknowledged++;
    }
  });
  const leads = ({ log }: Program): boolean =>
    log.lastIndexOf('leads now') > log.lastIndexOf('follows now');
  for (let kill = 0; kill < 2; kill++) {
    const before = acknowledged;
    await until('work', () => acknowledged > before + 50);
    await until('a leader', () => trio.some((each) => each.running && leads(each)));
    const leader = trio.find((each) => each.running && leads(each))!;
    await leader.end('SIGKILL');
    const then = acknowledged;
    await until('work to go on', () => acknowledged > then + 20);
    await leader.restart();
  }
  active = false;
  await Promise.all(work);
  const total = await Promise.all([0, 1, 2, 3].map((n) => client.counters.queries.get(`key ${n}`)));
  expect(total.reduce((sum, each) => sum + each)).toBe(acknowledged);

  const file = path.join(folder, 'f.backup');
  const backup = quorate('backup', '-member', endpoints[0]!, '-out', file, '-json');
  expect(backup).toMatchObject({ code: 0 });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const locked = quorate('backup', '-data', path.join(folder, 'a'), '-out', `${file}2`);
  expect(locked).toMatchObject({ code: 1, text: /directory-locked/ });
  await client.close();
  await Promise.all(trio.map((each) => each.end('SIGKILL')));

  const [port] = await freePorts(1);
  const own = `z=127.0.0.1:${port}`;
  const target = path.join(folder, 'z');
  const restored = quorate('restore', file, '-data', target, '-name', 'z', '-peer', own);
  expect(restored).toMatchObject({ code: 0, text: /group counters, at index/ });
  await start('z', own, target).ready();
  const endpoint = `127.0.0.1:${port}`;
  const after = connect({ endpoints: [endpoint], machines: { counters } });
  for (const n of [0, 1, 2, 3]) {
    expect(await after.counters.queries.get(`key ${n}`)).toBe(total[n]);
  }
  await after.close();
  const lines = quorate('export', '-member', endpoint, '-group', 'counters')
    .text.trim()
    .split('\n');
  expect(lines).toHaveLength(6);
  expect(JSON.parse(lines.at(-1)!)).toMatchObject({ end: true, entries: 4 });

  // The stopped member's directory has the same, and gives it to another cluster again.
  const stopped = `${file}3`;
  expect(quorate('backup', '-data', path.join(folder, 'a'), '-out', stopped).code).toBe(0);
  const third = path.join(folder, 'third');
  expect(quorate('restore', stopped, '-data', third, '-name', 'z', '-peer', own).code).toBe(0);
});
