/** Every planted bug is caught, each by a program of its own: what `npm run sim -- --bugs` prints. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { plantedBugs } from './catalogue.ts';

const program = fileURLToPath(new URL('../../dist/test/planted-bugs/main.js', import.meta.url));

describe('planted bugs', () => {
  it('are all caught', () => {
    expect(existsSync(program)).toBe(true);
    const { stdout, status } = spawnSync(process.execPath, [program], { encoding: 'utf8' });
    expect(stdout).toMatch(new RegExp(`\\n${plantedBugs.length} passed, 0 failed\\n$`));
    expect(stdout).not.toContain('NOT CAUGHT');
    expect(status).toBe(0);
  }, 600_000);
});
