/**
 * Whole conversations in the form of the conformance suite, for what that leaves out: reads, crashes,
 * the window by bytes, quiescence; and scenarios of our own beside it. Each script says what to see
 * in it. What the commands mean is written in test/raft-suite/; after a change of behaviour,
 * `npm run raft-suite -- --rewrite test/transcripts` writes what comes out now, to be read line by line.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { scriptsIn } from '../raft-suite/find-scripts.ts';
import { runScript } from '../raft-suite/run-script.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));
const scripts = scriptsIn(folder);

describe('transcripts', () => {
  it('are there', () => {
    expect(scripts.length).toBeGreaterThan(0);
  });

  for (const script of scripts) {
    it(script.slice(folder.length), () => {
      const { failures } = runScript(script, readFileSync(script, 'utf8'));
      expect(
        failures.map(({ line, command, report }) => [`${line} ${command}`, ...report]),
      ).toEqual([]);
    });
  }
});
