/**
 * The script of each founding system twenty times in a row, each time from nothing, with real
 * processes. How often is fixed: this goes on for as long as that takes, whatever the soak was told.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
const timesInARow = 20;
/** Several times what the longest script takes on a busy machine. */
const scriptLimitMs = 180_000;
/** What is kept of a failed script's output, to be shown. */
const outputCharsMax = 20_000;

interface Results {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly numFailedTests: number;
}

/** Runs the script as `npm run systems` does, as a quick test in a runner of its own. */
async function runScript(name: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-soak-'));
  const outputFile = join(folder, 'results.json');
  try {
    const script = `systems/${name}/${name}.test.ts`;
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${outputFile}`];
    const { VITEST: _, QUORATE_TEST_RESULTS: __, ...env } = process.env;
    const child = spawn(process.execPath, [vitest, 'run', script, ...reporters], {
      cwd: root,
      env: { ...env, QUORATE_TIER: 'test' },
      timeout: scriptLimitMs,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes: Buffer) => {
        output = (output + bytes.toString()).slice(-outputCharsMax);
      });
    }
    const [exitCode] = (await once(child, 'close')) as [number | null];
    expect(exitCode, output).toBe(0);
    const results = JSON.parse(readFileSync(outputFile, 'utf8')) as Results;
    expect(results).toMatchObject({ success: true, numFailedTests: 0 });
    // A script that is skipped proves nothing.
    expect(results.numPassedTests).toBeGreaterThan(1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe.each(['kv-rest', 'counters', 'raft-kv', 'one-value', 'ha-worker'])(
  'the script of %s',
  (name) => {
    test.each(Array.from({ length: timesInARow }, (_, i) => i + 1))(
      'time %i',
      () => runScript(name),
      scriptLimitMs + 10_000,
    );
  },
);
