/**
 * Five minutes of seeds that nobody has looked at before, as `npm run sim -- --minutes 5` runs them,
 * in one process, for other tests run beside. A failure prints what repeats it; its schedule goes
 * with the message, for the folder of the run does not last.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';

const program = path.resolve(import.meta.dirname, '../../dist/cli/main.js');
const minutes = 5;
/** What a last seed that fails may take beside, as the command limits it. */
const limitMs = (minutes + 5) * 60_000;

it(`${minutes} minutes of the simulator find nothing`, { timeout: limitMs + 10_000 }, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'quorate-sim-'));
  try {
    const args = [program, 'sim', '--minutes', String(minutes), '--processes', '1'];
    const options = { cwd: folder, timeout: limitMs, maxBuffer: 2 ** 26 };
    const { code, text } = await new Promise<{ code: unknown; text: string }>((resolve) =>
      execFile(process.execPath, args, options, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : (error.code ?? error.signal), text: stdout + stderr }),
      ),
    );
    const schedules = readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => `${name}:\n${readFileSync(path.join(folder, name), 'utf8')}`);
    expect(code, [text, ...schedules].join('\n')).toBe(0);
    expect(text).toMatch(/^[1-9]\d* passed, 0 failed$/m);
    console.log(text);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
