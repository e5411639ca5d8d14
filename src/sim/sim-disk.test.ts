/** What a simulated disk loses and keeps, and how it fails. */
import { describe, expect, test } from 'vitest';
import { act, ask, failure } from '../../test/ports/harness.ts';
import type { Disk, DiskFile, OpenMode } from '../ports/disk.ts';
import type { CrashOptions, NodeOptions, SimNode } from './sim-node.ts';
import { World } from './world.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (content: Uint8Array): string => new TextDecoder().decode(content);

class Machine {
  readonly world: World;
  readonly node: SimNode;

  constructor(seed: number, options: NodeOptions = {}) {
    this.world = new World({ seed });
    this.node = this.world.node('a', options);
  }

  get disk(): Disk {
    return this.node.ports.disk;
  }

  async until(condition: () => boolean): Promise<void> {
    this.world.runUntil(condition, { limitMs: 60_000 });
  }

  open(path: string, mode: OpenMode): Promise<DiskFile> {
    return ask<DiskFile>(this, (answer) => this.disk.open(path, mode, answer));
  }

  restart(options: CrashOptions = {}): void {
    this.node.crash(options);
    this.node.restart();
  }

  files(): string[] {
    return this.node.volume.files();
  }
}

describe('a power loss', () => {
  test('keeps what was synced, and any part of the rest', async () => {
    const fates = { kept: 0, lost: 0, torn: 0 };
    for (let seed = 0; seed < 60; seed++) {
      const machine = new Machine(seed);
      const file = await machine.open('log', 'create');
      await act(machine, (done) => machine.disk.syncDirectory('', done));
      await act(machine, (done) => file.preallocate(8192, done));
      const first = new Uint8Array(3000).fill(1);
      await act(machine, (done) => file.write([first], 0, done));
      await act(machine, (done) => file.sync(done));
      await act(machine, (done) => file.writeAndSync([bytes('durable')], 3000, done));
      await act(machine, (done) => file.write([new Uint8Array(3000).fill(2)], 4000, done));
      // Under way at the moment of the loss.
      file.write([new Uint8Array(100).fill(3)], 7500, () => {});
      machine.restart();
      const content = machine.node.volume.content('log');
      expect(content.length).toBe(8192);
      expect(content.subarray(0, 3000).every((byte) => byte === 1)).toBe(true);
      expect(text(content.subarray(3000, 3007))).toBe('durable');
      const later = content.subarray(4000, 7000);
      expect(later.every((byte) => byte === 0 || byte === 2)).toBe(true);
      const written = later.filter((byte) => byte === 2).length;
      fates[written === 3000 ? 'kept' : written === 0 ? 'lost' : 'torn']++;
      // Sectors are whole: at most the write's own borders lie within one.
      for (let at = 4096; at < 6656; at += 512) {
        expect(new Set(content.subarray(at, at + 512)).size).toBe(1);
      }
    }
    expect(Math.min(fates.kept, fates.lost, fates.torn)).toBeGreaterThan(5);
  });

  test('may keep a later write and lose an earlier one', async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 60; seed++) {
      const machine = new Machine(seed);
      const file = await machine.open('f', 'create');
      await act(machine, (done) => file.preallocate(2048, done));
      await act(machine, (done) => machine.disk.syncDirectory('', done));
      await act(machine, (done) => file.write([bytes('A')], 0, done));
      await act(machine, (done) => file.write([bytes('B')], 1024, done));
      machine.restart();
      const content = machine.node.volume.content('f');
      seen.add(text(Uint8Array.of(content[0]!, content[1024]!)));
    }
    expect([...seen].sort()).toEqual(['\0\0', '\0B', 'A\0', 'AB']);
  });

  test('forgets names that were not synced, though the content was', async () => {
    let kept = 0;
    for (let seed = 0; seed < 40; seed++) {
      const machine = new Machine(seed);
      const file = await machine.open('new', 'create');
      await act(machine, (done) => file.writeAndSync([bytes('content')], 0, done));
      machine.restart();
      if (!machine.files().includes('new')) continue;
      kept++;
      expect(text(machine.node.volume.content('new'))).toBe('content');
    }
    expect(kept).toBeGreaterThan(5);
    expect(kept).toBeLessThan(35);
  });

  test('takes renames back that were not synced, in the order of their directory', async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 60; seed++) {
      const machine = new Machine(seed);
      await act(machine, (done) => machine.disk.writeAtomically('a', bytes('a'), done));
      await act(machine, (done) => machine.disk.rename('a', 'b', done));
      await act(machine, (done) => machine.disk.rename('b', 'c', done));
      machine.restart();
      seen.add(machine.files().join());
    }
    expect([...seen].sort()).toEqual(['a', 'b', 'c']);
  });

  test('leaves old or new of a file that is replaced as a whole, at any moment', async () => {
    const seen = new Set<string>();
    for (let call = 1; call < 12; call++) {
      for (let seed = 0; seed < 20; seed++) {
        const machine = new Machine(seed);
        await act(machine, (done) => machine.disk.writeAtomically('vote', bytes('old'), done));
        let done = false;
        machine.node.crashAtCall(call);
        machine.disk.writeAtomically('vote', bytes('new'), () => {
          done = true;
        });
        machine.world.runFor(100);
        machine.restart();
        const content = text(machine.node.volume.content('vote'));
        expect(['old', 'new']).toContain(content);
        if (done) expect(content).toBe('new');
        seen.add(`${content} ${done}`);
      }
    }
    expect([...seen].sort()).toEqual(['new false', 'new true', 'old false']);
  });

  test('takes nothing when only the process is killed', async () => {
    const machine = new Machine(1);
    const file = await machine.open('f', 'create');
    await act(machine, (done) => file.write([bytes('in the page cache')], 0, done));
    machine.restart({ power: 'kept' });
    expect(text(machine.node.volume.content('f'))).toBe('in the page cache');
    machine.restart({ power: 'lost' });
  });

  test('frees locks, and so does a kill', async () => {
    const machine = new Machine(1);
    for (const power of ['kept', 'lost'] as const) {
      await ask(machine, (answer) => machine.disk.lock('', answer));
      expect(await failure(machine, (end) => machine.disk.lock('', end))).toBe('directory-locked');
      machine.restart({ power });
    }
    await ask(machine, (answer) => machine.disk.lock('', answer));
  });
});

