/**
 * One at a time: a lock that scripts of the same checkout take before they install or build. It
 * is a file that holds its owner's process id, so that one left by a killed process is noticed.
 */
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const pollMs = 100;
/** Longer than any install and build together; whoever waits longer than this had better look. */
const waitMsMax = 15 * 60_000;

/**
 * Runs `work` while holding the lock of the checkout at `root`.
 * @template T
 * @param {string} root
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(root, work) {
  const folder = join(root, '.cache');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'set-up.lock');
  const deadline = Date.now() + waitMsMax;
  let announced = false;
  while (!take(path)) {
    if (Date.now() > deadline)
      throw new Error(`Waited too long for ${path}; remove it if nothing runs.`);
    if (!announced) console.log('Waiting for another script to finish setting up …');
    announced = true;
    await pause(pollMs);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/**
 * @param {string} path
 * @returns {boolean} whether the lock is now ours
 */
function take(path) {
  // Written aside and linked into place, so that nobody ever sees a lock without its owner.
  const own = `${path}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    const owner = ownerOf(path);
    if (owner !== undefined && !isAlive(owner)) rmSync(path, { force: true });
    return false;
  } finally {
    rmSync(own, { force: true });
  }
}

/**
 * @param {string} path
 * @returns {number | undefined} nobody, if the lock was released in the meantime
 */
function ownerOf(path) {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and belongs to someone else.
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}
