/** What every {@link Disk} does, real or simulated, as long as nothing fails. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AssertionError } from '../../src/base/assert.ts';
import type { DirectoryLock, Disk, DiskFile, OpenMode, Space } from '../../src/ports/disk.ts';
import { act, ask, failure, type Harness, isPlain, type MakeHarness } from './harness.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (content: Uint8Array): string => new TextDecoder().decode(content);

/** Registers the suite; the port's root must be there and empty in each test. */
export function diskSuite(name: string, make: MakeHarness<Disk>): void {
  describe(`disk port: ${name}`, () => {
    let world: Harness<Disk>;
    let disk: Disk;
    beforeEach(async () => {
      world = await make();
      disk = world.port;
    });
    afterEach(() => world.close());

    const open = (path: string, mode: OpenMode): Promise<DiskFile> =>
      ask(world, (answer) => disk.open(path, mode, answer));
    const close = (file: DiskFile): Promise<void> => act(world, (done) => file.close(done));
    const put = (path: string, content: string): Promise<void> =>
      act(world, (done) => disk.writeAtomically(path, bytes(content), done));
    const get = async (path: string): Promise<string> =>
      text(await ask(world, (answer) => disk.readWhole(path, 1_000_000, answer)));
    const list = (path: string): Promise<readonly string[]> =>
      ask(world, (answer) => disk.list(path, answer));
    const readAll = async (file: DiskFile): Promise<Uint8Array> => {
      const into = new Uint8Array(await ask<number>(world, (answer) => file.size(answer)));
      const count = await ask<number>(world, (answer) => file.read(into, 0, answer));
      return into.subarray(0, count);
    };

    test('starts empty, and makes directories with those above them', async () => {
      expect(await list('')).toEqual([]);
      await act(world, (done) => disk.makeDirectory('log/group/7', done));
      await act(world, (done) => disk.makeDirectory('log', done));
      expect(await list('')).toEqual(['log']);
      expect(await list('log/group')).toEqual(['7']);
      expect(await ask(world, (answer) => disk.stat('log', answer))).toEqual({
        kind: 'directory',
        sizeBytes: 0,
      });
    });

    test('lists names in order', async () => {
      for (const name of ['b', 'a', 'B', '10', '9', 'a.tmp2']) await put(name, name);
      expect(await list('')).toEqual(['10', '9', 'B', 'a', 'a.tmp2', 'b'].sort());
    });

    test('names what is not there', async () => {
      const none = 'file-not-found';
      expect(await failure(world, (end) => disk.list('none', end))).toBe(none);
      expect(await failure(world, (end) => disk.stat('none', end))).toBe(none);
      expect(await failure(world, (end) => disk.open('none', 'read', end))).toBe(none);
      expect(await failure(world, (end) => disk.open('none', 'write', end))).toBe(none);
      expect(await failure(world, (end) => disk.open('none/a', 'create', end))).toBe(none);
      expect(await failure(world, (end) => disk.readWhole('none', 10, end))).toBe(none);
      expect(await failure(world, (end) => disk.rename('none', 'other', end))).toBe(none);
      expect(await failure(world, (end) => disk.remove('none', end))).toBe(none);
      expect(await failure(world, (end) => disk.syncDirectory('none', end))).toBe(none);
      expect(await failure(world, (end) => disk.lock('none', end))).toBe(none);
      const content = bytes('x');
      expect(await failure(world, (end) => disk.writeAtomically('none/a', content, end))).toBe(
        none,
      );
    });

    test('does not open a directory', async () => {
      await act(world, (done) => disk.makeDirectory('d', done));
      for (const mode of ['read', 'write'] as const) {
        expect(await failure(world, (end) => disk.open('d', mode, end))).toBe('file-not-found');
      }
    });

    test.each([
      '..',
      '.',
      'a/../b',
      '/a',
      'a/',
      'a//b',
      'a\\b',
      'a:b',
      'ä',
      'a b',
      'x'.repeat(201),
    ])('refuses the path %j', async (path) => {
      const refused = 'invalid-config';
      expect(await failure(world, (end) => disk.stat(path, end))).toBe(refused);
      expect(await failure(world, (end) => disk.open(path, 'create', end))).toBe(refused);
      expect(await failure(world, (end) => disk.rename('a', path, end))).toBe(refused);
      expect(await failure(world, (end) => disk.makeDirectory(path, end))).toBe(refused);
    });

    test('replaces small files as a whole, and leaves nothing beside them', async () => {
      await put('identity', 'first');
      await put('identity', 'second, longer');
      expect(await get('identity')).toBe('second, longer');
      await put('identity', '');
      expect(await get('identity')).toBe('');
      expect(await list('')).toEqual(['identity']);
    });

    test('reads a whole file only up to a size', async () => {
      await put('f', '12345');
      expect(text(await ask(world, (answer) => disk.readWhole('f', 5, answer)))).toBe('12345');
      expect(await failure(world, (end) => disk.readWhole('f', 4, end))).toBe('file-too-large');
      const content = await ask<Uint8Array>(world, (answer) => disk.readWhole('f', 5, answer));
      expect(isPlain(content)).toBe(true);
    });

    test('creates a file once', async () => {
      const file = await open('f', 'create');
      expect(file.path).toBe('f');
      await close(file);
      expect(await failure(world, (end) => disk.open('f', 'create', end))).toBe('file-exists');
      expect(await ask(world, (answer) => disk.stat('f', answer))).toEqual({
        kind: 'file',
        sizeBytes: 0,
      });
    });

    test('writes several buffers at a position, and fills what was skipped with zeros', async () => {
      const file = await open('f', 'create');
      await act(world, (done) => file.write([bytes('ab'), bytes(''), bytes('cd')], 3, done));
      expect([...(await readAll(file))]).toEqual([0, 0, 0, 97, 98, 99, 100]);
      await act(world, (done) => file.write([bytes('X')], 4, done));
      await act(world, (done) => file.write([], 100, done));
      expect(text(await readAll(file))).toBe('\0\0\0aXcd');
      await close(file);
    });

    test('writes durably in between other writes', async () => {
      const file = await open('f', 'create');
      await act(world, (done) => file.writeAndSync([bytes('one'), bytes('two')], 0, done));
      await act(world, (done) => file.write([bytes('three')], 6, done));
      await act(world, (done) => file.writeAndSync([bytes('four')], 11, done));
      await act(world, (done) => file.sync(done));
      expect(text(await readAll(file))).toBe('onetwothreefour');
      await close(file);
      const again = await open('f', 'read');
      expect(text(await readAll(again))).toBe('onetwothreefour');
      await close(again);
    });

    test('keeps overlapping operations apart', async () => {
      const file = await open('f', 'create');
      let done = 0;
      for (let at = 0; at < 20; at++) {
        const how = at % 2 === 0 ? 'write' : 'writeAndSync';
        file[how]([Uint8Array.of(at)], at, (error) => {
          expect(error).toBeNull();
          done++;
        });
      }
      expect(done).toBe(0);
      await world.until(() => done === 20);
      expect([...(await readAll(file))]).toEqual(Array.from({ length: 20 }, (_, at) => at));
      await close(file);
    });

    test('reads fewer bytes only at the end', async () => {
      await put('f', '0123456789');
      const file = await open('f', 'read');
      const into = new Uint8Array(4);
      expect(await ask<number>(world, (answer) => file.read(into, 3, answer))).toBe(4);
      expect(text(into)).toBe('3456');
      expect(await ask<number>(world, (answer) => file.read(into, 8, answer))).toBe(2);
      expect(text(into.subarray(0, 2))).toBe('89');
      expect(await ask<number>(world, (answer) => file.read(into, 50, answer))).toBe(0);
      await close(file);
    });

    test('preallocates zeros, keeps what is there, and never shrinks', async () => {
      const file = await open('f', 'create');
      await act(world, (done) => file.write([bytes('head')], 0, done));
      await act(world, (done) => file.preallocate(1_500_000, done));
      const content = await readAll(file);
      expect(content.length).toBe(1_500_000);
      expect(text(content.subarray(0, 4))).toBe('head');
      expect(content.subarray(4).every((byte) => byte === 0)).toBe(true);
      await act(world, (done) => file.preallocate(10, done));
      expect(await ask<number>(world, (answer) => file.size(answer))).toBe(1_500_000);
      await close(file);
    });

    test('truncates both ways', async () => {
      const file = await open('f', 'create');
      await act(world, (done) => file.write([bytes('0123456789')], 0, done));
      await act(world, (done) => file.truncate(4, done));
      expect(text(await readAll(file))).toBe('0123');
      await act(world, (done) => file.truncate(6, done));
      expect(text(await readAll(file))).toBe('0123\0\0');
      await close(file);
    });

    test('renames files and directories, and replaces only a file by a file', async () => {
      await put('a', 'A');
      await put('b', 'B');
      await act(world, (done) => disk.rename('a', 'b', done));
      expect(await list('')).toEqual(['b']);
      expect(await get('b')).toBe('A');
      await act(world, (done) => disk.makeDirectory('d/sub', done));
      await act(world, (done) => disk.rename('d', 'e', done));
      expect(await list('e')).toEqual(['sub']);
      await act(world, (done) => disk.makeDirectory('empty', done));
      expect(await failure(world, (end) => disk.rename('e', 'empty', end))).toBe('file-exists');
      expect(await failure(world, (end) => disk.rename('b', 'empty', end))).toBe('file-exists');
      expect(await failure(world, (end) => disk.rename('e', 'b', end))).toBe('file-exists');
      expect(await failure(world, (end) => disk.rename('b', 'e/b', end))).toBe('invalid-config');
      expect(await list('')).toEqual(['b', 'e', 'empty']);
    });

    test('removes files and empty directories', async () => {
      await act(world, (done) => disk.makeDirectory('d', done));
      await put('d/f', 'x');
      expect(await failure(world, (end) => disk.remove('d', end))).toBe('directory-not-empty');
      await act(world, (done) => disk.remove('d/f', done));
      await act(world, (done) => disk.remove('d', done));
      expect(await list('')).toEqual([]);
    });

    test('syncs directories', async () => {
      await act(world, (done) => disk.makeDirectory('d', done));
      await act(world, (done) => disk.syncDirectory('d', done));
      await act(world, (done) => disk.syncDirectory('', done));
    });

    test('tells the space of the volume', async () => {
      const space = await ask<Space>(world, (answer) => disk.space(answer));
      expect(space.totalBytes).toBeGreaterThan(0);
      expect(space.freeBytes).toBeGreaterThanOrEqual(0);
      expect(space.freeBytes).toBeLessThanOrEqual(space.totalBytes);
    });

    test('locks a directory once, until it is released', async () => {
      await act(world, (done) => disk.makeDirectory('d', done));
      const lock = await ask<DirectoryLock>(world, (answer) => disk.lock('d', answer));
      expect(await failure(world, (end) => disk.lock('d', end))).toBe('directory-locked');
      const root = await ask<DirectoryLock>(world, (answer) => disk.lock('', answer));
      await act(world, (done) => lock.release(done));
      const again = await ask<DirectoryLock>(world, (answer) => disk.lock('d', answer));
      await act(world, (done) => again.release(done));
      await act(world, (done) => root.release(done));
    });

    test('lets one of several have a lock', async () => {
      const answers: string[] = [];
      for (let contender = 0; contender < 5; contender++) {
        disk.lock('', (answer) => answers.push('release' in answer ? 'mine' : answer.code));
      }
      await world.until(() => answers.length === 5);
      expect(answers.sort()).toEqual([...Array(4).fill('directory-locked'), 'mine']);
    });

    test('takes misuse for a bug', async () => {
      const file = await open('f', 'create');
      expect(() => file.write([bytes('x')], -1, () => {})).toThrow(AssertionError);
      expect(() => file.write([bytes('x')], 0.5, () => {})).toThrow(AssertionError);
      expect(() => file.read(new Uint8Array(1), Number.NaN, () => {})).toThrow(AssertionError);
      await close(file);
      expect(() => file.sync(() => {})).toThrow(AssertionError);
      expect(() => file.write([bytes('x')], 0, () => {})).toThrow(AssertionError);
    });
  });
}
