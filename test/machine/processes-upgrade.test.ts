/** A rolling upgrade of real processes, each killed as rudely as can be; and the way back refused. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Program } from '../processes/program.ts';
import { freePorts, until } from '../processes/waiting.ts';

const names = ['a', 'b', 'c'];
const script = new URL('./versioned-member.mjs', import.meta.url).pathname;
const members: Program[] = [];
const folder = mkdtempSync(path.join(tmpdir(), 'quorate-upgrade-'));

afterAll(async () => {
  await Promise.all(members.map((each) => each.end('SIGKILL')));
  rmSync(folder, { recursive: true, force: true });
});

test('version 1 becomes version 2 while commands go on, and there is no way back', async () => {
  const ports = await freePorts(3);
  const peers = names.map((name, i) => `${name}=127.0.0.1:${ports[i]}`).join(',');
  const start = (index: number, version: number): Program => {
    const name = names[index]!;
    const args = [name, peers, path.join(folder, name), `${version}`];
    const member = new Program(name, script, args, ' serves now');
    members[index] = member;
    return member;
  };
  const answers = (index: number, answer: RegExp): Promise<void> => {
    const { log } = members[index]!;
    return until(`${names[index]} to answer ${answer}`, () =>
      answer.test(members[index]!.log.slice(log.length)),
    );
  };

  await Promise.all([0, 1, 2].map((index) => start(index, 1).ready()));
  for (const index of [0, 1, 2]) await answers(index, /answer one/);
  for (const index of [2, 0, 1]) {
    for (const other of [0, 1, 2]) await answers(other, /answer one/);
    await members[index]!.end('SIGKILL');
    await start(index, 2).ready();
  }
  for (const index of [0, 1, 2]) await answers(index, /answer two \d+/);

  await members[1]!.end('SIGKILL');
  const old = start(1, 1);
  expect(await old.ended()).toBe(3);
  expect(old.log).toContain('ended machine-too-old');
  await answers(0, /answer two \d+/);
  await start(1, 2).ready();
  await answers(1, /answer two \d+/);
});
