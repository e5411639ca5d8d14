/** What running many simulations needs of the system: processes, files, and the real clock. */
import { fork } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';

/** How many simulations can run side by side. */
export function coreCount(): number {
  return availableParallelism();
}

/**
 * Runs this very program in a process of its own, with other arguments; `told` gets each message
 * that it sends. Resolves with its exit code.
 */
export function runSelf(
  args: readonly string[],
  told: (message: unknown) => void,
): Promise<number> {
  const [, script = ''] = process.argv;
  const child = fork(script, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  child.on('message', told);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** From a process that was begun by {@link runSelf}: tells the one that began it. */
export function tellParent(message: unknown): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}

/** Reads a text file. */
export function readText(path: string): Promise<string> {
  return readFile(path, 'utf8');
}

/** Writes a text file. */
export function writeText(path: string, text: string): Promise<void> {
  return writeFile(path, text);
}