describe('a failing disk', () => {
  test('after a failed sync another one that succeeds proves nothing', async () => {
    let lost = 0;
    for (let seed = 0; seed < 40; seed++) {
      const machine = new Machine(seed);
      const file = await machine.open('f', 'create');
      await act(machine, (done) => machine.disk.syncDirectory('', done));
      await act(machine, (done) => file.preallocate(4096, done));
      await act(machine, (done) => file.write([bytes('x')], 0, done));
      machine.node.volume.failNext({ operation: 'sync', code: 'disk-sync-failed' });
      expect(await failure(machine, (end) => file.sync(end))).toBe('disk-sync-failed');
      await act(machine, (done) => file.sync(done));
      const into = new Uint8Array(1);
      await ask<number>(machine, (answer) => file.read(into, 0, answer));
      expect(text(into)).toBe('x');
      machine.restart();
      if (machine.node.volume.content('f')[0] === 0) lost++;
    }
    expect(lost).toBeGreaterThan(5);
  });

  test('fails the Nth operation, of one path or any', async () => {
    const machine = new Machine(1);
    const { volume } = machine.node;
    const file = await machine.open('f', 'create');
    volume.failNext({ operation: 'write', code: 'disk-failed', after: 1, times: 2 });
    const write = (): Promise<string> =>
      failure(machine, (end) => file.write([bytes('x')], 0, (error) => end(error ?? 'done')));
    await act(machine, (done) => file.write([bytes('x')], 0, done));
    expect([await write(), await write()]).toEqual(['disk-failed', 'disk-failed']);
    await act(machine, (done) => file.write([bytes('x')], 0, done));
    volume.failNext({ operation: 'read', code: 'disk-failed', path: 'other' });
    await ask<number>(machine, (answer) => file.read(new Uint8Array(1), 0, answer));
    volume.failNext({ operation: 'sync', code: 'disk-sync-failed', path: 'f' });
    const durable = (end: (answer: unknown) => void): void =>
      file.writeAndSync([bytes('y')], 0, end);
    expect(await failure(machine, durable)).toBe('disk-sync-failed');
    volume.failNext({ operation: 'names', code: 'disk-failed' });
    expect(await failure(machine, (end) => machine.disk.open('g', 'create', end))).toBe(
      'disk-failed',
    );
  });

  test('is full in the end: a short write, then none; what is allocated stays writable', async () => {
    const machine = new Machine(1, { capacityBytes: 10 * 4096 });
    const file = await machine.open('f', 'create');
    await act(machine, (done) => file.preallocate(4 * 4096, done));
    const much = new Uint8Array(8 * 4096).fill(1);
    const append = (position: number) => (end: (answer: unknown) => void) =>
      file.write([much], position, end);
    expect(await failure(machine, append(4 * 4096))).toBe('short-write');
    expect(machine.node.volume.content('f').length).toBe(10 * 4096);
    expect(await failure(machine, append(10 * 4096))).toBe('disk-full');
    expect(await failure(machine, (end) => machine.disk.open('g', 'create', end))).toBe(
      'disk-full',
    );
    const tooMuch = (end: (answer: unknown) => void): void => file.preallocate(11 * 4096, end);
    expect(await failure(machine, tooMuch)).toBe('disk-full');
    await act(machine, (done) => file.writeAndSync([much], 0, done));
    await act(machine, (done) => file.truncate(4096, done));
    const space = await ask<{ freeBytes: number }>(machine, (end) => machine.disk.space(end));
    expect(space.freeBytes).toBe(9 * 4096);
    machine.node.volume.capacityBytes = 2 ** 20;
    await act(machine, (done) => file.write([much], 4096, done));
  });

  test('lets bits rot, writes go astray, and tails vanish', async () => {
    const machine = new Machine(3);
    const { volume } = machine.node;
    const file = await machine.open('f', 'create');
    await act(machine, (done) => machine.disk.syncDirectory('', done));
    await act(machine, (done) => file.preallocate(8192, done));
    volume.flipBit('f', 8 * 100 + 3);
    expect(volume.content('f')[100]).toBe(8);
    volume.faults = { ...volume.faults, misdirectedWriteChance: 1 };
    await act(machine, (done) => file.writeAndSync([new Uint8Array(512).fill(9)], 512, done));
    const landed = volume.content('f').indexOf(9);
    expect(landed).not.toBe(512);
    expect(landed % 512).toBe(0);
    volume.faults = { ...volume.faults, misdirectedWriteChance: 0, rotChance: 1 };
    const into = new Uint8Array(8192);
    await ask<number>(machine, (answer) => file.read(into, 0, answer));
    volume.faults = { ...volume.faults, rotChance: 0 };
    expect(Buffer.compare(volume.content('f'), into)).toBe(0);
    volume.cut('f', 50);
    machine.restart();
    expect(volume.content('f').length).toBe(50);
  });

  test('can be slow', async () => {
    const machine = new Machine(1);
    const file = await machine.open('f', 'create');
    machine.node.volume.faults = {
      ...machine.node.volume.faults,
      stallChance: 1,
      stallMs: [500, 600],
    };
    const startMs = machine.world.nowMs;
    await act(machine, (done) => file.writeAndSync([bytes('x')], 0, done));
    expect(machine.world.nowMs - startMs).toBeGreaterThan(500);
  });

  test('finds out who changes a buffer that is being written', async () => {
    const machine = new Machine(1);
    const file = await machine.open('f', 'create');
    const buffer = bytes('promised');
    let done = false;
    file.write([buffer], 0, () => {
      done = true;
    });
    buffer.fill(0);
    await machine.until(() => done);
    expect(machine.node.volume.content('f')[0]).toBe(0);
  });
});

