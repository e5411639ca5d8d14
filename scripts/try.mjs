/**
 * `npm run try -- FILE.ts`: sets up what is needed, checks the types of a file that imports `quorate`,
 * and runs it in the folder where it was asked for.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { root } from './set-up/root.mjs';
import { setUpOrExit } from './set-up.mjs';

const [given, ...rest] = process.argv.slice(2);
const folder = process.env.INIT_CWD ?? process.cwd();
const file = given === undefined ? '' : resolve(folder, given);
if (!/\.m?ts$/.test(file) || !existsSync(file)) {
  console.error('npm run try -- FILE.ts runs a file like the examples of the README.');
  if (given !== undefined) console.error(`${given} is not there, or is no TypeScript.`);
  process.exit(1);
}
await setUpOrExit();

// A copy below the package, where `quorate` means this clone; a single file is all that is run.
const made = mkdtempSync(join(root, 'dist', 'try-'));
process.on('exit', () => rmSync(made, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {});

const name = basename(file);
copyFileSync(file, join(made, name));
const config = {
  extends: join(root, 'tsconfig.json'),
  compilerOptions: {
    noEmit: false,
    outDir: made,
    rootDir: made,
    noUnusedLocals: false,
    noUnusedParameters: false,
  },
  include: [name],
  exclude: [],
};
writeFileSync(join(made, 'tsconfig.json'), JSON.stringify(config));
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const compiled = spawnSync(process.execPath, [tsc, '-p', made], { cwd: root, stdio: 'inherit' });
if (compiled.status !== 0) process.exit(1);
const run = spawnSync(process.execPath, [join(made, name.replace(/ts$/, 'js')), ...rest], {
  cwd: folder,
  stdio: 'inherit',
});
process.exitCode = run.status ?? 1;
