/**
 * The build: tsc into dist/, and of the program a bundle beside that, run only if a source was
 * changed, added or removed since. A fingerprint of the sources' names, sizes and times, written
 * after a build that succeeded, tells.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, relative, sep } from 'node:path';

/** Folders with what tsconfig.build.json compiles, and files that change how it does so. */
const sourceFolders = ['src', 'bench', 'systems', 'test'];
const bundler = join('scripts', 'set-up', 'bundle.mjs');
const settingsFiles = [
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  bundler,
];

/** @param {string} root */
export function buildIsCurrent(root) {
  const stamp = stampPath(root);
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint(root);
}

/**
 * Compiles what has changed and removes what has lost its source.
 * @param {string} root
 * @returns {Promise<string | undefined>} what went wrong, if something did
 */
export async function runBuild(root) {
  const dist = join(root, 'dist');
  // Without a stamp the last build did not end, and what lies in dist/ cannot be relied on.
  if (!existsSync(stampPath(root))) rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  // Taken first: a source that changes while tsc runs is built again next time.
  const before = fingerprint(root);
  rmSync(stampPath(root), { force: true });
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const result = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (result.status !== 0) return 'The build failed; see above.';
  for (const orphan of orphans(root)) rmSync(orphan);
  // Not before: it needs a package that a fresh clone does not have when this file is loaded.
  const { bundleProgram } = await import('./bundle.mjs');
  await bundleProgram(root, bundlePath(root));
  writeFileSync(stampPath(root), before);
  return undefined;
}

/** @param {string} root */
function bundlePath(root) {
  return join(root, 'dist', 'cli');
}

/** @param {string} root */
function stampPath(root) {
  return join(root, 'dist', '.stamp');
}

/** @param {string} root */
function fingerprint(root) {
  const hash = createHash('sha256');
  const sources = sourceFolders.flatMap((folder) => filesBelow(join(root, folder)));
  const settings = settingsFiles.map((name) => join(root, name));
  for (const path of [...settings, ...sources].sort()) {
    if (path.endsWith('.test.ts')) continue;
    const { size, mtimeMs } = statSync(path);
    hash.update(`${relative(root, path)} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/**
 * Files in dist/ whose source is gone. tsc leaves them, and a program could go on importing them.
 * @param {string} root
 */
function orphans(root) {
  const dist = join(root, 'dist');
  return filesBelow(dist).filter((path) => {
    if (path.startsWith(bundlePath(root) + sep)) return false;
    const stem = /^(.*?)(?:\.d\.ts|\.js)(?:\.map)?$/.exec(path)?.[1];
    return stem !== undefined && !existsSync(`${join(root, relative(dist, stem))}.ts`);
  });
}

/**
 * @param {string} folder
 * @returns {string[]} absolute paths; none if the folder is not there
 */
function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((item) => {
    const path = `${folder}${sep}${item.name}`;
    return item.isDirectory() ? filesBelow(path) : [path];
  });
}
