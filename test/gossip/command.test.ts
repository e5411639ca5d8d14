/** `quorate gossip` as a process: joins, leaves on a signal, and says by exit code what happened. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { openGossip } from '../../src/gossip.ts';
import { silentLogger } from '../../src/ports/logger.ts';
import { freePort, until } from '../processes/waiting.ts';

const programPath = path.resolve(import.meta.dirname, '../../dist/cli/main.js');
const running: ChildProcess[] = [];

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

function run(...args: string[]): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [programPath, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });
}

test('an agent joins, carries its tags, and leaves gracefully on SIGTERM', async () => {
  const seed = await openGossip({ name: 'seed', bind: '127.0.0.1:0', logger: silentLogger });
  try {
    const args = [
      'gossip',
      '-node=child',
      `-bind=127.0.0.1:${await freePort()}`,
      '--rpc-addr',
      'none',
      '-tag=role=web',
      '-tag',
      'zone=a=b',
      `-join=127.0.0.1:${seed.address.port}`,
      '-profile=local',
    ];
    const child = spawn(process.execPath, [programPath, ...args], { stdio: 'ignore' });
    running.push(child);
    await until('the child', () => seed.members.get('child')?.status === 'alive');
    expect(seed.members.get('child')?.tags).toEqual(
      new Map([
        ['role', 'web'],
        ['zone', 'a=b'],
      ]),
    );
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    await until('left', () => seed.members.get('child')?.status === 'left');
  } finally {
    await seed.close();
  }
});

test('a port that is taken, nobody to join, and flags that are wrong', async () => {
  const bind = `-bind=127.0.0.1:${await freePort()}`;
  const nobody = `-join=127.0.0.1:${await freePort()}`;
  const refused = await run('gossip', bind, '-rpc-addr=none', nobody);
  expect(refused).toMatchObject({ code: 1, output: expect.stringContaining('gossip-join-failed') });
  const wrong: [string[], string][] = [
    [['gossip', '-nmae=x'], 'there is no flag -nmae'],
    [['gossip', '-encrypt=short'], 'a key must'],
    [['gossip', '-tag=role'], 'is not KEY=VALUE'],
    [['gossip', '-profile=moon'], 'is not lan, wan or local'],
    [['gossip', 'fly'], 'what is "fly"?'],
    [['fly'], 'There is no command "fly"'],
    [['gossip', '-bind=10.0.0.1', '-strict-security'], 'insecure-listener'],
  ];
  const results = await Promise.all(wrong.map(([args]) => run(...args)));
  for (const [index, result] of results.entries()) {
    expect(result.output).toContain(wrong[index]![1]);
    expect(result.code).toBe(index === 6 ? 1 : 2);
  }
});

test('help and keys', async () => {
  expect(await run('help', 'gossip')).toMatchObject({
    code: 0,
    output: expect.stringContaining('-join'),
  });
  const { output } = await run('gossip', 'keygen');
  expect(Buffer.from(output.trim(), 'base64')).toHaveLength(32);
});
