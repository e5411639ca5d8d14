/** What running many simulations needs of the system: processes, files, and the real clock. */
import { fork } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';

/** How many simulations can run side by side. */
export function coreCount(): number {
  return availableParallelism();
}

/** A process that {@link runSelf} has begun. */
export interface SelfRun {
  /** Its exit code; null if it was ended from outside. */
  readonly ended: Promise<number | null>;
  /** Ends it, whatever it does. */
  end(): void;
}

/**
 * Runs this very program in a process of its own, with other arguments; `told` gets each message
 * that it sends.
 */
export function runSelf(args: readonly string[], told: (message: unknown) => void): SelfRun {
  const [, script = ''] = process.argv;
  const child = fork(script, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  child.on('message', told);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    // Not at `exit`: what it has told may still be on the way then.
    child.once('close', (code) => resolve(code));
  });
  return { ended, end: () => void child.kill('SIGKILL') };
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
