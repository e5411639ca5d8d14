/**
 * A directory for one process at a time. The lock must end with the process, however it ends, and
 * must not be taken from a process that only sleeps; a file with a process id in it can promise
 * neither, since ids are used again, and mean nothing in another container. So the kernel holds it.
 *
 * Where `open` can take a kernel lock (macOS, Windows), that is used. Linux has flock, but Node does
 * not reach it; what Node has is a socket in the file system: bound by a living process it accepts
 * connections even while that process is stopped, and it refuses them from the moment in which the
 * process is gone. It works across containers that share the volume, as an abstract socket would
 * not. (Two machines that share a directory over a network are not kept apart by it.)
 *
 * Sockets are files, and a dead one must be cleared away without clearing away a living one. So a
 * name is never used twice: the sockets are `lock.1`, `lock.2`, …, and the highest counts.
 * 1. If the highest accepts a connection, the directory is locked.
 * 2. Else listen on a socket under a temporary name, and link it to the next number. A link fails if
 *    the name is there, so one of several wins; and what has a number listens, or did once.
 * 3. Look again: is mine the highest? If not, some other came, went and was cleared away between
 *    1 and 2; give up the name and begin again. If yes, clear away the lower ones. The highest stays
 *    when its process is done, so that numbers only ever grow.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { QuorateError } from '../base/errors.ts';
import type { Done } from '../ports/callbacks.ts';
import type { DirectoryLock } from '../ports/disk.ts';
import { diskError, systemCode } from './system-errors.ts';
import type { SystemProfile } from './system-profile.ts';

const openFile = promisify(fs.open);

function closeFile(descriptor: number, path: string, done: Done): void {
  fs.close(descriptor, (error) => {
    done(error ? diskError(error, { doing: 'unlocking', path }) : null);
  });
}

/** How often a lock is tried for that others take and leave at the same time. */
const attemptsMax = 20;

/** Locks `at`, the directory that the port calls `path`; throws `directory-locked`. */
export async function lockDirectory(
  at: string,
  path: string,
  profile: SystemProfile,
): Promise<DirectoryLock> {
  const { exclusiveOpenFlags } = profile;
  if (exclusiveOpenFlags === null) return lockBySocket(at, path);
  return lockByOpen(at, path, exclusiveOpenFlags);
}

function locked(path: string): QuorateError {
  return new QuorateError('directory-locked', `another process works in ${path || 'the root'}`, {
    details: { path },
  });
}

async function lockByOpen(at: string, path: string, flags: number): Promise<DirectoryLock> {
  const { O_RDWR, O_CREAT } = fs.constants;
  // Not a FileHandle: that would close itself, and unlock, when nobody refers to it any more.
  let descriptor: number;
  try {
    descriptor = await openFile(join(at, 'lock'), O_RDWR | O_CREAT | flags, 0o600);
  } catch (error) {
    if (['EAGAIN', 'EWOULDBLOCK', 'EBUSY'].includes(systemCode(error))) throw locked(path);
    throw error;
  }
  return { release: (done) => closeFile(descriptor, path, done) };
}

async function lockBySocket(at: string, path: string): Promise<DirectoryLock> {
  // A socket's address holds about a hundred characters; a descriptor of the directory is short.
  const directory = await openFile(at, fs.constants.O_RDONLY);
  try {
    const short = `/proc/self/fd/${directory}`;
    const base = fs.existsSync(short) ? short : at;
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const server = await tryLock(base, path);
      if (server === null) continue;
      return { release: (done) => server.close(() => closeFile(directory, path, done)) };
    }
    throw locked(path);
  } catch (error) {
    fs.closeSync(directory);
    throw error;
  }
}

/** The listening socket that holds the lock, or `null` if another came between: try again. */
async function tryLock(base: string, path: string): Promise<net.Server | null> {
  const highest = Math.max(0, ...(await numbers(base)));
  if (highest > 0 && (await listens(join(base, `lock.${highest}`)))) throw locked(path);
  const mine = highest + 1;
  const temporary = join(base, `lock.${randomBytes(8).toString('hex')}.tmp`);
  const server = await listen(temporary);
  try {
    await fs.promises.link(temporary, join(base, `lock.${mine}`));
    await fs.promises.unlink(temporary);
    const present = await numbers(base);
    if (Math.max(...present) === mine) {
      await clearAway(base, mine);
      return server;
    }
    await fs.promises.unlink(join(base, `lock.${mine}`));
  } catch (error) {
    // Another was quicker: it took the number, or cleared this temporary name away.
    if (!['EEXIST', 'ENOENT'].includes(systemCode(error))) {
      await close(server);
      throw error;
    }
  }
  await close(server);
  return null;
}

/** The numbers of the sockets, read until two readings agree: one may miss what moves under it. */
async function numbers(base: string): Promise<number[]> {
  let before = '';
  for (;;) {
    const names = (await fs.promises.readdir(base)).filter((name) => /^lock\.\d+$/.test(name));
    const now = names.sort().join();
    if (now === before || names.length === 0) return names.map((name) => Number(name.slice(5)));
    before = now;
  }
}

async function clearAway(base: string, mine: number): Promise<void> {
  for (const name of await fs.promises.readdir(base)) {
    const number = /^lock\.(\d+)$/.exec(name)?.[1];
    const old = number === undefined ? /^lock\..*\.tmp$/.test(name) : Number(number) < mine;
    if (old) await fs.promises.unlink(join(base, name)).catch(() => {});
  }
}

function listen(at: string): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((asking) => asking.destroy());
    server.on('error', reject);
    server.listen(at, () => {
      server.unref();
      resolve(server);
    });
  });
}

function close(server: net.Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Whether a process listens there. Only a clear refusal means that none does. */
function listens(at: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(at);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', (error) => {
      resolve(!['ECONNREFUSED', 'ENOENT'].includes(systemCode(error)));
    });
  });
}
