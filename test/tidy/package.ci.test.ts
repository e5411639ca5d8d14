/**
 * The package as users get it: packed by npm, judged by publint and attw, and then installed beside
 * a small program of a user, which must compile without skipping library checks, and run.
 */
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { npmCommand } from '../../scripts/set-up/install.mjs';
import type { Manifest } from './project.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
const doors = Object.keys(manifest.exports ?? {}).filter((name) => !name.endsWith('.json'));

const folder = mkdtempSync(join(tmpdir(), 'quorate-package-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a program and gives what it printed, both streams, if it ended with 0. */
function run(command: string, args: string[], { cwd = folder, shell = false } = {}): string {
  const result = spawnSync(command, args, { cwd, shell, encoding: 'utf8' });
  const output = `${result.stdout}${result.stderr}`;
  if (result.status !== 0) throw new Error(`${args.join(' ')} failed:\n${output}`);
  return output;
}

const tool = (...path: string[]) => join(root, 'node_modules', ...path);

let tarball = '';
beforeAll(() => {
  const { command, args, shell } = npmCommand(process.env, process.platform);
  run(command, [...args, 'pack', '--silent', '--pack-destination', folder], { cwd: root, shell });
  tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '');
});

describe('the package', () => {
  it('satisfies publint', () => {
    run(process.execPath, [tool('publint', 'src', 'cli.js'), tarball, '--strict']);
  });

  it('has types that agree with its code (attw)', () => {
    const attw = tool('@arethetypeswrong', 'cli', 'dist', 'index.js');
    run(process.execPath, [attw, tarball, '--profile', 'esm-only']);
  });

  it('holds sources for its source maps, and no tests', () => {
    const files = run('tar', ['-tzf', tarball]).split(/\r?\n/);
    expect(files).toContain('package/LICENSE');
    expect(files.filter((path) => /\.test\.|package\/(test|bench|scripts)\//.test(path))).toEqual(
      [],
    );
    const isModule = (path: string): boolean =>
      path.endsWith('.js') && !path.startsWith('package/dist/cli/');
    for (const path of files.filter(isModule)) {
      const source = path.replace('package/dist/', 'package/').replace(/\.js$/, '.ts');
      expect(files).toContain(source);
    }
  });

  it('compiles and runs in the hands of a user, through every door', () => {
    expect(doors.length).toBeGreaterThan(0);
    const user = join(folder, 'user');
    mkdirSync(join(user, 'node_modules', 'quorate'), { recursive: true });
    run('tar', [
      '-xzf',
      tarball,
      '--strip-components=1',
      '-C',
      join(user, 'node_modules', 'quorate'),
    ]);
    // What npm would install with it: what the package declares, and nothing else.
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      const place = join(user, 'node_modules', name);
      mkdirSync(dirname(place), { recursive: true });
      symlinkSync(tool(name), place, 'junction');
    }
    writeFileSync(join(user, 'package.json'), '{ "type": "module" }');
    const imports = doors.map(
      (name, index) => `import * as door${index} from 'quorate${name.slice(1)}';`,
    );
    const uses = doors.map(
      (_, index) => `if (Object.keys(door${index}).length === 0) throw new Error();`,
    );
    writeFileSync(join(user, 'main.ts'), [...imports, ...uses].join('\n'));
    const tsc = tool('typescript', 'bin', 'tsc');
    const options = ['main.ts', '--strict', '--target', 'es2022', '--skipLibCheck', 'false'];
    for (const resolution of ['nodenext', 'bundler']) {
      const module = resolution === 'bundler' ? 'esnext' : resolution;
      const how = ['--module', module, '--moduleResolution', resolution, '--types', ''];
      run(process.execPath, [tsc, ...options, ...how], { cwd: user });
    }
    run(process.execPath, ['main.js'], { cwd: user });
  });
});
