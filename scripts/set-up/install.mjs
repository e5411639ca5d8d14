/**
 * What is installed, held against the lockfile. npm leaves an account of what it installed in
 * node_modules/.package-lock.json, in the lockfile's own form, so that comparing the two needs
 * neither npm nor the network.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * One package in a lockfile; `optional` ones are left out on platforms that they do not fit.
 * @typedef {{ version?: string, integrity?: string, link?: boolean, optional?: boolean, devOptional?: boolean }} LockedPackage
 * @typedef {Record<string, LockedPackage>} LockedPackages by path, such as `node_modules/vite`
 */

/**
 * True if every package that the lockfile asks for is installed in its version, and nothing that
 * the lockfile does not name.
 * @param {string} root
 */
export function installIsCurrent(root) {
  const installedPath = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedPath)) return false;
  const wanted = readPackages(join(root, 'package-lock.json'));
  const installed = readPackages(installedPath);
  return (
    installDifferences(wanted, installed).length === 0 &&
    // The account outlives a folder that was deleted by hand.
    Object.keys(installed).every((path) => existsSync(join(root, path)))
  );
}

/**
 * The paths at which `installed` differs from `wanted`.
 * @param {LockedPackages} wanted
 * @param {LockedPackages} installed
 * @returns {string[]}
 */
export function installDifferences(wanted, installed) {
  const different = [];
  for (const [path, locked] of Object.entries(wanted)) {
    // The empty path is the project itself.
    if (path === '') continue;
    const found = installed[path];
    if (found === undefined) {
      if (locked.optional !== true && locked.devOptional !== true) different.push(path);
    } else if (found.version !== locked.version || found.integrity !== locked.integrity) {
      different.push(path);
    }
  }
  for (const path of Object.keys(installed)) {
    if (!(path in wanted)) different.push(path);
  }
  return different;
}

/**
 * Runs `npm ci`.
 * @param {string} root
 * @returns {string | undefined} what went wrong, if something did
 */
export function runInstall(root) {
  const { command, args, shell } = npmCommand(process.env, process.platform);
  const result = spawnSync(command, [...args, 'ci', '--no-audit', '--no-fund'], {
    cwd: root,
    // stdout belongs to the script that asked; npm's account of its work is beside the point.
    stdio: ['ignore', 'ignore', 'inherit'],
    shell,
  });
  const error = /** @type {NodeJS.ErrnoException | undefined} */ (result.error);
  if (error?.code === 'ENOENT')
    return 'npm was not found. It comes with Node: https://nodejs.org/.';
  if (error !== undefined) return `npm could not be started: ${error.message}`;
  if (result.status !== 0) return `npm ci failed (exit code ${result.status ?? result.signal}).`;
  if (!installIsCurrent(root)) {
    return 'npm ci ended well, yet node_modules/ still differs from package-lock.json.';
  }
  return undefined;
}

/**
 * How to start npm. A script that npm runs learns from `npm_execpath` which npm that is; started
 * otherwise, the one on the path serves. On Windows that is a command file, which needs a shell.
 * @param {NodeJS.ProcessEnv} environment
 * @param {NodeJS.Platform} platform
 */
export function npmCommand(environment, platform) {
  const running = environment.npm_execpath;
  if (running !== undefined && /npm-cli\.c?js$/.test(running)) {
    return { command: process.execPath, args: [running], shell: false };
  }
  return { command: 'npm', args: [], shell: platform === 'win32' };
}

/**
 * @param {string} path
 * @returns {LockedPackages}
 */
function readPackages(path) {
  return JSON.parse(readFileSync(path, 'utf8')).packages ?? {};
}
