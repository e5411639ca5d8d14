/**
 * The conformance suite on the command line:
 *
 *     npm run raft-suite -- [--rewrite] PATH...
 *
 * runs every `.txt` file in the folders given, at any depth, and every file given by name. It prints
 * a difference for each directive that failed and ends with `N passed, N failed`, which count
 * scripts. With `--rewrite` it writes what came out into the scripts instead: then read the changes.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { scriptsIn } from './find-scripts.ts';
import { rewriteScript, runScript } from './run-script.ts';

function main(words: readonly string[]): number {
  const rewrite = words.includes('--rewrite');
  const paths = words.filter((word) => word !== '--rewrite');
  let passed = 0;
  let failed = 0;
  let scripts: string[] = [];
  try {
    scripts = paths.flatMap(scriptsIn);
  } catch (error) {
    console.log(error instanceof Error ? error.message : String(error));
  }
  if (scripts.length === 0) console.log('no scripts found; usage: raft-suite [--rewrite] PATH...');
  for (const script of scripts) {
    const text = readFileSync(script, 'utf8');
    if (rewrite) writeFileSync(script, rewriteScript(script, text));
    const { kind, directives, failures } = runScript(
      script,
      rewrite ? readFileSync(script, 'utf8') : text,
    );
    if (failures.length === 0) {
      passed++;
      console.log(`ok    ${script} (${kind}, ${directives} directives)`);
      continue;
    }
    failed++;
    console.log(`FAIL  ${script} (${kind}, ${failures.length} of ${directives} directives)`);
    for (const { line, command, report } of failures) {
      console.log(`\n  ${script}:${line} ${command}`);
      for (const text of report) console.log(`    ${text}`);
    }
    console.log('');
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 || passed === 0 ? 1 : 0;
}

process.exitCode = main(process.argv.slice(2));
