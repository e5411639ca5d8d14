/** Runs one program of a suite: its output is shown and kept, its time is limited. */
import { spawn } from 'node:child_process';
import { root } from '../set-up/root.mjs';

/** Enough to hold a program's last line; everything before is shown and forgotten. */
const outputCharactersMax = 64 * 1024;

/**
 * @param {string[]} args of Node: a script and what it is given
 * @param {{ timeLimitMs: number, environment?: Record<string, string> }} options
 * @returns {Promise<{ output: string, exitCode: number | undefined, ending: string }>} `output` is
 *   the end of what it printed, and `ending` says in words how it ended
 */
export function runProgram(args, { timeLimitMs, environment = {} }) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
      // A group of its own, so that the limit also ends what the program has started.
      detached: process.platform !== 'win32',
    });
    let output = '';
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      endGroup(child);
    }, timeLimitMs);
    const endWithUs = () => endGroup(child);
    process.once('exit', endWithUs);

    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (text) => {
      process.stdout.write(text);
      output = (output + text).slice(-outputCharactersMax);
    });
    /** @param {number | undefined} exitCode @param {string} ending */
    const settle = (exitCode, ending) => {
      clearTimeout(timer);
      process.off('exit', endWithUs);
      resolve({ output, exitCode, ending });
    };
    child.on('error', (error) => settle(undefined, `could not be started: ${error.message}`));
    child.on('close', (code, signal) => {
      if (timedOut) settle(undefined, `was ended after its limit of ${timeLimitMs / 1000} s`);
      else if (code === null) settle(undefined, `was ended by ${signal}`);
      else settle(code, `ended with exit code ${code}`);
    });
  });
}

/** @param {import('node:child_process').ChildProcess} child */
function endGroup(child) {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill('SIGKILL');
    else process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
