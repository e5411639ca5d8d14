/** Runs the conformance suite that lies beside the repository, a test for each script. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { scriptsIn } from './find-scripts.ts';
import { runScript } from './run-script.ts';

const folder = fileURLToPath(new URL('../../../shared/raft-suite', import.meta.url));

describe('the conformance suite', () => {
  if (!existsSync(folder)) {
    it.skip('skipped: there is no ../shared/raft-suite beside the repository', () => {});
    return;
  }
  const scripts = scriptsIn(folder);

  it('has scripts', () => {
    expect(scripts.length).toBeGreaterThan(0);
  });

  for (const script of scripts) {
    it(script.slice(folder.length + 1), () => {
      const { failures } = runScript(script, readFileSync(script, 'utf8'));
      expect(
        failures.map(({ line, command, report }) => [`${line} ${command}`, ...report]),
      ).toEqual([]);
    });
  }
});

describe('a script that is not as it should be', () => {
  it('fails at a command that nobody knows', () => {
    const { failures } = runScript('a.txt', 'add-nodes 1\n----\nok\n\nfrobnicate 1\n----\nok\n');
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatchObject({ line: 5, command: 'frobnicate' });
    expect(failures[0]!.report[0]).toContain('unknown command');
  });

  it('fails where an output differs, and goes on', () => {
    const text = 'vote\n----\nVoteLost\n\ncommitted\n----\n<empty majority quorum>∞\n';
    const { kind, failures } = runScript('a.txt', text);
    expect(kind).toBe('quorum');
    expect(failures).toHaveLength(1);
    expect(failures[0]!.report).toEqual(['@@ -1 +1 @@', '-VoteLost', '+VoteWon']);
  });

  it('fails where no output is expected, or where there is no command at all', () => {
    expect(runScript('a.txt', 'vote').failures).toHaveLength(1);
    expect(runScript('a.txt', '# nothing\n').failures).toHaveLength(1);
    expect(runScript('a.txt', 'vote cfg=(1\n----\nok').failures).toHaveLength(1);
  });
});
