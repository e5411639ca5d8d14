import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Journal } from '../../test/member/journal.ts';
import { openMember } from '../index.ts';
import { recoverCommand } from './recover.ts';

const root = mkdtempSync(path.join(tmpdir(), 'quorate-recover-'));
const dataDir = path.join(root, 'a');
const settings = { log: { segmentBytes: 65_536, batchBytesMax: 16_384, reserveBytes: 0 } };

afterEach(() => {
  vi.restoreAllMocks();
});

/** Runs the command; what it printed, on either output, and its exit code. */
async function run(...args: string[]): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const note = (line: string): void => void lines.push(line);
  vi.spyOn(console, 'log').mockImplementation(note);
  vi.spyOn(console, 'error').mockImplementation(note);
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  return { code: await recoverCommand(args), text: lines.join('\n') };
}

describe('quorate recover', () => {
  it('does nothing without being told --data and --yes, and says so', async () => {
    expect((await run()).code).toBe(2);
    const careful = await run('--data', dataDir);
    expect(careful).toMatchObject({ code: 2, text: expect.stringMatching(/^Nothing was done/) });
  });

  it('refuses a directory without a member, and one whose member runs', async () => {
    await expect(run('--data', root, '--yes')).rejects.toMatchObject({ code: 'not-a-member' });
    const member = await openMember({ name: 'a', dataDir, settings });
    await member.group('journal', new Journal());
    await expect(run('--data', dataDir, '--yes')).rejects.toMatchObject({
      code: 'directory-locked',
    });
    await member.close();
  });

  it('makes the member the only one, and says what counts', async () => {
    const { code, text } = await run('--data', dataDir, '--yes', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(text)).toMatchObject({
      name: 'a',
      memberId: 1,
      groups: expect.arrayContaining([expect.objectContaining({ group: 0 })]),
    });
    const again = await run('--data', dataDir, '--yes');
    expect(again.text).toMatch(/^Member 1 \(a\) is now the only member/);
    const member = await openMember({ name: 'a', dataDir, settings });
    expect(member.members()).toHaveLength(1);
    await member.close();
    rmSync(root, { recursive: true });
  });
});