describe('the Windows profile', () => {
  const windows = { profile: 'windows' } as const;

  test('does not move or remove what is open', async () => {
    const machine = new Machine(1, windows);
    await act(machine, (done) => machine.disk.makeDirectory('d', done));
    await act(machine, (done) => machine.disk.writeAtomically('a', bytes('a'), done));
    const file = await machine.open('d/f', 'create');
    const inUse = 'file-in-use';
    expect(await failure(machine, (end) => machine.disk.remove('d/f', end))).toBe(inUse);
    expect(await failure(machine, (end) => machine.disk.rename('d', 'e', end))).toBe(inUse);
    await act(machine, (done) => file.close(done));
    await act(machine, (done) => machine.disk.rename('d', 'e', done));
    const other = await machine.open('a', 'read');
    const replace = (end: (answer: unknown) => void): void =>
      machine.disk.writeAtomically('a', bytes('b'), end);
    expect(await failure(machine, replace)).toBe(inUse);
    await act(machine, (done) => other.close(done));
    expect(machine.files()).toEqual(['a', 'e/f']);
  });

  test('makes names durable with the next file that is synced, not by syncing a directory', async () => {
    let lost = 0;
    for (let seed = 0; seed < 40; seed++) {
      const machine = new Machine(seed, windows);
      const first = await machine.open('first', 'create');
      const second = await machine.open('second', 'create');
      await act(machine, (done) => first.writeAndSync([bytes('x')], 0, done));
      await act(machine, (done) => second.close(done));
      await act(machine, (done) => machine.disk.rename('second', 'third', done));
      await act(machine, (done) => machine.disk.syncDirectory('', done));
      machine.restart();
      expect(machine.files()).toContain('first');
      if (machine.files().includes('second')) lost++;
    }
    expect(lost).toBeGreaterThan(5);
  });
});

test('a backup is what was durable, and replaces everything', async () => {
  const machine = new Machine(1);
  const { volume } = machine.node;
  await act(machine, (done) => machine.disk.makeDirectory('d', done));
  await act(machine, (done) => machine.disk.writeAtomically('d/f', bytes('then'), done));
  const backup = volume.backup();
  await act(machine, (done) => machine.disk.writeAtomically('d/f', bytes('now'), done));
  await act(machine, (done) => machine.disk.writeAtomically('g', bytes('new'), done));
  machine.node.crash();
  volume.restore(backup);
  expect(machine.files()).toEqual(['d/f']);
  expect(text(volume.content('d/f'))).toBe('then');
  machine.node.restart();
  await act(machine, (done) => machine.disk.writeAtomically('d/f', bytes('other'), done));
  machine.node.crash();
  volume.restore(backup);
  expect(text(volume.content('d/f'))).toBe('then');
  volume.wipe();
  expect(machine.files()).toEqual([]);
  expect(volume.usedBytes).toBe(0);
});
