/** That dist/ follows the sources: built when they change, and only then. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { buildIsCurrent, runBuild } from '../../scripts/set-up/build.mjs';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'quorate-build-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, text: string): void {
  writeFileSync(join(root, path), text);
}

const built = (path: string) => existsSync(join(root, 'dist', path));

it('builds what is new, leaves what is current, and removes what has lost its source', async () => {
  for (const folder of ['src/raft', 'src/cli', 'scripts/set-up']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  write('scripts/set-up/bundle.mjs', '');
  symlinkSync(join(checkout, 'node_modules'), join(root, 'node_modules'), 'junction');
  write('package.json', '{ "type": "module" }');
  write('package-lock.json', '{}');
  write(
    'tsconfig.json',
    `{ "compilerOptions": { "strict": true, "types": [], "module": "nodenext",
                          "rewriteRelativeImportExtensions": true } }`,
  );
  write(
    'tsconfig.build.json',
    `{ "extends": "./tsconfig.json", "include": ["src"], "exclude": ["**/*.test.ts"],
       "compilerOptions": { "rootDir": ".", "outDir": "dist", "incremental": true,
                            "tsBuildInfoFile": "dist/.tsbuildinfo" } }`,
  );
  write('src/raft/log.ts', 'export const first = 1;');
  write('src/cli/main.ts', "export { words } from './words.ts';");
  write('src/cli/words.ts', "export const words = 'bundled';");
  expect(buildIsCurrent(root)).toBe(false);
  expect(await runBuild(root)).toBeUndefined();
  expect(buildIsCurrent(root)).toBe(true);
  expect([built('src/raft/log.js'), built('cli/main.js')]).toEqual([true, true]);
  const { words } = await import(pathToFileURL(join(root, 'dist', 'cli', 'main.js')).href);
  expect(words).toBe('bundled');

  // A test is no part of the build.
  write('src/raft/log.test.ts', 'export const tested = true;');
  expect(buildIsCurrent(root)).toBe(true);

  rmSync(join(root, 'src/raft/log.ts'));
  expect(buildIsCurrent(root)).toBe(false);
  write('src/raft/entry.ts', 'export const term = 1;');
  expect(await runBuild(root)).toBeUndefined();
  expect([built('src/raft/log.js'), built('src/raft/entry.js')]).toEqual([false, true]);

  write('src/raft/entry.ts', "export const term: number = 'one';");
  expect(await runBuild(root)).toContain('build failed');
  expect(buildIsCurrent(root)).toBe(false);

  write('src/raft/entry.ts', 'export const term = 2;');
  expect(await runBuild(root)).toBeUndefined();
  expect(buildIsCurrent(root)).toBe(true);
});
