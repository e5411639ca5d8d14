import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { act, ask, failure, outcome, untilReal } from '../../test/ports/harness.ts';
import type { DirectoryLock } from '../ports/disk.ts';
import { NodeDisk } from './node-disk.ts';

const world = { until: untilReal };
const holder = new URL('../../test/ports/lock-holder.mjs', import.meta.url).pathname;

describe('the lock of a directory', () => {
  let root: string;
  let children: ChildProcess[];
  beforeEach(() => {
    root = fs.mkdtempSync(join(os.tmpdir(), 'quorate-lock-'));
    children = [];
  });
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
    fs.rmSync(root, { recursive: true });
  });

  function start(...more: string[]): ChildProcess {
    const child = spawn(process.execPath, [holder, root, ...more], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    return child;
  }

  async function firstLine(child: ChildProcess): Promise<string> {
    const [line] = await once(child.stdout!, 'data');
    return String(line).trim();
  }

  test('holds against another process, also a stopped one, and ends with kill -9', async () => {
    const child = start();
    expect(await firstLine(child)).toBe('locked');
    const disk = new NodeDisk(root);
    expect(await failure(world, (end) => disk.lock('', end))).toBe('directory-locked');
    child.kill('SIGSTOP');
    expect(await failure(world, (end) => disk.lock('', end))).toBe('directory-locked');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const lock = await ask<DirectoryLock>(world, (answer) => disk.lock('', answer));
    expect(await firstLine(start())).toBe('directory-locked');
    await act(world, (done) => lock.release(done));
    expect(await firstLine(start())).toBe('locked');
  });

  test('is held by one at a time while processes fight for it and die with it', async () => {
    const fighting = [start('15'), start('15'), start('15')];
    const disk = new NodeDisk(root);
    await Promise.all(
      fighting.map(async (child) => {
        const [, signal] = await once(child, 'exit');
        expect(signal).toBe('SIGKILL');
      }),
    );
    expect(fs.readFileSync(join(root, 'turns'), 'utf8').length).toBe(45);
    const answer = await outcome<DirectoryLock>(world, (end) => disk.lock('', end));
    expect(answer).toHaveProperty('release');
    // What the dead left is cleared away, all but the socket of this lock.
    const left = fs.readdirSync(root).filter((name) => name.startsWith('lock'));
    expect(left.length).toBe(1);
  });

  test('works in a directory with a long path', async () => {
    const long = join(root, 'd'.repeat(150));
    fs.mkdirSync(long);
    const disk = new NodeDisk(long);
    const lock = await ask<DirectoryLock>(world, (answer) => disk.lock('', answer));
    expect(await failure(world, (end) => disk.lock('', end))).toBe('directory-locked');
    await act(world, (done) => lock.release(done));
  });
});
