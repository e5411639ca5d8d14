/** The command as people call it: what it says of itself, and how it ends. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { version } from '../base/version.ts';

const root = path.resolve(import.meta.dirname, '../..');

function quorate(...args: string[]) {
  const program = path.join(root, 'dist/cli/main.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

test('says its version, which is that of the package', () => {
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  expect(version).toBe(manifest.version);
  expect(quorate('--version')).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
  expect(quorate('serve', '--version').stdout).toMatch(/^etcd Version: 3\.\d+\.\d+\n/);
});

test('says what commands there are, and of each what it takes', () => {
  const { status, stdout } = quorate('help');
  expect(status).toBe(0);
  const verbs = [...stdout.matchAll(/^quorate (\w+)/gm)].map(([, verb]) => verb);
  expect(verbs).toEqual(expect.arrayContaining(['serve', 'backup', 'restore', 'snapshot', 'sim']));
  for (const verb of ['serve', 'backup']) {
    const said = quorate('help', verb);
    expect([said.status, said.stdout]).toEqual([0, expect.stringMatching(/Examples?:/)]);
  }
  for (const way of [
    ['serve', '--help'],
    ['serve', '-h'],
    ['help', 'serve'],
  ]) {
    expect(quorate(...way).stdout).toContain('--data-dir DIR');
  }
});

test('a command that is none ends with 2, and says which there are', () => {
  const { status, stdout, stderr } = quorate('srve');
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toContain('There is no command "srve".');
  expect(stderr).toContain('quorate serve');
});
