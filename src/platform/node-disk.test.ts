import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { diskSuite } from '../../test/ports/disk-suite.ts';
import { act, ask, failure, untilReal } from '../../test/ports/harness.ts';
import type { DirectoryLock, DiskFile, Space } from '../ports/disk.ts';
import { NodeDisk } from './node-disk.ts';
import { systemProfile } from './system-profile.ts';

const world = { until: untilReal };
let root: string;

function makeRoot(): string {
  return fs.mkdtempSync(join(os.tmpdir(), 'quorate-disk-'));
}

for (const platform of ['this system', 'win32', 'aix'] as const) {
  // Windows' lock flag means nothing here; the rest of its profile holds anywhere.
  const profile =
    platform === 'this system'
      ? systemProfile()
      : { ...systemProfile(platform), exclusiveOpenFlags: null };
  diskSuite(`Node, as on ${platform}`, async () => {
    const directory = makeRoot();
    return {
      port: new NodeDisk(directory, profile),
      until: untilReal,
      close: async () => fs.rmSync(directory, { recursive: true }),
    };
  });
}

describe('a real disk', () => {
  beforeEach(() => {
    root = makeRoot();
  });
  afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

  test('makes its root, and lets only the owner in', async () => {
    const disk = new NodeDisk(join(root, 'data', 'a'));
    await act(world, (done) => disk.makeDirectory('', done));
    await act(world, (done) => disk.makeDirectory('log', done));
    await act(world, (done) => disk.writeAtomically('identity', new Uint8Array(1), done));
    const file = await ask<DiskFile>(world, (answer) => disk.open('log/1', 'create', answer));
    await act(world, (done) => file.close(done));
    if (process.platform === 'win32') return;
    const mode = (path: string): number => fs.statSync(join(root, 'data', path)).mode & 0o777;
    expect([mode('a'), mode('a/log'), mode('a/identity'), mode('a/log/1')]).toEqual([
      0o700, 0o700, 0o600, 0o600,
    ]);
  });

  test('keeps no descriptor of a file that is closed', async () => {
    if (process.platform !== 'linux') return;
    const disk = new NodeDisk(root);
    const open = (): number => fs.readdirSync('/proc/self/fd').length;
    const before = open();
    const file = await ask<DiskFile>(world, (answer) => disk.open('f', 'create', answer));
    await act(world, (done) => file.writeAndSync([new Uint8Array(10)], 0, done));
    expect(open()).toBeGreaterThan(before);
    await act(world, (done) => file.close(done));
    const lock = await ask<DirectoryLock>(world, (answer) => disk.lock('', answer));
    await act(world, (done) => lock.release(done));
    await act(world, (done) => disk.writeAtomically('g', new Uint8Array(10), done));
    expect(open()).toBe(before);
  });

  test('notices a full volume: short writes come without an error', async (context) => {
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', root]);
    context.skip(mounted.status !== 0, 'only root on Linux can mount a small volume');
    try {
      const disk = new NodeDisk(root);
      const file = await ask<DiskFile>(world, (answer) => disk.open('f', 'create', answer));
      const much = [new Uint8Array(50_000), new Uint8Array(50_000)];
      expect(await failure(world, (end) => file.write(much, 0, end))).toBe('short-write');
      expect(await failure(world, (end) => file.writeAndSync(much, 0, end))).toBe('short-write');
      expect(await failure(world, (end) => file.write(much, 65_536, end))).toBe('disk-full');
      expect(await failure(world, (end) => file.preallocate(1_000_000, end))).toBe('disk-full');
      const small = new Uint8Array(5_000);
      const atomically = await failure(world, (end) => disk.writeAtomically('g', small, end));
      expect(['disk-full', 'short-write']).toContain(atomically);
      expect(await ask(world, (answer) => disk.list('', answer))).toEqual(['f']);
      expect((await ask<Space>(world, (answer) => disk.space(answer))).freeBytes).toBe(0);
      await act(world, (done) => file.close(done));
    } finally {
      spawnSync('umount', [root]);
    }
  });
});
