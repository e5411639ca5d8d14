/** What decides whether a checkout is installed, and that two scripts do not do it at once. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { installDifferences, npmCommand } from '../../scripts/set-up/install.mjs';
import { withLock } from '../../scripts/set-up/lock.mjs';
import { nodeVersionProblem } from '../../scripts/set-up/node-version.mjs';

const folder = mkdtempSync(join(tmpdir(), 'quorate-set-up-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('installDifferences', () => {
  const wanted = {
    '': { version: '0.1.0' },
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/b-win32': { version: '2.0.0', optional: true },
  };
  const a = wanted['node_modules/a'];

  it('finds none where all is as locked, or only what is optional is missing', () => {
    expect(installDifferences(wanted, { ...wanted })).toEqual([]);
    expect(installDifferences(wanted, { 'node_modules/a': a })).toEqual([]);
  });

  it.each([
    ['a package that is missing', {}, 'node_modules/a'],
    ['another version', { 'node_modules/a': { ...a, version: '1.0.1' } }, 'node_modules/a'],
    ['other contents', { 'node_modules/a': { ...a, integrity: 'sha512-x' } }, 'node_modules/a'],
    [
      'a package too many',
      { 'node_modules/a': a, 'node_modules/c': { version: '3.0.0' } },
      'node_modules/c',
    ],
    [
      'an optional package in another version',
      { 'node_modules/a': a, 'node_modules/b-win32': { version: '2.0.1', optional: true } },
      'node_modules/b-win32',
    ],
  ])('finds %s', (_, installed, path) => {
    expect(installDifferences(wanted, installed)).toEqual([path]);
  });
});

describe('nodeVersionProblem', () => {
  writeFileSync(join(folder, 'package.json'), '{ "engines": { "node": ">=20.19" } }');

  it.each(['20.19.0', '20.20.2', '22.0.0', '100.1.0'])('accepts %s', (version) => {
    expect(nodeVersionProblem(folder, version)).toBeUndefined();
  });

  it.each(['18.20.4', '20.9.0', '20.18.9'])('refuses %s and says what is needed', (version) => {
    expect(nodeVersionProblem(folder, version)).toMatch(`20.19 or newer; this is Node ${version}`);
  });
});

describe('npmCommand', () => {
  it('uses the npm that runs the script, and else the one on the path', () => {
    expect(npmCommand({ npm_execpath: '/npm/npm-cli.js' }, 'linux')).toEqual({
      command: process.execPath,
      args: ['/npm/npm-cli.js'],
      shell: false,
    });
    expect(npmCommand({ npm_execpath: '/pnpm.cjs' }, 'linux').command).toBe('npm');
    expect(npmCommand({}, 'win32').shell).toBe(true);
  });
});

describe('withLock', () => {
  it('lets one in at a time, and leaves nothing behind', async () => {
    const root = join(folder, 'lock');
    let inside = 0;
    const work = async () => {
      inside++;
      expect(inside).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      inside--;
    };
    await Promise.all([withLock(root, work), withLock(root, work), withLock(root, work)]);
    expect(readdirSync(join(root, '.cache'))).toEqual([]);
  });

  it('releases when the work fails', async () => {
    const root = join(folder, 'failing');
    const failing = withLock(root, () => Promise.reject(new Error('disk full')));
    await expect(failing).rejects.toThrow('disk full');
    await expect(withLock(root, async () => 'done')).resolves.toBe('done');
  });

  it('takes over from an owner that died', async () => {
    const root = join(folder, 'stale');
    mkdirSync(join(root, '.cache'), { recursive: true });
    // Above the largest process id that Linux, macOS or Windows hands out by default.
    writeFileSync(join(root, '.cache', 'set-up.lock'), '2147483646');
    await expect(withLock(root, async () => 'done')).resolves.toBe('done');
  });
});
